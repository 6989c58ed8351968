"""The gateway says that it is well while clients try to stop it, on both ports and over HTTP."""

from pathlib import Path

from tests.support.attack import BODIES, gateway, probed

TIMES = 15


async def test_health_is_answered_while_the_gateway_is_attacked(broker: str, tmp_path: Path) -> None:
    """Each of many probes is answered, and meanwhile the attacks go on and are answered too.

    An answer may take ten seconds here, because machines of tests are busy; `python -m tests.bench.health` measures it.
    """
    with gateway(broker, tmp_path) as ports:
        found = await probed(ports, TIMES)
    assert all(len(answers) >= TIMES for answers in found.answers.values())
    assert len(found.answers) == 2
    assert found.attacks["connections"] > 0
    assert sum(found.attacks[name] for name in BODIES) > 0

"""`vigia shadow` judges what is on Kafka by two policies as a replay of the same events does, and writes nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from scorers.contract.events import DAY
from tests.faults.proof import Proof
from tests.support.driver import instant, purchase, record
from tests.support.seals import SECRET
from vigia.cli import main
from vigia.lab.embedded_kafka import PARTITIONS, EmbeddedKafka
from vigia.operations.input_copy import COPIED

pytest.importorskip("confluent_kafka")
JANUARY = instant("2024-01-01T09:00:00Z")
HASTY = "[prospects]\nconversion_window = '6d'\n"


@pytest_asyncio.fixture
async def running(tmp_path: Path) -> AsyncIterator[Proof]:
    with EmbeddedKafka() as broker:
        async with Proof(broker.address, "", tmp_path, PARTITIONS) as running:
            yield running


def story() -> list[bytes]:
    """Leads of twelve days and a regular; a hasty policy gives up on the leads sooner."""
    leads = [record("lead.created", JANUARY + day * DAY, f"L{day}", value_minor=100) for day in range(12)]
    return [*leads, *(purchase(JANUARY + day * DAY, "ana") for day in range(0, 15, 2))]


def said(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert not ended.value.code, capsys.readouterr().err
    return capsys.readouterr().out


async def test_the_shadow_is_the_replay_of_what_is_on_kafka(
    running: Proof, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What workers reject is left out; the topics hold the same records before and after."""
    lines = story()
    (tmp_path / "hasty.toml").write_text(HASTY)
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(sorted(lines, key=lambda one: json.loads(one)["time"])) + b"\n")
    for name, value in (
        ("VIGIA_KAFKA", running.broker.address),
        ("VIGIA_SEAL", SECRET),
        ("VIGIA_PARTITIONS", PARTITIONS),
    ):
        monkeypatch.setenv(name, str(value))
    running.tick()
    await running.publish(lines)
    bad = b'{"type": "purchase.completed", "customer_id": "ana"}'
    await running.producer.send_and_wait(running.broker.name("purchases"), bad, key=b"ana")
    await running.producer.send_and_wait(running.broker.name("purchases"), lines[-1], key=b"somebody else")

    async def policy_is_there() -> bool:
        return bool(await running.read("clock"))

    await running.until(policy_is_there)
    before = len(await running.read(*COPIED, "alarms"))
    words = ("shadow", "--policy", tmp_path / "hasty.toml", "--json", "--kafka", running.broker.address)
    shadow = await asyncio.to_thread(said, capsys, *words)
    replayed = await asyncio.to_thread(
        said, capsys, "compare", tmp_path / "events.jsonl", "--policy", tmp_path / "hasty.toml", "--json"
    )
    assert json.loads(shadow) == json.loads(replayed)
    cooling = json.loads(shadow)["moves"]["prospect-cooling"]
    assert cooling["gained"] > 0
    assert len(await running.read(*COPIED, "alarms")) == before

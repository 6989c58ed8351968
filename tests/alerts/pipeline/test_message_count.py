"""How many messages a simulated business gets, in small; `python -m tests.quality.messages` measures a larger one."""

import pytest

from scorers.contract.alarms import Alarm
from tests.quality.messages import ONE_BY_ONE, SHIPPED, business, notify


@pytest.fixture(scope="module")
def alarms() -> list[Alarm]:
    """What the core raises in seven months of a small shop."""
    return business(100, 210, 7)


async def test_a_matter_is_one_message(alarms: list[Alarm]) -> None:
    """J9: at most 1.2 messages for each alarm told, escalations counted, where no digest joins several; and each matter once."""
    found = await notify(alarms, ONE_BY_ONE)
    assert found.alarms > 40
    assert found.per_alarm <= 1.2
    assert found.per_matter <= 1.2


async def test_the_shipped_routes_wake_nobody(alarms: list[Alarm]) -> None:
    """J9: nothing that is not critical from 21:00 to 08:00, and digests make fewer messages than alarms."""
    found = await notify(alarms, SHIPPED)
    assert found.at_night == 0
    assert found.per_alarm < 1.0
    assert found.changes["digest"] > 3

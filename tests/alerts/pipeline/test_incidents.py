"""Incidents survive a stop and a kill, and stay small."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.pipeline.dispatch import Dispatcher
from alerts.pipeline.incident import MAX_KEPT, Delivery, Incident, fold, with_deliveries
from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, HOUR, Instant
from tests.support.hashes import HASHES
from tests.support.routefiles import BUSY
from tests.support.timeline import Story, alarm, alarms, at, settled

HISTORY = [
    alarm("a1", when=at(9)),
    alarm("a2", "defected", when=at(10), customer_id="C2"),
    alarm("a3", when=at(22), customer_id="C2"),
    alarm("a4", when=at(23), customer_id="C3"),
    alarm("a1", when=at(23.5), type="alarm.updated", severity="critical"),
    settled(alarm("a2", "defected", customer_id="C2"), at(30)),
    alarm("a5", when=at(31), customer_id="C5", tier="iron"),
    settled(alarm("a1"), at(33)),
]


@given(cut=st.integers(0, len(HISTORY)), back=st.integers(0, len(HISTORY)), wait=st.sampled_from([0, 1, 9, 24]))
@settings(deadline=None, max_examples=60)
def test_a_clean_restart_repeats_nothing(cut: int, back: int, wait: int) -> None:
    """Stopped at any time, and reading any number of alarms again, it sends exactly the same."""

    async def run(stop: bool) -> list[Any]:
        story = Story(BUSY)
        for one in HISTORY[:cut]:
            await story.push(one)
        await story.until(Instant(story.now + wait * HOUR))
        if stop:
            story = await story.restarted()
            for one in HISTORY[max(0, cut - back) : cut]:
                await story.push(one, now=story.now)
        for one in HISTORY[cut:]:
            await story.push(one, now=max(one.time, story.now))
        await story.until(at(0, days=6))
        return [story.sent(), story.sent("boss")]

    assert asyncio.run(run(stop=True)) == asyncio.run(run(stop=False))


async def test_a_kill_repeats_under_the_same_id() -> None:
    """Killed after sending and before storing, it sends again under the same id."""
    story = Story()
    await story.dispatcher.take(alarm(), at(9))
    written = list(story.store.incidents.values())
    await story.until(at(9))
    after = Story(incidents=written)
    after.sinks = story.sinks
    after.dispatcher = Dispatcher(after.routes, after.sinks, after.store, hashes=HASHES)
    await after.dispatcher.resume(written, at(9))
    await after.until(at(9.5))
    ids = [one.id for one in story.sinks["desk"].taken]
    assert len(ids) == 2
    assert len(set(ids)) == 1


@given(st.lists(alarms, max_size=12))
@settings(deadline=None, max_examples=60)
def test_an_incident_stays_small_and_folds_once(history: list[Alarm]) -> None:
    """Folding a change twice changes nothing, and every list in an incident is bounded."""
    incident: Incident | None = None
    for one in history * 12:
        incident = fold(incident, one, one.time)
        assert fold(incident, one, Instant(one.time + DAY)) == incident
        delivery = Delivery(
            id=f"{len(incident.deliveries)}{one.time}",
            alarm_id="a",
            change="x",
            channel="c",
            state="sent",
            rule="r",
            time=one.time,
            severity="error",
        )
        incident = with_deliveries(incident, delivery)
        assert len(incident.deliveries) <= MAX_KEPT
        assert len(incident.seen) <= MAX_KEPT

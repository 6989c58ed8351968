"""The queue of a channel: retries, pauses, refusals, outages and floods."""

import asyncio
from collections import Counter
from itertools import pairwise

from alerts.channels.contract import Notification, Refused, Retry
from alerts.pipeline import channel_queue
from alerts.pipeline.dispatch import Dispatcher
from scorers.contract.alarms import Alarm
from scorers.contract.events import HOUR, MINUTE, SECOND, Instant
from tests.support.hashes import HASHES
from tests.support.routefiles import PLAIN, TWO
from tests.support.timeline import Sink, Story, alarm, at, settled


async def test_a_channel_down_for_a_day_delays_no_other() -> None:
    """N4: other channels go on; this one is tried seldom, its queue is bounded, and all is sent in order afterwards."""
    story = Story(TWO)
    story.sinks["boss"].fault = Retry("500")
    for number in range(60):
        await story.push(alarm(f"a{number:02}", when=Instant(at(9) + number * MINUTE), customer_id=f"C{number}"))
    await story.until(at(0, days=1))
    assert story.dispatcher.queues["boss"].paused_until > story.now - channel_queue.LONGEST_PAUSE, (
        "it is left alone for a while"
    )
    assert (len(story.dispatcher.queues["boss"]), story.dispatcher.queues["boss"].folded) == (36, 24)
    story = await story.restarted()  # what waits is in the incidents, not in a queue that a stop would empty
    await story.until(at(9, days=1))
    assert len(story.sent("desk")) == 60
    assert 20 < len(story.sinks["boss"].tried) < 150
    story.sinks["boss"].fault = None
    await story.until(at(10, days=1))
    ids = [ids for _, _, ids in story.sent("boss")]
    assert ids[:36] == [(f"a{number:02}",) for number in range(36)]
    assert ids[36:] == [tuple(f"a{number:02}" for number in range(36, 60))]
    folded = [key for key, incident in story.store.incidents.items() if incident.deliveries[-1].rule == "folded"]
    assert folded == [f"a{number}" for number in range(36, 60)]
    assert {one.state for incident in story.store.incidents.values() for one in incident.deliveries} == {"sent"}


async def test_after_an_outage_the_oldest_goes_first() -> None:
    """A delivery with a long wait goes with the others as soon as the channel is back."""
    story = Story()
    story.sinks["desk"].fault = Retry("500")
    await story.push(alarm("a1", when=at(9)))
    await story.push(alarm("a2", when=at(9.12), customer_id="C2"))
    await story.until(at(9.125))
    assert story.dispatcher.queues["desk"].failures >= channel_queue.FAILURES_BEFORE_PAUSE
    story.sinks["desk"].fault = None
    await story.until(at(9.2))
    assert [ids for _, _, ids in story.sent()] == [("a1",), ("a2",)]


async def test_what_ended_during_an_outage_is_not_sent() -> None:
    """After an outage only open alarms are sent; the end is sent only for those that may have arrived."""
    story = Story()
    story.sinks["desk"].fault = Retry("500")
    for number in range(8):
        await story.push(alarm(f"a{number}", when=Instant(at(9) + number * SECOND), customer_id=f"C{number}"))
    await story.until(at(9.5))
    tried = {key for key, incident in story.store.incidents.items() if incident.deliveries[0].attempts}
    assert 0 < len(tried) < 7
    for number in range(7):
        await story.push(settled(alarm(f"a{number}", customer_id=f"C{number}"), at(9.5)))
    story.sinks["desk"].fault = None
    await story.until(at(12))
    begun = {ids[0] for _, change, ids in story.sent() if change == "alarm.raised"}
    over = {ids[0] for _, change, ids in story.sent() if change == "alarm.settled"}
    assert begun == tried | {"a7"}
    assert over == tried - {"a7"}


async def test_retries_keep_their_schedule_and_end() -> None:
    """N1: waits follow the specification, varied by a fifth at most; after three days the delivery is given up."""
    story = Story()
    tried = []

    class Picky(Sink):
        async def send(self, notification: Notification) -> None:
            if notification.alarms[0].alarm_id == "a1":
                tried.append(notification.sent_at)
                raise Retry("500")
            await super().send(notification)

    story.dispatcher.queues["desk"].channel = Picky()
    await story.push(alarm())
    for hour in range(10, 130):
        await story.push(alarm(f"b{hour}", when=at(hour), customer_id=f"C{hour}"))
    waits = [later - sooner for sooner, later in pairwise(tried)]
    assert len(waits) == 8
    for wait, wanted in zip(waits, channel_queue.BACKOFF, strict=False):
        assert 0.79 * wanted < wait < 1.21 * wanted
    assert len({round(wait / wanted, 6) for wait, wanted in zip(waits, channel_queue.BACKOFF, strict=False)}) > 4
    record = story.store.incidents["a1"].deliveries[0]
    assert (record.state, record.rule, record.detail) == ("failed", "gave_up", "500")


async def test_retry_after_pauses_the_channel() -> None:
    """N1: Retry-After pauses the whole channel for the time that it asks for."""
    story = Story()
    story.sinks["desk"].fault = Retry("429", after=2 * HOUR)
    await story.push(alarm())
    story.sinks["desk"].fault = None
    await story.push(alarm("a2", when=at(10), customer_id="C2"))
    await story.until(at(12))
    assert story.sinks["desk"].tried == [at(9), at(11), at(11)]
    assert [ids for _, _, ids in story.sent()] == [("a1",), ("a2",)]


async def test_refused_ends_one_and_disable_ends_all() -> None:
    """Refused fails one notification; with disable the channel is closed, and later deliveries say so."""
    story = Story()
    story.sinks["desk"].fault = Refused("413")
    await story.push(alarm("a1"))
    story.sinks["desk"].fault = None
    await story.push(alarm("a2", customer_id="C2"))
    story.sinks["desk"].fault = Refused("410: gone", disable=True)
    await story.push(alarm("a3", customer_id="C3"))
    await story.push(alarm("a4", customer_id="C4"))
    assert [ids for _, _, ids in story.sent()] == [("a2",)]
    assert story.rules("a1") + story.rules("a3") + story.rules("a4") == ["refused", "refused", "channel_disabled"]
    assert story.dispatcher.queues["desk"].disabled == "410: gone"


async def test_a_flood_is_combined_and_nothing_is_lost() -> None:
    """N5: ten thousand alarms in a second give a few messages, then one; each alarm has its delivery."""
    story = Story(PLAIN.replace("tell_end = true", "tell_end = true\nper_hour = 20\nqueue = 20000"))
    for number in range(10_000):
        await story.dispatcher.take(alarm(f"a{number}", customer_id=f"C{number}"), at(9))
    await story.until(at(11))
    assert [len(ids) for _, _, ids in story.sent()] == [1] * 20 + [9_980]
    assert story.sent()[-1][0] == at(10)
    assert {incident.deliveries[0].state for incident in story.store.incidents.values()} == {"sent"}
    assert len(story.dispatcher.queues["desk"]) == 0
    lines = story.sinks["desk"].taken[-1].message.lines
    assert lines[-1].text == "and 9950 more, less urgent"


async def test_an_alarm_storm_delays_no_critical_alarm() -> None:
    """Far beyond the queue nothing is lost: it goes with a digest that counts it; critical alarms have places and go first."""
    story = Story(PLAIN.replace("tell_end = true", "tell_end = true\nper_hour = 20\nqueue = 200"))
    story.sinks["desk"].fault = Retry("500")
    for number in range(3_000):
        severity = "error" if number % 3 else "warning"
        await story.dispatcher.take(alarm(f"a{number}", customer_id=f"C{number}", severity=severity), at(9))
    await story.dispatcher.take(alarm("worst", customer_id="W", severity="critical"), at(9))
    queue = story.dispatcher.queues["desk"]
    assert (len(queue), queue.folded) == (181, 2_820)
    held = sum(one.alarm is not None for group in queue._groups.values() for one in group.values())
    assert held == 181
    story = await story.restarted()
    assert (len(story.dispatcher.queues["desk"]), story.dispatcher.queues["desk"].folded) == (181, 2_820)
    await story.dispatcher.take(settled(alarm("a2999", customer_id="C2999"), at(9)), at(9))
    story.sinks["desk"].fault = None
    await story.until(at(14))
    taken = story.sinks["desk"].taken
    assert [one.alarm_id for one in taken[0].alarms] == ["worst"]
    by_size = [len(one.alarms) + one.counted for one in taken]
    assert (by_size[:21], sum(by_size)) == ([1] * 21, 3_000)
    digest = max(taken, key=lambda one: one.counted)
    assert (len(digest.alarms), digest.counted) == (30, 2_819 - 30)
    assert {one.severity for one in digest.alarms} == {"error"}
    assert digest.message.title.startswith("2,819 alarms: C")
    assert digest.message.title.endswith(" and 2,816 more")
    assert digest.message.lines[-1].text.startswith("and 1,849 error, 940 warning, too many")
    states = Counter(incident.deliveries[0].state for incident in story.store.incidents.values())
    assert states == {"sent": 3_000, "stopped": 1}


async def test_all_places_taken_by_critical_alarms_fold_too() -> None:
    """Even a storm of critical alarms is bounded, and counted."""
    story = Story(PLAIN.replace("tell_end = true", "tell_end = true\nqueue = 10"))
    story.sinks["desk"].fault = Retry("500")
    for number in range(25):
        await story.dispatcher.take(alarm(f"a{number}", customer_id=f"C{number}", severity="critical"), at(9))
    assert (len(story.dispatcher.queues["desk"]), story.dispatcher.queues["desk"].folded) == (10, 15)
    story.sinks["desk"].fault = None
    await story.until(at(12))
    assert sum(len(one.alarms) for one in story.sinks["desk"].taken) == 25


async def test_no_channel_stalls_the_running_notifier() -> None:
    """In the real loop a channel that never answers delays no other, and a stop completes attempts in progress."""
    story = Story(TWO)
    hang, both = asyncio.Event(), asyncio.Event()

    class Slow(Sink):
        async def send(self, notification: Notification) -> None:
            await hang.wait()
            await super().send(notification)

    class Quick(Sink):
        async def send(self, notification: Notification) -> None:
            await super().send(notification)
            if len(self.taken) == 2:
                both.set()

    sinks: dict[str, Sink] = {"desk": Quick(), "boss": Slow()}
    dispatcher = Dispatcher(story.routes, sinks, story.store, hashes=HASHES)
    stop = asyncio.Event()

    async def publish(one: Alarm) -> None:
        story.published.append(one)

    running = asyncio.create_task(dispatcher.run(lambda: at(9), publish, stop))
    await dispatcher.take(alarm("a1"), at(9))
    await dispatcher.take(alarm("a2", customer_id="C2"), at(9))
    await both.wait()
    assert sinks["boss"].taken == []
    stop.set()
    hang.set()
    await running
    assert [one.alarms[0].alarm_id for one in sinks["boss"].taken] == ["a1"]
    assert {record.channel: record.state for record in story.store.incidents["a1"].deliveries} == dict.fromkeys(
        sinks, "sent"
    )
    assert story.store.incidents["a2"].deliveries[1].state == "waiting"


async def test_an_error_in_text_or_channel_is_contained() -> None:
    """An error in a channel is a retry; an alarm for which no text can be composed fails alone."""
    story = Story()
    story.sinks["desk"].fault = ZeroDivisionError()
    await story.push(alarm("a1"))
    story.sinks["desk"].fault = None
    await story.push(alarm("a2", customer_id="C2", risk=float("nan"), horizon_days="soon"))
    await story.until(at(9.5))
    assert [ids for _, _, ids in story.sent()] == [("a1",)]
    assert story.rules("a2") == ["no_words"]

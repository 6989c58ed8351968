"""An erased customer is deleted from the notifier, whatever is read again or being sent."""

import asyncio
from types import SimpleNamespace

import msgspec
import pytest

from alerts.channels.contract import Notification, Refused, Retry
from alerts.pipeline.incident import encode_incident
from scorers.contract.alarms import Subject
from scorers.contract.events import CustomerErased, Instant
from scorers.contract.wire import encode_event
from tests.support.hashes import HASHES
from tests.support.timeline import Sink, Story, alarm, at, settled
from vigia.runtime.erasures import read_erasure


async def test_an_erased_customer_is_gone() -> None:
    """After an erasure no incident is left, open or over, and no delivery, even if it was tried before."""
    story = Story()
    await story.push(alarm("over"))
    await story.push(settled(alarm("over"), at(9)))
    story = await story.restarted()
    story.sinks["desk"].taken.clear()
    story.sinks["desk"].fault = Retry("500")
    await story.push(alarm())
    assert len(story.dispatcher.queues["desk"]) == 1
    await story.dispatcher.forget("C1", at(9.5), "e1", at(10))
    story.sinks["desk"].fault = None
    await story.until(at(0, days=2))
    assert story.sent() == []
    assert "C1" not in kept(story)
    assert not {"over", "a1"} & story.store.incidents.keys()


def kept(story: Story) -> str:
    """The content of the store, as text."""
    return b" ".join(encode_incident(incident) for incident in story.store.incidents.values()).decode()


@pytest.mark.parametrize("restart", [False, True])
async def test_alarms_of_before_an_erasure_are_dropped_if_read_later(restart: bool) -> None:
    """D13: alarms are on another topic, so older ones may be read later; those of a customer who returns are sent again."""
    story = Story()
    await story.dispatcher.forget("C1", at(9.5), "e1", at(10))
    story.now = at(10)
    if restart:
        story = await story.restarted()
    await story.push(alarm("before", when=at(9)), now=at(10))
    await story.push(settled(alarm("before", when=at(9)), at(9.2)), now=at(10))
    silent = alarm("silence", when=at(9.7))  # time had passed before the erasure was read
    await story.push(silent, now=at(10))
    await story.push(msgspec.structs.replace(settled(silent, at(9.8)), cause=("e1",)), now=at(10))
    assert set(story.store.incidents) == {key for key in story.store.incidents if key.startswith("erased/")}
    await story.push(alarm("anew", when=at(10.5)))
    assert [ids for _, _, ids in story.sent() if ids != ("silence",)] == [("anew",)]


async def test_an_erasure_twice_and_a_later_one() -> None:
    """The marker is the same in any order of erasures, and covers the time up to the latest."""
    story = Story()
    for when, event in ((9.5, "e1"), (9.5, "e1"), (12, "e2"), (9.5, "e1")):
        await story.dispatcher.forget("C1", at(when), event, at(13))
    (mark,) = story.store.incidents.values()
    assert (mark.true_since, set(mark.alarm.cause)) == (at(12), {HASHES.of("e1"), HASHES.of("e2")})
    assert "C1" not in kept(story)


async def test_an_erasure_that_is_read_again_leaves_the_new_customer_alone() -> None:
    """Its alarms are those of a customer who came back; another erasure deletes them."""
    story = Story()
    await story.dispatcher.forget("C1", at(9.5), "e1", at(10))
    await story.push(alarm("anew", when=at(10.5)))
    await story.dispatcher.forget("C1", at(9.5), "e1", at(11))
    assert "anew" in story.store.incidents
    await story.dispatcher.forget("C1", at(11), "e2", at(11))
    assert "anew" not in story.store.incidents


def test_an_erasure_that_is_dated_ahead_counts_from_when_it_was_written() -> None:
    """So it hides no alarm of a customer who comes back before the time that it carries."""
    event = CustomerErased(id="e1", source="crm", time=Instant(at(9, days=300)), customer_id="C1")
    record = SimpleNamespace(key=b"C1", value=encode_event(event), timestamp=at(9) // 1000, partition=0, offset=0)
    found = read_erasure(record)
    assert found is not None
    assert found.at == at(9)


@pytest.mark.parametrize("fault", [None, Retry("500"), Refused("413")])
async def test_a_customer_erased_during_a_delivery_leaves_no_trace(fault: Exception | None) -> None:
    """However the attempt ends, nothing of the customer is kept, and the queue goes on."""
    story = Story()
    erased = asyncio.Event()

    class Slow(Sink):
        async def send(self, notification: Notification) -> None:
            if not erased.is_set():
                await story.dispatcher.forget("C1", at(9.5), "e1", at(9.5))
                erased.set()
                if fault is not None:
                    raise fault
            await super().send(notification)

    slow = Slow()
    story.dispatcher.queues["desk"].channel = slow
    await story.push(alarm())
    await story.push(alarm("a2", when=at(10), customer_id="C2", subject=Subject("customer", "C2")))
    await story.until(at(0, days=1))
    assert [one.alarms[0].alarm_id for one in slow.taken] == (["a1", "a2"] if fault is None else ["a2"])
    assert "C1" not in kept(story)
    assert len(story.dispatcher.queues["desk"]) == 0

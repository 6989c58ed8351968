"""Which incidents the notifier keeps, and for how long: none of what no route names, and none for ever."""

from alerts.pipeline.dispatch import Dispatcher
from alerts.pipeline.incident import Action
from alerts.pipeline.retention import KEPT_AFTER_END, Retention
from scorers.contract.events import DAY, Instant
from tests.support.hashes import HASHES
from tests.support.routefiles import DESK, PLAIN
from tests.support.timeline import Story, alarm, at, settled

NAMED = PLAIN.replace(
    "[[route]]", '[[route]]\nname = "stages"\nkind = ["stage-changed"]\nto = ["desk"]\n\n[[route]]', 1
)


async def test_state_changes_that_no_route_names_keep_no_incident() -> None:
    """They are decided and counted, and leave nothing; where a route names them they are sent and kept."""
    for routes, kept in ((PLAIN, 0), (NAMED, 50)):
        story = Story(routes)
        for number in range(50):
            change = alarm(f"a{number}", "stage-changed", severity="info", customer_id=f"C{number}")
            (decided,) = await story.push(change)
            assert (decided.state, decided.rule) == (("waiting", "first") if kept else ("stopped", "state_change"))
        assert len(story.store.incidents) == kept
        assert len(story.dispatcher._by_customer) == kept
        assert len(story.sent()) == kept


async def test_history_leaves_only_what_is_open() -> None:
    """A start on years of history keeps no incident of alarms that are over and of which nothing was sent."""
    story = Story()
    for number in range(50):
        old = alarm(f"a{number}", when=at(9), customer_id=f"C{number}")
        await story.push(old, now=at(9, days=400))
        if number:
            await story.push(settled(old, at(10)), now=at(9, days=400))
    assert list(story.store.incidents) == ["a0"]
    assert story.dispatcher._by_customer == {"C0": {"a0"}}


async def test_what_was_sent_is_kept_for_its_time_and_deleted_while_it_runs() -> None:
    """An ended incident stays 90 days after the last delivery; an open one stays."""
    story = Story()
    for number in range(3):
        await story.push(alarm(f"a{number}", customer_id=f"C{number}"))
    for number in range(2):
        await story.push(settled(alarm(f"a{number}", customer_id=f"C{number}"), at(10, days=number)))
    assert await story.dispatcher.purge(Instant(at(10) + KEPT_AFTER_END)) == 0
    assert await story.dispatcher.purge(Instant(at(10) + KEPT_AFTER_END + 1)) == 1
    assert list(story.store.incidents) == ["a1", "a2"]
    after = await story.restarted()
    assert await after.dispatcher.purge(at(11, days=91)) == 1
    assert list(after.store.incidents) == ["a2"]
    assert after.dispatcher._by_customer == {"C2": {"a2"}}


async def test_what_somebody_did_is_kept() -> None:
    """An alarm that was not sent keeps its incident if a person acted on it."""
    story = Story()
    old = alarm("a1", when=at(9))
    await story.push(old, now=at(9, days=400))
    action = Action(alarm_id="a1", customer_id="C1", action="ack", by="Ana")
    await story.dispatcher.act(action, story.now)
    await story.push(settled(old, at(10)), now=at(9, days=400))
    assert list(story.store.incidents) == ["a1"]


async def test_no_more_than_so_many_ended_incidents_are_kept() -> None:
    """A flood of alarms that end leaves the newest of them."""
    story = Story()
    story.dispatcher.retention = Retention(most=10)
    for number in range(25):
        await story.push(alarm(f"a{number:02}", customer_id=f"C{number}"))
        await story.push(settled(alarm(f"a{number:02}", customer_id=f"C{number}"), at(9)))
    await story.until(at(12))
    assert await story.dispatcher.purge(story.now) == 15
    assert sorted(story.store.incidents) == [f"a{number}" for number in range(15, 25)]


async def test_a_start_deletes_what_is_over() -> None:
    """What has ended long ago goes at the next start, before anything is read."""
    story = Story()
    await story.push(alarm("a1"))
    await story.push(settled(alarm("a1"), at(10)))
    after = Dispatcher(story.routes, story.sinks, story.store, hashes=HASHES)
    await after.resume(list(story.store.incidents.values()), Instant(at(10) + 91 * DAY))
    assert story.store.incidents == {}


async def test_info_of_a_digest_is_kept_for_a_week() -> None:
    """A shop has thousands of such alarms a year; what is graver, or what somebody acted on, is kept for longer."""
    routes = f'{DESK}\n[[route]]\nname = "info"\nseverity = ["info", "error"]\ndigest = ["09:00"]\nto = ["desk"]\n'
    story = Story(routes)
    raised = [
        alarm(f"a{n}", customer_id=f"C{n}", severity=severity) for n, severity in enumerate(("info", "error", "info"))
    ]
    for one in raised:
        await story.push(one)
    await story.dispatcher.act(Action(alarm_id="a2", action="ack", by="eva", id="x"), at(10))
    for one in raised:
        await story.push(settled(one, at(11)))
    await story.until(at(12, days=2))
    assert len(story.dispatcher.retention) == 3
    await story.dispatcher.purge(at(12, days=9))
    assert sorted(story.store.incidents) == ["a1", "a2"]

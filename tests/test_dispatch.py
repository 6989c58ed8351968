"""The notifier on a time line: what is pushed when, what is told when, and by which rule the rest is not."""

import asyncio
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts import lifecycle, line, stages
from alerts.channels import Notification, Refused, Retry
from alerts.dispatch import RELEASE, Dispatcher, Memory
from alerts.lifecycle import Action, Case, NotPossible, Record
from alerts.message import compose, digest
from alerts.playbooks import KINDS, PLANS, plan_for
from alerts.routes import read
from alerts.text import inert
from scorers import kinds as catalogue
from scorers.alarm import Alarm, Reason, Subject
from scorers.events import DAY, EXIT_REASONS, HOUR, MINUTE, SECOND, Instant
from scorers.kinds import STATE_CHANGES

MONDAY = Instant(1_704_067_200_000_000)  # 2024-01-01T00:00:00Z
DESK = """
[channel.desk]
type = "log"
tell_end = true
"""
PLAIN = (
    DESK
    + """
[[route]]
name = "all"
to = ["desk"]
"""
)


def at(hours: float, days: int = 0) -> Instant:
    """The instant so long after Monday's midnight."""
    return Instant(MONDAY + days * DAY + round(hours * HOUR))


NINE = at(9)


def alarm(alarm_id: str = "a1", kind: str = "risk-high", when: Instant = NINE, **changed: Any) -> Alarm:
    """An alarm raised at that instant."""
    base = Alarm(
        type="alarm.raised",
        alarm_id=alarm_id,
        dedup_key=alarm_id,
        subject=Subject("customer", "C1"),
        customer_id="C1",
        kind=kind,
        severity="error",
        time=when,
        at=when,
        tier="gold",
        policy_version="p1",
        figures_version="f1",
        model_version="m1",
    )
    return msgspec.structs.replace(base, **changed)


def settled(of: Alarm, when: Instant) -> Alarm:
    """The end of that alarm."""
    return msgspec.structs.replace(of, type="alarm.settled", time=when, outcome="saved")


class Sink:
    """A channel that keeps what it takes, and fails as long as it is told to."""

    def __init__(self) -> None:
        self.taken: list[Notification] = []
        self.tried: list[Instant] = []
        self.fault: Exception | None = None

    async def send(self, notification: Notification) -> None:
        self.tried.append(notification.sent_at)
        if self.fault is not None:
            raise self.fault
        self.taken.append(notification)

    async def close(self) -> None:
        pass


class Story:
    """A dispatcher on fake time: every instant at which something is due is visited, in order."""

    def __init__(self, routes: str = PLAIN, sinks: dict[str, Sink] | None = None, cases: Iterable[Case] = ()) -> None:
        self.routes = read(routes)
        self.sinks = sinks or {name: Sink() for name in self.routes.channels}
        self.store = Memory(cases)
        self.dispatcher = Dispatcher(self.routes, self.sinks, self.store)
        self.now = MONDAY
        self.published: list[Alarm] = []

    async def push(self, given: Alarm, now: Instant | None = None) -> tuple[Record, ...]:
        """The alarm is read at `now`, by default at its own time."""
        await self.until(now or given.time)
        records = await self.dispatcher.take(given, self.now)
        await self.until(self.now)
        return records

    async def until(self, end: Instant) -> None:
        """Let time pass."""
        while True:
            for climbed in await self.dispatcher.tick(self.now):
                self.published.append(climbed)
                await self.dispatcher.take(climbed, self.now)
            soon = [again for name in self.sinks if (again := await self._empty(name)) is not None]
            moves = self.dispatcher._moves
            soon += [moves[0][0]] if moves else []
            step = min([one for one in soon if one > self.now], default=end)
            if step > end or (step == end and self.now >= end):
                break
            self.now = step
        self.now = max(self.now, end)

    async def _empty(self, name: str) -> Instant | None:
        while (again := await self.dispatcher.deliver(name, self.now)) is not None and again <= self.now:
            pass
        return again

    async def restarted(self) -> "Story":
        """The same, after a clean stop: only the cases are left."""
        after = Story.__new__(Story)
        cases = [lifecycle.load(lifecycle.dump(case)) for case in self.store.cases.values()]
        after.routes, after.sinks, after.now = self.routes, self.sinks, self.now
        after.store, after.published = Memory(cases), self.published
        after.dispatcher = Dispatcher(after.routes, after.sinks, after.store)
        await after.dispatcher.resume(cases, self.now)
        return after

    def told(self, channel: str = "desk") -> list[tuple[Instant, str, tuple[str, ...]]]:
        """When, what change, which alarms."""
        return [
            (one.sent_at, one.change, tuple(sorted(a.alarm_id for a in one.alarms)))
            for one in self.sinks[channel].taken
        ]

    def rules(self, alarm_id: str = "a1") -> list[str]:
        """The rules in the case, in order."""
        return [record.rule for record in self.store.cases[alarm_id].records]


async def test_one_alarm_is_told_once() -> None:
    """Raised is told; the same read again, a double with another time and more of the same are not; worse and over are."""
    story = Story()
    first = alarm()
    await story.push(first)
    await story.push(first, now=at(9.5))
    await story.push(alarm(when=at(10)))
    await story.push(alarm(when=at(11), type="alarm.updated"))
    await story.push(alarm(when=at(12), type="alarm.updated", severity="critical"))
    await story.push(settled(first, at(13)))
    await story.push(settled(first, at(14)))
    assert story.told() == [
        (at(9), "alarm.raised", ("a1",)),
        (at(12), "alarm.updated", ("a1",)),
        (at(13), "alarm.settled", ("a1",)),
    ]
    assert story.rules() == ["first", "already_sent", "nothing_worse", "worse", "ended", "never_told"]


async def test_a_start_on_years_of_history_pages_nobody() -> None:
    """A deadline that was found in time, two years ago, is old to the one who reads it now."""
    story = Story()
    await story.push(alarm(), now=at(9, days=730))
    await story.push(alarm(when=at(10), type="alarm.updated", severity="critical"), now=at(9.5, days=730))
    await story.push(alarm("a2", when=at(9, days=728)), now=at(10, days=730))
    assert story.told() == []
    assert story.rules() == ["too_old", "too_old"]
    assert story.rules("a2") == ["too_old"]


async def test_what_was_found_in_time_stays_worth_telling() -> None:
    """The age counts to where the alarm was first read, not to its later changes."""
    story = Story()
    await story.push(alarm(), now=at(9, days=2))
    await story.push(alarm(when=at(9, days=9), type="alarm.updated", severity="critical"))
    assert [change for _, change, _ in story.told()] == ["alarm.raised", "alarm.updated"]


async def test_a_new_beginning_is_told_again() -> None:
    """After its end the same alarm raised anew is news, also where the end itself is not told."""
    story = Story(PLAIN.replace("tell_end = true", ""))
    await story.push(alarm())
    await story.push(settled(alarm(), at(10)))
    await story.push(alarm(when=at(11), type="alarm.updated"))
    await story.push(alarm(when=at(12)))
    assert [change for _, change, _ in story.told()] == ["alarm.raised", "alarm.raised"]
    assert len({one.id for one in story.sinks["desk"].taken}) == 2


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"kind": "stage-changed", "severity": "info"}, "state_change"),
        ({"severity": "info"}, "info"),
        ({"at": Instant(at(9) - 2 * DAY)}, "first"),
        ({"at": Instant(at(9) - 2 * DAY - 1)}, "too_old"),
        ({"type": "alarm.acknowledged"}, "bookkeeping"),
        ({"type": "alarm.settled"}, "never_told"),
    ],
)
async def test_each_silence_has_a_name(changed: dict[str, Any], rule: str) -> None:
    """What is stopped is recorded under the name of the stage that did it, and goes nowhere."""
    story = Story()
    records = await story.push(alarm(**changed))
    assert [record.rule for record in records] == [rule]
    assert len(story.told()) == (rule == "first")


async def test_info_goes_where_a_route_names_it() -> None:
    """A route may ask for severity info, or for a state change by its kind."""
    story = Story(
        DESK
        + """
[[route]]
name = "curious"
kind = ["reactivated"]
to = ["desk"]
[[route]]
name = "reader"
severity = ["info"]
to = ["desk"]
"""
    )
    await story.push(alarm("a1", "reactivated", severity="info"))
    await story.push(alarm("a2", "boredom", severity="info"))
    await story.push(alarm("a3", "stage-changed", severity="info"))
    await story.push(alarm("a4", severity="error"))
    assert [ids for _, _, ids in story.told()] == [("a1",), ("a2",)]
    assert story.rules("a4") == ["no_route"]


NIGHT = (
    DESK
    + """
[interval.night]
start = "21:00"
end = "08:00"
[[route]]
name = "gravest"
severity = ["critical"]
to = ["desk"]
[[route]]
name = "all"
quiet = "night"
to = ["desk"]
"""
)


async def test_quiet_hours_hold_back_and_gather() -> None:
    """What comes at night goes in the morning as one; what ends before is never told; the gravest goes at once."""
    story = Story(NIGHT)
    await story.push(alarm("a1", when=at(20.99)))
    await story.push(alarm("a2", when=at(21)))
    await story.push(alarm("a3", when=at(23), customer_id="C2"))
    await story.push(alarm("a4", when=at(23.5), customer_id="C3"))
    await story.push(alarm("a5", when=at(23.6), customer_id="C4", severity="critical"))
    await story.push(settled(alarm("a3"), at(2, days=1)))
    await story.until(at(12, days=1))
    assert story.told() == [
        (at(20.99), "alarm.raised", ("a1",)),
        (at(23.6), "alarm.raised", ("a5",)),
        (at(8, days=1), "digest", ("a2", "a4")),
    ]
    assert story.rules("a3") == ["ended_first", "never_told"]


SHIPPED = """
[channel.desk]
type = "log"
[[route]]
name = "gravest"
severity = ["critical"]
to = ["desk"]
[[route]]
name = "lead"
tier = ["lead"]
suppress = "do_not_spend"
[[route]]
name = "iron"
tier = ["iron"]
digest = ["09:00", "16:00"]
to = ["desk"]
"""


async def test_iron_goes_to_a_digest_and_lead_is_not_spent_on() -> None:
    """T4: iron is gathered, lead has the explicit outcome do_not_spend; a critical alarm of either goes at once."""
    story = Story(SHIPPED)
    await story.push(alarm("a1", tier="iron", when=at(9)))
    await story.push(alarm("a2", tier="iron", when=at(10)))
    await story.push(alarm("a3", tier="lead", when=at(11)))
    await story.push(alarm("a4", tier="lead", severity="critical", when=at(12)))
    await story.push(alarm("a5", tier="iron", severity="critical", when=at(13)))
    await story.until(at(23))
    assert story.told() == [
        (at(12), "alarm.raised", ("a4",)),
        (at(13), "alarm.raised", ("a5",)),
        (at(16), "digest", ("a1", "a2")),
    ]
    assert story.rules("a3") == ["do_not_spend"]


INHIBIT = (
    PLAIN + '[inhibit]\ndefected = ["risk-high", "gone-quiet"]\ncomplaint-overdue = ["complaint-unacknowledged"]\n'
)


async def test_a_larger_alarm_mutes_smaller_ones_of_the_same_customer_only() -> None:
    """A3: the smaller is recorded as inhibited; another customer's, and a larger one itself, are told."""
    story = Story(INHIBIT)
    await story.push(alarm("big", "defected"))
    await story.push(alarm("small", when=at(10)))
    await story.push(alarm("other", when=at(10), customer_id="C2"))
    assert [ids for _, _, ids in story.told()] == [("big",), ("other",)]
    assert story.rules("small") == ["inhibited"]
    assert "big" in story.store.cases["small"].records[0].detail


async def test_one_complaint_does_not_mute_another() -> None:
    """Two cases of one customer are two matters."""
    story = Story(INHIBIT)
    for key, kind, case in (("k1", "complaint-overdue", "K1"), ("k2", "complaint-unacknowledged", "K2")):
        await story.push(alarm(key, kind, subject=Subject("complaint", case)))
    await story.push(alarm("k3", "complaint-unacknowledged", subject=Subject("complaint", "K1")))
    assert [ids for _, _, ids in story.told()] == [("k1",), ("k2",)]


async def test_what_was_muted_is_told_when_the_larger_ends() -> None:
    """After the larger ended the smaller gets its turn, a little later, unless the same news ended it too."""
    story = Story(INHIBIT)
    big = alarm("big", "defected")
    for key, kind in (("s1", "risk-high"), ("s2", "gone-quiet")):
        await story.push(big)
        await story.push(alarm(key, kind, when=at(10)))
    await story.push(settled(big, at(12)))
    await story.push(settled(alarm("s2", "gone-quiet"), at(12)))
    await story.until(at(20))
    assert story.told()[1:] == [
        (at(12), "alarm.settled", ("big",)),
        (Instant(at(12) + RELEASE), "alarm.raised", ("s1",)),
    ]
    assert story.rules("s2") == ["inhibited", "ended_first", "never_told"]


async def test_an_alarm_that_nobody_heard_of_mutes_nothing() -> None:
    """History read at the start is recorded, not sent, and hides no news."""
    story = Story(INHIBIT)
    await story.push(alarm("big", "defected", at=Instant(at(9) - 30 * DAY)))
    await story.push(alarm("small", when=at(10)))
    assert [ids for _, _, ids in story.told()] == [("small",)]


async def test_held_out_alarms_are_a_steady_share() -> None:
    """A8: about the given share is held out, the same ones each time, and never an alarm about no customer."""
    routes = read("hold_out = 0.3\n" + PLAIN)
    world = stages.World(routes)

    def held(one: Alarm) -> bool:
        return stages.decide(stages.ask(one, None, one.time, world))[0].rule == "held_out"

    many = [alarm(f"a{n}") for n in range(2000)]
    first = [held(one) for one in many]
    assert first == [held(msgspec.structs.replace(one, time=at(30), at=at(30))) for one in many]
    assert 500 < sum(first) < 700
    assert not any(held(msgspec.structs.replace(one, customer_id=None)) for one in many)


LADDER = (
    PLAIN
    + """
[channel.boss]
type = "log"
[ladder.gold]
rungs = [{ after = "1h", to = ["boss"] }, { after = "4h", to = ["boss", "desk"] }]
remind = "1d"
"""
)


async def test_nobody_answers() -> None:
    """A2, A3: the ladder climbs at its hours, each rung once; reminders slow down with age; the end stops both."""
    story = Story(LADDER)
    await story.push(alarm())
    await story.until(at(10, days=8))
    climbed = [(when, change) for when, change, _ in story.told("boss") if change != "reminder"]
    assert climbed == [(at(10), "alarm.escalated"), (at(13), "alarm.escalated")]
    assert [(when, change) for when, change, _ in story.told()] == [
        (at(9), "alarm.raised"),
        (at(13), "alarm.escalated"),
        (at(9, days=1), "reminder"),
        (at(9, days=3), "reminder"),
        (at(9, days=7), "reminder"),
    ]
    assert [one.time for one in story.published] == [at(10), at(13)]
    await story.push(settled(alarm(), at(12, days=8)))
    before = len(story.told())
    await story.until(at(0, days=60))
    assert len(story.told()) == before


async def test_an_acknowledgement_stops_the_ladder() -> None:
    """Who takes an alarm on is not pressed; the alarms topic learns of it once; later news is told if it is worse."""
    story = Story(LADDER)
    await story.push(alarm())
    await story.until(at(9.5))
    ack = Action(alarm_id="a1", customer_id="C1", action="ack", by="eva", id="x1")
    known = await story.dispatcher.act(ack, at(9.5))
    assert known is not None
    assert (known.type, known.cause) == ("alarm.acknowledged", ("x1",))
    assert await story.dispatcher.act(ack, at(9.6)) == known, "a kill may have come before it was published"
    await story.push(known)
    assert await story.dispatcher.act(ack, at(9.7)) is None
    await story.push(alarm(when=at(40), type="alarm.updated", severity="critical"))
    await story.until(at(0, days=30))
    assert [change for _, change, _ in story.told()] == ["alarm.raised", "alarm.updated"]
    assert story.told("boss") == []


async def test_a_snooze_has_an_end_a_reason_and_an_audit_line() -> None:
    """Nothing is told until its end, not even worse news; then the alarm is told again."""
    story = Story(LADDER)
    await story.push(alarm())
    snooze = Action(alarm_id="a1", customer_id="C1", action="snooze", by="eva", until=at(15), reason="call at three")
    await story.dispatcher.act(snooze, story.now)
    await story.push(alarm(when=at(12), type="alarm.updated", severity="critical"))
    await story.until(at(15.5))
    assert [(when, change) for when, change, _ in story.told()] == [(at(9), "alarm.raised"), (at(15), "reminder")]
    assert "snoozed" in story.rules()
    assert [(line.action.by, line.action.reason) for line in story.store.cases["a1"].audit] == [
        ("eva", "call at three")
    ]


@pytest.mark.parametrize(
    ("action", "says"),
    [
        (Action(alarm_id="a1", customer_id=None, action="snooze", by="eva", reason="x"), "give until"),
        (Action(alarm_id="a1", customer_id=None, action="snooze", by="eva", reason="x", until=at(9)), "give until"),
        (Action(alarm_id="a1", customer_id=None, action="snooze", by="eva", until=at(11)), "give reason"),
        (Action(alarm_id="a1", customer_id=None, action="ack", by=" "), "give by"),
        (Action(alarm_id="a2", customer_id=None, action="ack", by="eva"), "no alarm 'a2'"),
        (Action(alarm_id="over", customer_id=None, action="ack", by="eva"), "write a note"),
    ],
)
async def test_what_cannot_be_done_changes_nothing(action: Action, says: str) -> None:
    """An action that does not fit is refused with its mend, and the case stays as it was."""
    story = Story()
    await story.push(alarm())
    await story.push(alarm("over"))
    await story.push(settled(alarm("over"), at(9)))
    before = dict(story.store.cases)
    with pytest.raises(NotPossible, match=says):
        await story.dispatcher.act(action, at(9))
    assert story.store.cases == before


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
BUSY = NIGHT.replace('[channel.desk]\ntype = "log"', '[channel.desk]\ntype = "log"\nper_hour = 1') + (
    '[channel.boss]\ntype = "log"\n[ladder.gold]\nrungs = [{ after = "2h", to = ["boss"] }]\nremind = "1d"\n'
    '[inhibit]\ndefected = ["risk-high"]\n'
)


@given(cut=st.integers(0, len(HISTORY)), back=st.integers(0, len(HISTORY)), wait=st.sampled_from([0, 1, 9, 24]))
@settings(deadline=None, max_examples=60)
def test_a_clean_restart_repeats_nothing(cut: int, back: int, wait: int) -> None:
    """Stopped after any alarm and any wait, and reading again any number of alarms, it tells exactly the same."""

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
        return [story.told(), story.told("boss")]

    assert asyncio.run(run(stop=True)) == asyncio.run(run(stop=False))


async def test_a_kill_repeats_under_the_same_id() -> None:
    """Killed after sending and before writing that down, it sends again, and the receiver knows it by the id."""
    story = Story()
    await story.dispatcher.take(alarm(), at(9))
    written = list(story.store.cases.values())
    await story.until(at(9))
    after = Story(cases=written)
    after.sinks = story.sinks
    after.dispatcher = Dispatcher(after.routes, after.sinks, after.store)
    await after.dispatcher.resume(written, at(9))
    await after.until(at(9.5))
    ids = [one.id for one in story.sinks["desk"].taken]
    assert len(ids) == 2
    assert len(set(ids)) == 1


TWO = PLAIN.replace('to = ["desk"]', 'to = ["desk", "boss"]') + '[channel.boss]\ntype = "log"\nqueue = 40\n'


async def test_a_channel_dead_for_a_day_holds_up_nobody() -> None:
    """N4: the others go on; the dead one is seldom tried, its queue is bounded and named when full, and drains in order."""
    story = Story(TWO)
    story.sinks["boss"].fault = Retry("500")
    for number in range(60):
        await story.push(alarm(f"a{number:02}", when=Instant(at(9) + number * MINUTE), customer_id=f"C{number}"))
    await story.until(at(0, days=1))
    assert story.dispatcher.lines["boss"].shut_until > story.now - line.LONGEST_REST, "it is left alone for a while"
    assert len(story.dispatcher.lines["boss"]) == 40
    story = await story.restarted()  # what waits is in the cases, not in a queue that a stop would empty
    await story.until(at(9, days=1))
    assert len(story.told("desk")) == 60
    assert 20 < len(story.sinks["boss"].tried) < 150
    story.sinks["boss"].fault = None
    await story.until(at(10, days=1))
    assert [ids for _, _, ids in story.told("boss")] == [(f"a{number:02}",) for number in range(40)]
    full = [key for key, case in story.store.cases.items() if case.records[-1].rule == "queue_full"]
    assert full == [f"a{number}" for number in range(40, 60)]
    assert {case.records[0].state for case in story.store.cases.values()} == {"sent"}


async def test_after_an_outage_the_oldest_goes_first() -> None:
    """One that had failed often, and would still wait, goes with the others as soon as the channel is back."""
    story = Story()
    story.sinks["desk"].fault = Retry("500")
    await story.push(alarm("a1", when=at(9)))
    await story.push(alarm("a2", when=at(9.12), customer_id="C2"))
    await story.until(at(9.125))
    assert story.dispatcher.lines["desk"].fails >= line.TRIP
    story.sinks["desk"].fault = None
    await story.until(at(9.2))
    assert [ids for _, _, ids in story.told()] == [("a1",), ("a2",)]


async def test_what_ended_while_a_channel_was_dead_is_not_told() -> None:
    """After an outage only what stands is told; what may have arrived gets its end told too."""
    story = Story()
    story.sinks["desk"].fault = Retry("500")
    for number in range(8):
        await story.push(alarm(f"a{number}", when=Instant(at(9) + number * SECOND), customer_id=f"C{number}"))
    await story.until(at(9.5))
    tried = {key for key, case in story.store.cases.items() if case.records[0].attempts}
    assert 0 < len(tried) < 7
    for number in range(7):
        await story.push(settled(alarm(f"a{number}", customer_id=f"C{number}"), at(9.5)))
    story.sinks["desk"].fault = None
    await story.until(at(12))
    begun = {ids[0] for _, change, ids in story.told() if change == "alarm.raised"}
    over = {ids[0] for _, change, ids in story.told() if change == "alarm.settled"}
    assert begun == tried | {"a7"}
    assert over == tried - {"a7"}


async def test_retries_keep_their_schedule_and_end() -> None:
    """N1: one that fails alone waits as published, spread by a fifth at most, and is given up after three days."""
    story = Story()
    tried = []

    class Picky(Sink):
        async def send(self, notification: Notification) -> None:
            if notification.alarms[0].alarm_id == "a1":
                tried.append(notification.sent_at)
                raise Retry("500")
            await super().send(notification)

    story.dispatcher.lines["desk"].channel = Picky()
    await story.push(alarm())
    for hour in range(10, 130):
        await story.push(alarm(f"b{hour}", when=at(hour), customer_id=f"C{hour}"))
    waits = [later - sooner for sooner, later in pairwise(tried)]
    assert len(waits) == 8
    for wait, wanted in zip(waits, line.BACKOFF, strict=False):
        assert 0.79 * wanted < wait < 1.21 * wanted
    assert len({round(wait / wanted, 6) for wait, wanted in zip(waits, line.BACKOFF, strict=False)}) > 4
    record = story.store.cases["a1"].records[0]
    assert (record.state, record.rule, record.detail) == ("failed", "gave_up", "500")


async def test_a_channel_that_asks_to_wait_is_left_alone() -> None:
    """N1: Retry-After holds back everything on this channel, for as long as was asked."""
    story = Story()
    story.sinks["desk"].fault = Retry("429", after=2 * HOUR)
    await story.push(alarm())
    story.sinks["desk"].fault = None
    await story.push(alarm("a2", when=at(10), customer_id="C2"))
    await story.until(at(12))
    assert story.sinks["desk"].tried == [at(9), at(11), at(11)]
    assert [ids for _, _, ids in story.told()] == [("a1",), ("a2",)]


async def test_a_refusal_ends_one_and_a_farewell_ends_all() -> None:
    """Refused fails that notification only; with disable the channel is closed, and each later one says so."""
    story = Story()
    story.sinks["desk"].fault = Refused("413")
    await story.push(alarm("a1"))
    story.sinks["desk"].fault = None
    await story.push(alarm("a2", customer_id="C2"))
    story.sinks["desk"].fault = Refused("410: gone", disable=True)
    await story.push(alarm("a3", customer_id="C3"))
    await story.push(alarm("a4", customer_id="C4"))
    assert [ids for _, _, ids in story.told()] == [("a2",)]
    assert story.rules("a1") + story.rules("a3") + story.rules("a4") == ["refused", "refused", "channel_disabled"]
    assert story.dispatcher.lines["desk"].disabled == "410: gone"


async def test_a_flood_is_gathered_and_nothing_is_lost() -> None:
    """N5: ten thousand alarms in a second give a few messages, then one; each alarm has its record."""
    story = Story(PLAIN.replace("tell_end = true", "tell_end = true\nper_hour = 20\nqueue = 20000"))
    for number in range(10_000):
        await story.dispatcher.take(alarm(f"a{number}", customer_id=f"C{number}"), at(9))
    await story.until(at(11))
    assert [len(ids) for _, _, ids in story.told()] == [1] * 20 + [9_980]
    assert story.told()[-1][0] == at(10)
    assert {case.records[0].state for case in story.store.cases.values()} == {"sent"}
    assert len(story.dispatcher.lines["desk"]) == 0
    lines = story.sinks["desk"].taken[-1].message.lines
    assert lines[-1].text == "and 9950 more of less weight"


async def test_the_running_notifier_is_stalled_by_nobody() -> None:
    """In the real loop a channel that never answers delays no other, and a stop lets what is being sent finish."""
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
    dispatcher = Dispatcher(story.routes, sinks, story.store)
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
    assert {record.channel: record.state for record in story.store.cases["a1"].records} == dict.fromkeys(sinks, "sent")
    assert story.store.cases["a2"].records[1].state == "waiting"


async def test_a_forgotten_customer_is_gone() -> None:
    """Erased: no case, whether open or over, and nothing in a line, although it was tried already."""
    story = Story()
    await story.push(alarm("over"))
    await story.push(settled(alarm("over"), at(9)))
    story = await story.restarted()
    story.sinks["desk"].taken.clear()
    story.sinks["desk"].fault = Retry("500")
    await story.push(alarm())
    assert len(story.dispatcher.lines["desk"]) == 1
    await story.dispatcher.forget("C1", at(9.5), "e1", at(10))
    story.sinks["desk"].fault = None
    await story.until(at(0, days=2))
    assert story.told() == []
    assert "C1" not in kept(story)
    assert not {"over", "a1"} & story.store.cases.keys()


def kept(story: Story) -> str:
    """All that the store holds, as text."""
    return b" ".join(lifecycle.dump(case) for case in story.store.cases.values()).decode()


@pytest.mark.parametrize("restart", [False, True])
async def test_what_was_told_before_an_erasure_and_is_read_after_it_stays_out(restart: bool) -> None:
    """D13: alarms lie on another topic, so those of before may come later; who returns is told of again."""
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
    assert set(story.store.cases) == {key for key in story.store.cases if key.startswith("erased/")}
    await story.push(alarm("anew", when=at(10.5)))
    assert [ids for _, _, ids in story.told() if ids != ("silence",)] == [("anew",)]


async def test_an_erasure_twice_and_a_later_one() -> None:
    """The mark is the same whichever is read last, and reaches as far as the later one."""
    story = Story()
    for when, event in ((9.5, "e1"), (9.5, "e1"), (12, "e2"), (9.5, "e1")):
        await story.dispatcher.forget("C1", at(when), event, at(13))
    (mark,) = story.store.cases.values()
    assert (mark.became, set(mark.alarm.cause)) == (at(12), {"e1", "e2"})


@pytest.mark.parametrize("fault", [None, Retry("500"), Refused("413")])
async def test_who_is_erased_while_a_notification_is_on_its_way(fault: Exception | None) -> None:
    """What is being sent ends in whatever way without a trace, and the line goes on."""
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
    story.dispatcher.lines["desk"].channel = slow
    await story.push(alarm())
    await story.push(alarm("a2", when=at(10), customer_id="C2", subject=Subject("customer", "C2")))
    await story.until(at(0, days=1))
    assert [one.alarms[0].alarm_id for one in slow.taken] == (["a1", "a2"] if fault is None else ["a2"])
    assert "C1" not in kept(story)
    assert len(story.dispatcher.lines["desk"]) == 0


async def test_a_fault_in_words_or_channel_is_contained() -> None:
    """A channel's own error is tried again; an alarm that no words can be made of fails alone."""
    story = Story()
    story.sinks["desk"].fault = ZeroDivisionError()
    await story.push(alarm("a1"))
    story.sinks["desk"].fault = None
    await story.push(alarm("a2", customer_id="C2", risk=float("nan"), horizon_days="soon"))
    await story.until(at(9.5))
    assert [ids for _, _, ids in story.told()] == [("a1",)]
    assert story.rules("a2") == ["no_words"]


kinds = st.sampled_from(sorted(KINDS))
alarms = st.builds(
    alarm,
    st.sampled_from(["a1", "a2"]),
    kinds,
    st.integers(0, 60).map(lambda hours: at(hours)),
    severity=st.sampled_from(["critical", "error", "warning", "info"]),
    tier=st.sampled_from(["platinum", "gold", "iron", "lead", "none", None]),
    type=st.sampled_from(["alarm.raised", "alarm.updated", "alarm.settled", "alarm.withdrawn", "alarm.escalated"]),
)


@given(st.lists(alarms, max_size=8), alarms)
@settings(deadline=None, max_examples=80)
def test_explain_says_what_is_done(before: list[Alarm], asked: Alarm) -> None:
    """For any alarm after any story, the explanation names the rules and channels of what then happens."""

    async def run() -> None:
        story = Story(BUSY)
        for one in before:
            await story.push(one, now=max(one.time, story.now))
        now = max(asked.time, story.now)
        await story.until(now)
        said = story.dispatcher.explain(asked, now)
        done = await story.dispatcher.take(asked, now)
        for record in done:
            if record.rule != "ended_first":
                assert any(record.rule in sentence for sentence in said[1:]), (record, said)

    asyncio.run(run())


@given(st.lists(alarms, max_size=12))
@settings(deadline=None, max_examples=60)
def test_a_case_stays_small_and_folds_once(history: list[Alarm]) -> None:
    """Folding a change twice changes nothing, and no list in a case grows without end."""
    case: Case | None = None
    for one in history * 12:
        case = lifecycle.fold(case, one, one.time)
        assert lifecycle.fold(case, one, Instant(one.time + DAY)) == case
        record = Record(
            id=f"{len(case.records)}{one.time}",
            alarm_id="a",
            change="x",
            channel="c",
            state="sent",
            rule="r",
            time=one.time,
            severity="error",
        )
        case = lifecycle.noted(case, record)
        assert len(case.records) <= lifecycle.KEPT
        assert len(case.seen) <= lifecycle.KEPT


def test_every_code_has_words() -> None:
    """Each kind has a headline that names somebody, each exit reason a plan, and a reason of one's own falls back."""
    assert STATE_CHANGES | set(catalogue.KINDS) <= KINDS
    for kind in KINDS:
        assert "Ana" in compose(alarm(kind=kind, name="Ana")).title or kind in STATE_CHANGES or "policy" in kind
    assert set(PLANS) == set(EXIT_REASONS)
    assert plan_for("other:parking") == PLANS["unknown"]


def test_a_message_says_who_why_what_to_do_and_until_when() -> None:
    """P4: a shop manager finds the person, the cause, the money, the step and the hour."""
    message = compose(
        alarm(
            kind="gone-quiet",
            name="Ana Ruiz",
            reasons=(Reason("gap", 0.7, "Usually comes every 9 days; last came 31 days ago."),),
            value_at_risk_minor=123456,
            currency="EUR",
            risk=0.72,
            horizon_days=90.0,
            treatment="faster_attention",
            deadline=at(18),
            counterfactual="One purchase by 3 January settles it.",
        )
    )
    assert message.title == "Ana Ruiz (gold) has gone quiet"
    text = message.plain()
    for part in ("every 9 days", "EUR 1,234.56", "72% chance", "Be fast", "Mon 1 Jan 2024, 18:00 UTC", "3 January"):
        assert part in text


def test_a_digest_puts_the_gravest_first() -> None:
    """Severity leads, then money; what is not listed is counted."""
    many = [alarm(f"a{n}", name=f"N{n}", value_at_risk_minor=n) for n in range(40)]
    grave = alarm("worst", name="Worst", severity="critical")
    message = digest([*many, grave])
    assert message.lines[0].text.startswith("Worst")
    assert message.lines[1].text.startswith("N39 ")
    assert message.lines[-1].text == "and 11 more of less weight"


@given(st.text(max_size=400))
def test_text_from_outside_is_one_visible_line(text: str) -> None:
    """D12: whatever a name holds, one line of printable text is left, and doing it twice changes nothing."""
    clean = inert(text)
    assert clean.replace("\u200d", "").isprintable()
    assert len(clean) <= 200
    assert inert(clean) == clean
    clean.encode()

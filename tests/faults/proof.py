"""Vigía's own workers under faults: what lies on the broker in the end, against a ledger and an offline replay.

The ledger counts events and money straight from what was published, the states come from the replay's core fed in this
process, and the alarms from `vigia replay --control`. A partition keeps what it has put in force beside its customers, as
a record that came late is in force later there than elsewhere: each is judged by its own, and told all that `clock` has.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from scorers.contract.alarms import Alarm
from scorers.contract.events import AnyEvent, Instant
from scorers.contract.wire import decode
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.in_force.control import (
    Control,
    FiguresInForce,
    HistoryInForce,
    ModelInForce,
    Tick,
    decode_control,
    encode_control,
)
from scorers.partition.partition import Partition
from scorers.policy.tables import Policy
from scorers.risk.model import UNTRAINED, read_model
from scorers.subjects.customer import CUSTOMER
from scorers.timeline.facts import Ref
from scorers.timeline.timeline import AnyTimeline, Timeline
from streams.engine.batching_producer import partition_of
from streams.engine.fences import unpack
from streams.worker.partition_state import CONTROL
from streams.worker.rows.stored_row import CODEC
from tests.faults.verdict import Outcome, Verdict, judge
from tests.kafka.running import Running, changes_of, replayed, standing, time_of
from vigia.lab.simulate import simulate
from vigia.runtime import dead_letter
from vigia.runtime.dead_letter import Letter
from vigia.runtime.topics import CHANGELOG

LATER = "3650d"  # a margin that keeps figures from coming in force: events run ahead of them in most runs here

COUNTED: dict[str, Callable[[Customer], int]] = {
    "purchases": lambda c: c.purchases.count,
    "refunds": lambda c: c.spending.refunds,
    "contacts_in": lambda c: c.contacts.received,
    "contacts_out": lambda c: c.contacts.made,
    "complaints": lambda c: c.complaints.count,
}
TYPES = {
    "purchase.completed": "purchases",
    "purchase.refunded": "refunds",
    "contact.received": "contacts_in",
    "contact.made": "contacts_out",
    "complaint.opened": "complaints",
    "complaint.reopened": "complaints",
}


def simulated(directory: Path, customers: int, days: int, seed: int) -> list[bytes]:
    """The events of an invented business, in their order."""
    simulate(customers, days, seed, directory)
    return (directory / "events.jsonl").read_bytes().splitlines()


def sent(lines: Iterable[bytes]) -> tuple[Counter[str], Counter[str]]:
    """How many events of the kinds that states count were published, by customer and kind, and the money by customer.

    A complaint is known by its opening, or where that came too late by its reopening: it is counted once, by its id.
    """
    events: Counter[str] = Counter()
    money: Counter[str] = Counter()
    cases: set[tuple[str, str]] = set()
    for line in lines:
        event = json.loads(line)
        customer, kind = event.get("customer_id"), TYPES.get(event["type"])
        if customer is not None and kind == "complaints":
            case = customer, event["complaint_id"]
            kind = None if case in cases else kind
            cases.add(case)
        if customer is not None and kind is not None:
            events[f"{customer} {kind}"] += 1
            if kind == "purchases":
                money[customer] += event["amount_minor"]
    return events, money


def held(heads: dict[str, Customer]) -> tuple[Counter[str], Counter[str]]:
    """The same of what states hold."""
    events = Counter({f"{name} {kind}": count(c) for name, c in heads.items() for kind, count in COUNTED.items()})
    return +events, +Counter({name: c.spending.amount_minor for name, c in heads.items()})


def canonical(value: Any) -> Hashable:
    """A state without where its facts stood in the log."""
    match value:
        case Ref():
            return value.source, value.id
        case Struct():
            return tuple(canonical(getattr(value, name)) for name in value.__struct_fields__)
        case list():
            return tuple(map(canonical, value))
    return value


def comparable(states: dict[str, Customer]) -> dict[str, Hashable]:
    """The states without their next deadline: a report on a store that comes with the last tick calls its customers at that tick."""
    return {name: canonical(replace(state, due=0)) for name, state in states.items() if state.first_seen}


Kept = Mapping[bytes, bytes]
"""The rows of one partition by key, each the last that the changelog has of it."""


def put_in_force(kept: Kept) -> list[FiguresInForce | ModelInForce]:
    """The figures and models that a partition has put in force, in that order, each from when on it was there."""
    found = []
    for key in sorted(key for key in kept if key.startswith(CONTROL)):
        data = CODEC.decode(unpack(kept[key])[1]).data
        assert isinstance(data, bytes)
        control = decode_control(data)
        if isinstance(control, HistoryInForce):  # it changes no verdict
            continue
        assert isinstance(control, FiguresInForce | ModelInForce)
        found.append(control)
    return found


def states(kept: Kept, ctx: Context) -> dict[str, Customer]:
    """The customers of a partition."""
    found = {}
    for key, stored in kept.items():
        if key > b"\x02":  # the rows of the partition and of groups come first
            data = CODEC.decode(unpack(stored)[1]).data
            assert isinstance(data, bytes)
            found[key.decode()] = Timeline.decode(CUSTOMER, data, ctx).state
    return found


def outcome(events: Counter[str], money: Counter[str], found: dict[str, Customer], effects: set[Any]) -> Outcome:
    """What is told of a run by events and money counted, states and effects."""
    return Outcome(events, comparable(found) | {f"{name} money": amount for name, amount in money.items()}, effects)


def of_partition(lines: Iterable[bytes], number: int, partitions: int) -> list[bytes]:
    """The events of the customers who belong to a partition."""
    named = ((line, json.loads(line).get("customer_id")) for line in lines)
    return [line for line, name in named if name is not None and partition_of(partitions, name.encode()) == number]


def context(policy: Policy, told: Iterable[FiguresInForce | ModelInForce]) -> Context:
    ctx = Context(policy, UNTRAINED)
    for control in told:
        if isinstance(control, FiguresInForce):
            ctx.adopt_figures(control.figures())
        elif isinstance(control, ModelInForce):
            ctx.adopt_model(read_model(control), int(control.in_force))
    return ctx


def folded(
    lines: Iterable[bytes], until: int, policy: Policy, told: Iterable[FiguresInForce | ModelInForce]
) -> dict[str, Customer]:
    """The customers after all events, folded in their order in this process by the same core."""
    timelines: dict[str, AnyTimeline] = {}
    partition = Partition(context(policy, told), timelines)
    for number, line in enumerate(lines):
        event: Any = decode(line)
        assert isinstance(event, AnyEvent), event
        for step in partition.feed(event, Ref(event.source, event.id, "ledger", 0, number)):
            assert step.status != "core_error", step.fault
    list(partition.tick(until))
    return {name: one.state for name, one in timelines.items() if one.subject is CUSTOMER}


class Proof(Running):
    """Workers, what was published for them, and the verdict.

    `late` counts the figures and models that came later in force in a partition than they were told, as of the last `rows`.
    """

    late = 0

    async def rows(self) -> dict[int, Kept]:
        """The rows of each partition as the changelog has them, each with what it was told on `clock` in force."""
        found: dict[int, dict[bytes, bytes | None]] = defaultdict(dict)
        for record in await self.read(CHANGELOG):
            found[record.partition][record.key] = record.value
        rows = {
            n: {key: value for key, value in found[n].items() if value is not None}
            for n in range(self.settings.partitions)
        }
        names = Counter(key for kept in rows.values() for key in kept if not key.startswith(b"\x00"))
        assert not names or max(names.values()) == 1, "a customer has rows in two partitions"
        told: dict[int, dict[str, int]] = defaultdict(dict)
        for record in await self.read("clock"):
            control = decode_control(record.value)
            if isinstance(control, FiguresInForce | ModelInForce):
                told[record.partition].setdefault(control.version, int(control.in_force))  # told twice is told once
        self.late = 0
        for number, kept in rows.items():
            here = {control.version: int(control.in_force) for control in put_in_force(kept)}
            assert list(here) == list(told[number]), f"partition {number} has not all in force that it was told"
            assert all(here[version] >= told[number][version] for version in here), "in force before it was told"
            self.late += sum(here[version] > told[number][version] for version in here)
        return rows

    async def drained(self) -> None:
        """Wait until everything that was published is folded and committed."""

        async def nothing_left() -> bool:
            return (await self.standing())[1] == 0

        await self.until(nothing_left)

    async def send_and_wait(self, control: Control) -> None:
        """Send a control record to every partition, and wait until all have taken it in."""
        await self.send_control(control)
        await self.drained()

    async def conclude(self, lines: Iterable[bytes]) -> None:
        """Everything is folded, time has come to the last event, and the workers have stopped in order."""
        await self.drained()
        await self.send_and_wait(Tick(until=Instant(max(map(time_of, lines))), follows=True))
        for name in list(self.workers):
            assert await self.stop(name) == 0

    async def letters(self) -> list[Letter]:
        """The dead letters."""
        found = [dead_letter.read(record) for record in await self.read("dead-letters")]
        return [letter for letter in found if isinstance(letter, Letter)]

    async def verdict(
        self,
        lines: list[bytes],
        *,
        ledger: list[bytes] | None = None,
        same_changes: bool = True,
        taken_back: bool = False,
        until: int = 0,
        least: int = 50,
    ) -> Verdict:
        """What came of some events against what has to come of them in this order.

        `ledger` are the events that count, if not all do. `same_changes` asks for every change of an alarm and not only for
        what stands in the end, where the order of arrival differs from that of `lines`; with `taken_back` alarms that nobody
        had to raise may have been raised, if they were withdrawn. At least so many changes are due.
        """
        rows = await self.rows()
        until = until or max(map(time_of, lines))
        expected_states, found_states = dict[str, Customer](), dict[str, Customer]()
        again = list[Alarm]()
        for number, kept in rows.items():
            mine, in_force_here = of_partition(lines, number, self.settings.partitions), put_in_force(kept)
            expected_states |= folded(mine, until, self.policy, in_force_here)
            found_states |= states(kept, context(self.policy, in_force_here))
            control = self.directory / f"control-{number}.jsonl"
            control.write_bytes(b"".join(encode_control(one) + b"\n" for one in in_force_here))
            again += replayed(mine, self.directory / f"replay-{number}", control, self.policy, until)
        assert len(again) >= least, f"only {len(again)} changes of alarms: too few to prove anything"
        alarms = await self.alarms()
        due, came = standing(again), standing(alarms)
        if same_changes:
            ids = {alarm.alarm_id for alarm in again}
            gone = {a.alarm_id for a in alarms if a.type == "alarm.withdrawn"} - ids if taken_back else set()
            due, came = (
                due | changes_of(again),
                came | {change for change in changes_of(alarms) if change[0] not in gone},
            )
        counted = sent(lines if ledger is None else ledger)
        return judge(outcome(*counted, expected_states, due), outcome(*held(found_states), found_states, came))

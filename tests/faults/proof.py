"""Vigía's own workers under faults: what lies on the broker in the end, against a ledger and an offline replay.

The ledger counts events and money straight from what was published, the states come from the replay's core fed in this
process, and the alarms from `vigia replay --control`, all three judged by what the partitions were told on `clock`.
"""

import json
from collections import Counter
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import Any

from msgspec import Struct

from scorers.context import Context
from scorers.control import Control, FiguresInForce, ModelInForce, Tick
from scorers.customer import Customer, Ref
from scorers.events import AnyEvent, Instant
from scorers.monitor import Monitor
from scorers.partition import Partition
from scorers.policy import Policy
from scorers.wire import decode
from streams import controls
from streams.aggregator import tell_all
from streams.kept import CODEC
from streams.rows import unpack
from streams.simulate import simulate
from streams.topics import CHANGELOG
from tests.faults.verdict import Outcome, Verdict, judge
from tests.kafka.running import Running, replayed, standing, time_of, told
from vigia import letters
from vigia.letters import Letter

LATER = "3650d"  # a margin that keeps figures from coming in force: events run ahead of them in most runs here

COUNTED = ("purchases", "refunds", "contacts_in", "contacts_out", "complaints")
TYPES = {
    "purchase.completed": "purchases",
    "purchase.refunded": "refunds",
    "contact.received": "contacts_in",
    "contact.made": "contacts_out",
    "complaint.opened": "complaints",
}


def simulated(directory: Path, customers: int, days: int, seed: int) -> list[bytes]:
    """The events of an invented business, in their order."""
    simulate(customers, days, seed, directory)
    return (directory / "events.jsonl").read_bytes().splitlines()


def sent(lines: Iterable[bytes]) -> tuple[Counter[str], Counter[str]]:
    """How many events of the kinds that states count were published, by customer and kind, and the money by customer."""
    events: Counter[str] = Counter()
    money: Counter[str] = Counter()
    for line in lines:
        event = json.loads(line)
        customer, kind = event.get("customer_id"), TYPES.get(event["type"])
        if customer is not None and kind is not None:
            events[f"{customer} {kind}"] += 1
            if kind == "purchases":
                money[customer] += event["amount_minor"]
    return events, money


def held(heads: dict[str, Customer]) -> tuple[Counter[str], Counter[str]]:
    """The same of what states hold."""
    events = Counter({f"{name} {kind}": getattr(c, kind) for name, c in heads.items() for kind in COUNTED})
    return +events, +Counter({name: c.amount_minor for name, c in heads.items()})


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


def states(heads: dict[str, Customer]) -> dict[str, Hashable]:
    return {name: canonical(head) for name, head in heads.items() if head.first_seen}


def in_force(path: Path) -> list[Control]:
    """What the partitions were told, as it is in force: told twice is told once."""
    found: dict[tuple[str, str], Control] = {}
    for control in controls.read(path):
        if isinstance(control, FiguresInForce | ModelInForce):
            found.setdefault((type(control).__name__, control.version), control)
    return list(found.values())


def context(policy: Policy, told: Iterable[Control]) -> Context:
    ctx = Context(policy)
    for control in told:
        if isinstance(control, FiguresInForce):
            ctx.adopt_figures(control.figures())
        elif isinstance(control, ModelInForce):
            ctx.adopt_model(control.read(), int(control.in_force))
    return ctx


def folded(lines: Iterable[bytes], until: int, policy: Policy, told: list[Control]) -> dict[str, Customer]:
    """The customers after all events, folded in their order in this process by the same core."""
    monitors: dict[str, Monitor] = {}
    partition = Partition(context(policy, told), monitors)
    for number, line in enumerate(lines):
        event: Any = decode(line)
        assert isinstance(event, AnyEvent), event
        for step in partition.feed(event, Ref(event.source, event.id, "ledger", 0, number)):
            assert step.verdict != "core_error", step.fault
    list(partition.tick(until))
    return {name: monitor.head for name, monitor in monitors.items()}


class Proof(Running):
    """Workers, what was published for them, and the verdict."""

    async def rows(self) -> dict[str, bytes]:
        """The customers' rows as the changelog has them: the last of each, by partition."""
        found: dict[tuple[int, bytes], bytes | None] = {}
        for record in await self.read(CHANGELOG):
            if not record.key.startswith(b"\x00"):
                found[record.partition, record.key] = record.value
        rows = {key.decode(): value for (_, key), value in found.items() if value is not None}
        assert len(rows) == sum(value is not None for value in found.values()), "a customer has rows in two partitions"
        return rows

    async def heads(self, told: list[Control]) -> dict[str, Customer]:
        """The customers as the changelog has them, what passed since their newest fact judged anew by what was told.

        A worker that is killed may judge a deadline before the figures or the model reach its partition; they then come
        in force a moment later there, which is counted, and which the control file of all partitions cannot say.
        """
        ctx = context(self.policy, told)
        heads = {}
        for name, stored in (await self.rows()).items():
            data = CODEC.decode(unpack(stored)[1]).data
            assert isinstance(data, bytes)
            row = Monitor.decode(data, ctx).row
            row.later = None
            heads[name] = Monitor(row, ctx).head
        return heads

    async def drained(self) -> None:
        """Wait until everything that was published is folded and committed."""

        async def nothing_left() -> bool:
            return (await self.standing())[1] == 0

        await self.until(nothing_left)

    async def tell(self, control: Control) -> None:
        """Send a control record to every partition, and wait until all have taken it in."""
        await tell_all(self.producer, self.broker.name("clock"), self.settings.partitions, control)
        await self.drained()

    async def conclude(self, lines: Iterable[bytes]) -> None:
        """Everything is folded, time has come to the last event, and the workers have stopped in order."""
        await self.drained()
        await self.tell(Tick(until=Instant(max(map(time_of, lines))), follows=True))
        for name in list(self.workers):
            assert await self.stop(name) == 0

    async def letters(self) -> list[Letter]:
        """The dead letters."""
        found = [letters.read(record) for record in await self.read("dead-letters")]
        return [letter for letter in found if isinstance(letter, Letter)]

    async def verdict(
        self,
        lines: list[bytes],
        *,
        ledger: list[bytes] | None = None,
        told_alike: bool = True,
        until: int = 0,
        least: int = 50,
    ) -> Verdict:
        """What came of some events against what has to come of them in this order.

        `ledger` are the events that count, if not all do. `told_alike` asks for every change of an alarm and not only for
        what stands in the end, where the order of arrival differs from that of `lines`. At least so many changes are due.
        """
        control = await self.control()
        told_them = in_force(control)
        until = until or max(map(time_of, lines))
        events, money = sent(lines if ledger is None else ledger)
        expected_heads = folded(lines, until, self.policy, told_them)
        found_heads = await self.heads(told_them)
        found_events, found_money = held(found_heads)
        expected = Outcome(events, states(expected_heads) | {f"{n} money": m for n, m in money.items()})
        found = Outcome(found_events, states(found_heads) | {f"{n} money": m for n, m in found_money.items()})
        again = replayed(lines, self.directory / "replay", control, self.policy, until)
        alarms = await self.alarms()
        assert len(again) >= least, f"only {len(again)} changes of alarms: too few to prove anything"
        expected.effects |= standing(again) | (told(again) if told_alike else set())
        found.effects |= standing(alarms) | (told(alarms) if told_alike else set())
        return judge(expected, found)

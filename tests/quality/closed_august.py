"""How many alarms a shop gets that is shut in August: `python -m tests.quality.closed_august [HORIZON_DAYS [HOUSEHOLDS]]`.

The Complete Journey twice: as it is, and with every fact of August 2017 removed and the 31 days in `calendar.holidays`. Counted are the
alarms that stand in the end, by the month of their `at`. A third column shows the shut shop without the days in its calendar.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

import msgspec

from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY
from scorers.contract.wire import Rejection, decode
from scorers.in_force.context import Context
from scorers.in_force.figures import FigureBook
from scorers.partition.partition import Partition
from scorers.policy.spans import Span
from scorers.policy.tables import Policy
from scorers.risk.model import UNTRAINED
from scorers.risk.training import Trainer
from scorers.timeline.facts import Ref
from scorers.timeline.timeline import AnyTimeline
from tests.quality.history import History
from tests.quality.purchases import Fact, complete_journey

KINDS = ("risk-high", "gone-quiet", "defected")
AUGUST = "2017-08"
HOLIDAYS = tuple(f"{AUGUST}-{day:02}" for day in range(1, 32))

Counts = Counter[tuple[str, str]]
"""Alarms by kind and month."""


def month_of(at: int) -> str:
    """The month of an instant, such as `2017-08`."""
    return datetime.fromtimestamp(at / 1_000_000, UTC).strftime("%Y-%m")


def without_august(facts: Iterable[Fact]) -> list[Fact]:
    """The facts of the other months."""
    return [fact for fact in facts if month_of(fact.at) != AUGUST]


def policy_for(horizon_days: int, holidays: Sequence[str] = ()) -> Policy:
    """The defaults with a horizon and holidays."""
    plain = Policy()
    risk = msgspec.structs.replace(plain.risk, horizon=Span(horizon_days * DAY))
    calendar = msgspec.structs.replace(plain.calendar, holidays=tuple(holidays))
    return msgspec.structs.replace(plain, risk=risk, calendar=calendar)


def alarms(facts: Sequence[Fact], policy: Policy) -> Iterator[Alarm]:
    """All records of alarms of a run."""
    partition = Partition(Context(policy, UNTRAINED), dict[str, AnyTimeline](), FigureBook(policy), Trainer())
    for line in History(facts).lines():
        event = decode(line)
        if isinstance(event, Rejection):
            raise ValueError(f"{event.code}: {event.detail}")
        for step in partition.feed(event, Ref(event.source, event.id)):
            yield from step.alarms


def standing(facts: Sequence[Fact], policy: Policy) -> Counts:
    """The alarms of `KINDS` that were not withdrawn."""
    last = {one.alarm_id: one for one in alarms(facts, policy) if one.kind in KINDS}
    return Counter((one.kind, month_of(int(one.at))) for one in last.values() if one.type != "alarm.withdrawn")


def main(horizon_days: int = 56, households: int = 0) -> None:
    """Run the three, print each kind by month, and the ratio from August on; of so many households, or of all."""
    facts = complete_journey()
    if households:
        some = set(sorted({fact.customer for fact in facts})[:households])
        facts = [fact for fact in facts if fact.customer in some]
    shut = without_august(facts)
    runs = {
        "open": standing(facts, policy_for(horizon_days)),
        "shut": standing(shut, policy_for(horizon_days, HOLIDAYS)),
        "not told": standing(shut, policy_for(horizon_days)),
    }
    say = sys.stdout.write
    months = sorted({month for counts in runs.values() for _, month in counts})
    say(f"{'':20}" + "".join(f"{month:>9}" for month in months) + f"{'from Aug':>10}\n")
    sums: Counter[str] = Counter()
    for kind in KINDS:
        for name, counts in runs.items():
            row = [counts[kind, month] for month in months]
            total = sum(counts[kind, month] for month in months if month >= AUGUST)
            sums[name] += total
            say(f"{kind:12}{name:8}" + "".join(f"{count:>9}" for count in row) + f"{total:>10}\n")
    for name in ("shut", "not told"):
        say(
            f"{name}: {sums[name]} alarms from August on, {sums[name] / max(sums['open'], 1):.2f} times those of the open year\n"
        )


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))

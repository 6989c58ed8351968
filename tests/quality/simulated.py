"""How good each kind of alarm is on simulated businesses: `python -m tests.quality.simulated [CUSTOMERS] [DAYS] [SEED...]`.

An alarm is right if the truth of the simulation says what the alarm is about: see `TRUTHS`. *By chance* is how often that is true of others of the
same sort at the same instants: customers who had bought as often (never, once, more), were not given up and not named by this kind in the present
silence; of one who bought within eight weeks, others who did; of a new prospect, others; of a store or thing, all of them.
Folders that hold a run already (`--runs DIR`, a folder for each seed) are measured as they are.
"""

import argparse
import statistics
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import add
from pathlib import Path
from random import Random
from typing import NamedTuple

from scorers.alarms.catalogue import KINDS, STATE_CHANGES
from scorers.contract.events import DAY
from scorers.policy.tables import Policy
from streams.replay.replay import replay
from tests.quality import truths
from tests.quality.truths import Alarm, Business, Given, Truths
from vigia.lab.simulate import simulate
from vigia.lab.simulate.stories import DECLINES

HORIZON = Policy().risk.horizon
LEAVING = truths.leaving(HORIZON)
WRONG = truths.had()
TRUTHS: dict[str, tuple[str, Truths | None]] = {
    "prospect-cooling": ("no purchase within a month", truths.stays_away),
    **dict.fromkeys(
        ("single-failure", "small-mishap", "major-problem", "complaint-unacknowledged", "complaint-overdue", "hostage"),
        ("something went wrong", WRONG),
    ),
    **dict.fromkeys(("apostle-lost", "terrorist", "experience-debt"), ("something went wrong", WRONG)),
    "request-unattended": ("a request without answer", truths.had("request")),
    "promise-broken": ("a broken promise", truths.had("promise")),
    "exposed-silently": ("a mishap that was not told", truths.had("product", "service", "brand", silent=True)),
    "boredom": ("bored, and leaves for it", truths.in_decline("boredom")),
    "wallet-shrinking": ("declines, and leaves for it", truths.in_decline(*DECLINES)),
    "staff-unasked": ("the store's trouble", truths.in_trouble),
    "staff-unthanked": ("the store's trouble", truths.in_trouble),
    "complaint-theme": ("trouble or a bad lot", truths.theme_is_true),
    "base-outflow": ("more left than came", truths.more_left),
    **dict.fromkeys(
        ("underserved", "overserved", "owner-disagrees", "retention-order", "feed-silent"),
        ("none in the simulation", None),
    ),
}
"""By kind: what has to be true. Of all others: the customer has left, or leaves within the horizon."""
MOST_DRAWN = 2000  # alarms of a kind for which others are drawn
DRAWS = 3
TRIES = 200
LATELY = 56 * DAY


class Share(NamedTuple):
    """Of how many alarms something is true, and of how many others that were drawn."""

    right: int = 0
    drawn: int = 0
    right_drawn: int = 0

    def __add__(self, other: object) -> "Share":
        assert isinstance(other, Share)
        return Share(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    def by_chance(self) -> float:
        return self.right_drawn / self.drawn if self.drawn else float("nan")

    def beats_chance(self, raised: int) -> bool:
        """By two standard errors. What nobody else can be drawn for is not judged."""
        share, chance = self.right / raised, self.by_chance()
        if not self.drawn:
            return True
        return share - chance > 2 * (share * (1 - share) / raised + chance * (1 - chance) / self.drawn) ** 0.5


class Measured(NamedTuple):
    """One kind of alarm in one business, or in several."""

    raised: int
    own: Share | None  # None where the simulation has no truth
    leaves: Share
    leavers: int
    found: int  # leavers whom the kind named before they were given up, within a horizon before they left or later
    before_leaving: list[float]  # days, of each found
    before_certainty: list[float]
    years: float  # of customers
    severities: Counter[str]

    def __add__(self, other: object) -> "Measured":
        assert isinstance(other, Measured)
        own = self.own + other.own if self.own is not None and other.own is not None else None
        return Measured(
            self.raised + other.raised, own, *(mine + theirs for mine, theirs in zip(self[2:], other[2:], strict=True))
        )


def truth_of(kind: str) -> tuple[str, Truths | None]:
    """What has to be true for an alarm of a kind to be right."""
    return TRUTHS.get(kind, ("leaves", LEAVING))


def measure(business: Business, given: Given, rng: Random) -> dict[str, Measured]:
    """Every kind that was raised."""
    by_kind: dict[str, list[Alarm]] = defaultdict(list)
    for alarm in given.raised:
        by_kind[alarm.kind].append(alarm)
    return {kind: _measure(business, given, kind, by_kind[kind], rng) for kind in KINDS if by_kind[kind]}


def _measure(business: Business, given: Given, kind: str, alarms: list[Alarm], rng: Random) -> Measured:
    truth = truth_of(kind)[1]
    named: dict[str, list[int]] = defaultdict(list)
    for alarm in alarms:
        named[_name(alarm)].append(alarm.instant)
    sample = alarms if len(alarms) <= MOST_DRAWN else rng.sample(alarms, MOST_DRAWN)
    others = [(name, alarm.instant) for alarm in sample for name in _others(business, given, named, alarm, rng)]
    these = [(_name(alarm), alarm.instant) for alarm in alarms]

    def share(truth: Truths) -> Share:
        return Share(
            sum(truth(business, *one) for one in these), len(others), sum(truth(business, *one) for one in others)
        )

    first: dict[str, int] = {}
    for who, at in sorted(these, key=lambda one: one[1]):
        if LEAVING(business, who, at) and at <= given.given_up.get(who, [at])[-1]:
            first.setdefault(who, at)
    return Measured(
        len(alarms),
        share(truth) if truth is not None else None,
        share(LEAVING) if alarms[0].customer_id is not None else Share(),
        len(business.left),
        len(first),
        [(business.left[who] - at) / DAY for who, at in first.items()],
        [(given.given_up[who][-1] - at) / DAY for who, at in first.items() if who in given.given_up],
        business.years,
        Counter(alarm.severity for alarm in alarms),
    )


def _name(alarm: Alarm) -> str:
    return alarm.customer_id or alarm.subject.id


def _others(business: Business, given: Given, named: dict[str, list[int]], alarm: Alarm, rng: Random) -> Iterator[str]:
    """Others of the same sort; for a store or a theme the stores or things of the same sort."""
    if alarm.customer_id is None:
        yield from _things_like(business, alarm)
        return
    at = alarm.instant
    sort, found = _sort(business, alarm.customer_id, at), 0
    for _ in range(TRIES):
        who = rng.choice(business.names)
        since = business.last_bought(who, at)
        told = (*given.given_up.get(who, ()), *named.get(who, ()))
        if (
            business.seen[who] < at
            and _fits(_sort(business, who, at), sort)
            and not any(since < when < at for when in told)
        ):
            yield who
            found += 1
            if found == DRAWS:
                return


def _sort(business: Business, who: str, at: int) -> tuple[int, bool]:
    """What a customer is drawn for: how often they have bought (never, once, more), and whether lately; a prospect, whether new."""
    since = business.last_bought(who, at) or business.seen[who]
    return min(business.times_bought(who, at), 2), at - since <= LATELY


def _fits(one: tuple[int, bool], sort: tuple[int, bool]) -> bool:
    return one[0] == sort[0] and one[1] >= sort[1]


def _things_like(business: Business, alarm: Alarm) -> list[str]:
    """All stores; for a theme by product all products with lots. There is but one base, and one theme of a reason."""
    stores = [store.id for store in business.scene.stores]
    if alarm.kind != "complaint-theme":
        return stores if alarm.subject.type in ("site", "store") else []
    start, _, thing = alarm.subject.id.rpartition("/")
    by = thing.partition(":")[0]
    skus = [sku.id for aisle in business.scene.aisles for sku in aisle if sku.has_lots]
    return [f"{start}/{by}:{name}" for name in {"store": stores, "sku": skus}.get(by, [])]


def joined(found: Sequence[dict[str, Measured]]) -> dict[str, Measured]:
    """All businesses as one."""
    by_kind = {kind: [one[kind] for one in found if kind in one] for kind in KINDS}
    return {kind: reduce(add, rows) for kind, rows in by_kind.items() if rows}


HEAD = (
    "kind", "right if", "raised", "right", "by chance", "false a customer and year", "leave", "by chance", "recall",
    "days before leaving", "before certainty",
)  # fmt: skip


def table(found: Sequence[dict[str, Measured]]) -> str:
    """The kinds for people: all businesses as one, and the least and greatest share of right ones in a business."""
    lines = [f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|"]
    for kind, row in joined(found).items():
        cells = [f"`{kind}`", truth_of(kind)[0], f"{row.raised:,}"]
        if row.own is None:
            cells += ["", "", ""]
        else:
            shares = [one[kind].own.right / one[kind].raised for one in found if kind in one]  # type: ignore[union-attr]
            cells.append(f"{row.own.right / row.raised:.2f} ({min(shares):.2f} to {max(shares):.2f})")
            cells += [_chance(row.own), f"{(row.raised - row.own.right) / row.years:.3f}"]
        cells += [f"{row.leaves.right / row.raised:.2f}", _chance(row.leaves)] if row.leaves.drawn else ["", ""]
        cells += [
            f"{row.found / row.leavers:.2f}" if row.leaves.drawn else "",
            _days(row.before_leaving),
            _days(row.before_certainty),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _chance(share: Share) -> str:
    return f"{share.by_chance():.2f}" if share.drawn else ""


def _days(found: list[float]) -> str:
    return f"{statistics.median(found):.0f}" if found else ""


def run(customers: int, days: int, seed: int, folder: Path) -> dict[str, Measured]:
    """Simulate, replay and measure one business; a run that is there already is measured as it is."""
    out = folder / "out"
    if not (out / "summary.json").exists():
        simulate(customers, days, seed, folder)
        replay([str(folder / "events.jsonl")], out, Policy())
    return measure_run(folder, days, seed)


def measure_run(folder: Path, days: int, seed: int) -> dict[str, Measured]:
    """Measure a business that was simulated in a folder, and replayed in the folder `out` of it."""
    kinds = frozenset(KINDS) - frozenset(STATE_CHANGES)
    return measure(Business(folder, days, seed), truths.raised(folder / "out" / "alarms.jsonl", kinds), Random(seed))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality.simulated", description=__doc__)
    parser.add_argument(
        "numbers", nargs="*", type=int, metavar="N", help="customers, days and seeds (default: 20000 730 1 2 3)"
    )
    parser.add_argument(
        "--runs", type=Path, metavar="DIR", help="keep the runs there, and measure those that are there"
    )
    args = parser.parse_args()
    customers, days, *seeds = [*args.numbers, *(20_000, 730)[len(args.numbers) :]]
    with tempfile.TemporaryDirectory() as name:
        folder = args.runs or Path(name)
        found = [run(customers, days, seed, folder / str(seed)) for seed in seeds or (1, 2, 3)]
    sys.stdout.write(f"{customers:,} customers, {days} days, {len(found)} businesses\n{table(found)}")
    for kind, row in joined(found).items():
        if row.own is not None and not row.own.beats_chance(row.raised):
            sys.stdout.write(f"no better than chance: {kind}, severities {dict(row.severities)}\n")


if __name__ == "__main__":
    main()

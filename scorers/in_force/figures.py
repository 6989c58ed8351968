"""Figures of the whole base of customers, closed once a day.

Customers contribute counts to histograms, each dated with the day of its fact. So partitions merge by sum, a late fact takes back
exactly what it changes, and customers are never scanned. The figures of a day come into force at its end plus the allowed lateness,
when all its facts are in.
"""

import hashlib
import math
from collections import Counter

from msgspec import Struct

from scorers.contract.events import DAY, SECOND, Duration, Micros
from scorers.in_force.base_rhythm import BaseRhythm, gap_quantile
from scorers.in_force.comebacks import COMEBACKS, given_up_from
from scorers.in_force.counted.base_counts import BY_CURRENCY
from scorers.in_force.counted.conversions import LEADS, Conversions, conversions
from scorers.in_force.counted.credit import CREDIT, MOST_STAFF
from scorers.in_force.counted.danger import TOLD, counted_for, danger_line
from scorers.in_force.counted.flows import FLOW_OF_STORE, MOST_STORES, is_dated, oldest_bucket
from scorers.in_force.counted.realised import REALISED, Shares, shares
from scorers.in_force.discounts import DISCOUNTS, usual_discount
from scorers.in_force.proven_risk import ANSWERS, is_in, shown
from scorers.in_force.uplift import MARGIN_IN, learned_chances
from scorers.policy.tables import Policy

Contribution = tuple[int, str, int, int]  # day number, histogram, bucket, count

GAPS, FIRST_GAPS = "gap", "first-gap"
COHORT_GAPS = "cohort"  # as FIRST_GAPS, each counted once the first purchase is as old as a cohort has to be
FORGOTTEN = "-"  # precedes the name of the histogram from which a count is taken back
YEARS = "year:"  # followed by the currency
ALL_YEARS = "year"  # of all currencies together, which the rows of former builds are counted in until they change
TRADE = "trade:"  # the same of external parties (P1), who do not move the tiers of customers
SERVED = "served"  # customers whose costs to serve are told (T3), in one bucket
MOST_CURRENCIES = 16  # in which customers are ranked; those of later ones stay iron
_MOST = {
    **dict.fromkeys((YEARS, TRADE, MARGIN_IN, REALISED, *BY_CURRENCY), MOST_CURRENCIES),
    FLOW_OF_STORE: MOST_STORES,
    CREDIT: MOST_STAFF,
}
"""How many histograms there may be whose names begin so: the rest of the name comes from outside."""
_TIDY = 7  # days after which old days of flows are dropped
_GROWTH = math.log(1.005)  # a bucket of yearly values is half a percent wide


def value_bucket(value_minor: int) -> int:
    """The bucket of a yearly value in minor units; bucket 0 holds every value that is not positive."""
    return 0 if value_minor <= 0 else 1 + int(math.log(value_minor) / _GROWTH)


def years_of(currency: str) -> str:
    """The histogram of the yearly values in a currency: amounts of two currencies are never compared.

    >>> years_of("JPY")
    'year:JPY'
    """
    return YEARS + currency


def _lower_edge(bucket: int) -> float:
    return 0.0 if bucket <= 0 else math.exp((bucket - 1) * _GROWTH)


Bounds = tuple[float, float, float]
"""The least yearly values of platinum, gold and iron, in minor units of one currency."""


class Figures(Struct, frozen=True):
    """The figures of one day.

    `bounds` are those of each currency in which enough customers are ranked, under "" those of `ALL_YEARS`. `second_limit` is the time by which a second purchase is expected.
    `proven` says for each band of reported risk whether it has agreed with what happened.
    `given_up` are the multiples of the own limit from which few come back, of repeat and of first-time buyers; while unknown 0, or `comebacks.WAITS`.
    `save_chance` is what the hold-out has measured of each treatment (`uplift.learned_chances`).
    `discount` is the mean share of their money that discounts save customers; -1 while unknown.
    `brought` is what all customers bring in a year by currency, where distributors are among them (P1).
    `costs_told`: the costs to serve of enough customers are known (T3).
    `conversions`: which prospects have bought (L2).
    `danger` is the reported risk from which on silence and risk are news in this base; 0 while it is unknown.
    `unanswered`: a base large enough for a danger line has answered too few questions, so its risks are guesses of the rules.
    `realised` is what customers brought of what was expected, by currency and how often they had come (J11).
    `overstated` says for each band of reported risk whether it was shown to be too high; empty if none was.
    """

    version: str
    in_force: Micros
    base: BaseRhythm
    ranked: int
    bounds: dict[str, Bounds]
    second_limit: Duration
    proven: tuple[bool, ...] = ()
    given_up: tuple[int, int] = (0, 0)
    save_chance: tuple[float, ...] = ()
    discount: float = -1.0
    brought: dict[str, int] = {}
    costs_told: bool = False
    conversions: Conversions = ()
    danger: float = 0.0
    unanswered: bool = False
    realised: dict[str, Shares] = {}
    overstated: tuple[bool, ...] = ()

    def is_proven(self, risk: float) -> bool:
        """Whether the base has shown that reported risks like this one are true (J5)."""
        return is_in(self.proven, risk)

    def is_overstated(self, risk: float) -> bool:
        """Whether the base has shown that reported risks like this one are too high."""
        return is_in(self.overstated, risk)

    def is_news(self, risk: float) -> bool:
        """Whether a risk by the model is news in this base."""
        return risk >= self.danger and not self.unanswered


def no_figures(policy: Policy) -> Figures:
    """The figures in force before the first day is closed."""
    return Figures("none", 0, BaseRhythm.of({}, {}), 0, {}, policy.lifecycle.second_purchase_default)


Totals = dict[str, Counter[int]]
"""Histograms by name; each counts by bucket."""


def no_totals() -> Totals:
    """Empty histograms; those of yearly values are added with the first customer of their currency."""
    names = (GAPS, FIRST_GAPS, COHORT_GAPS, ANSWERS, COMEBACKS, DISCOUNTS, TOLD)
    return {name: Counter() for name in names}


class FigureBook:
    """Adds up contributions and closes days.

    In a replay one book does both. On Kafka the book of each partition only ends days, and the aggregator closes the sums of all.

    >>> book = FigureBook(Policy())
    >>> book.add([(10, GAPS, 102, 3), (11, GAPS, 102, 4)])
    >>> book.close(10).base.gaps, book.close(11).base.gaps
    (3, 7)
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.pending: dict[int, Counter[tuple[str, int]]] = {}
        self.total: Totals = no_totals()
        self._refused = 0  # counts of stores that found no place
        self._tidied = 0

    def add(self, contributions: list[Contribution]) -> None:
        """Add counts; those of a day already closed count from the next closing on."""
        for day, name, bucket, count in contributions:
            counts = self.pending.get(day)
            if counts is None:
                counts = self.pending[day] = Counter()
            counts[name, bucket] = counts.get((name, bucket), 0) + count

    def end_day(self, day: int) -> None:
        """Add the pending counts dated on a day or before to the totals."""
        while self.pending and (due := min(self.pending)) <= day:
            for (name, bucket), count in self.pending.pop(due).items():
                if name in (ANSWERS, TOLD) and count:
                    self._forget_later(due, name, bucket, count)
                if is_dated(name) and bucket < oldest_bucket(name, day, self._policy):
                    continue
                total = self._histogram(name.removeprefix(FORGOTTEN))
                if total is None:
                    self._refused += name.startswith(FLOW_OF_STORE)
                    continue
                if left := total.get(bucket, 0) + count:
                    total[bucket] = left
                else:
                    total.pop(bucket, None)
                    if not total and (name == ALL_YEARS or name.startswith((YEARS, TRADE)) or is_dated(name)):
                        del self.total[name]
        if day >= self._tidied + _TIDY:
            self._forget_days_of_flows(day)

    def _forget_days_of_flows(self, day: int) -> None:
        """Drop what windows do not need any more, and the histograms of stores of which nothing is left."""
        self._tidied = day
        for name in [name for name in self.total if is_dated(name)]:
            oldest = oldest_bucket(name, day, self._policy)
            left = {bucket: count for bucket, count in self.total[name].items() if bucket >= oldest}
            if left:
                self.total[name] = Counter(left)
            else:
                del self.total[name]

    def _forget_later(self, day: int, name: str, bucket: int, count: int) -> None:
        """Take a count back a horizon after its day, or when it is counted anew; under another name, so that this is not taken back in turn."""
        later = day + (counted_for(self._policy) if name == TOLD else max(self._policy.risk.horizon // DAY, 1))
        self.add([(later, FORGOTTEN + name, bucket, -count)])

    def _histogram(self, name: str) -> Counter[int] | None:
        """The counts of a histogram; None for that of a currency or store that has no place, as names come from outside."""
        total = self.total.get(name)
        if total is None:
            family = next((family for family in _MOST if name.startswith(family)), None)
            if family is None or sum(held.startswith(family) for held in self.total) < _MOST[family]:
                total = self.total[name] = Counter()
        return total

    def take_refused(self) -> dict[str, int]:
        """How many counts of stores found no place since this was asked last, as a bound of the state; empty for none."""
        refused, self._refused = self._refused, 0
        return {"other_base": refused} if refused else {}

    def so_far(self) -> Totals:
        """All counts, those of days that are not closed included."""
        found = {name: counts.copy() for name, counts in self.total.items()}
        for counts in self.pending.values():
            for (name, bucket), count in counts.items():
                found.setdefault(name, Counter())[bucket] += count
        return found

    def close(self, day: int) -> Figures:
        """The figures of a day: of all facts dated on it or before."""
        self.end_day(day)
        return close(day, self.total, self._policy)


def last_day(now: Micros, policy: Policy) -> int:
    """The newest day that ended at least the allowed lateness ago, so that all its facts are in.

    >>> last_day(3 * DAY, Policy()), last_day(3 * DAY - 1, Policy())
    (1, 0)
    """
    return (now - policy.time.allowed_lateness) // DAY - 1


def in_force(day: int, policy: Policy) -> Micros:
    """The instant at which the figures of a day come into force: its end plus the allowed lateness."""
    return (day + 1) * DAY + policy.time.allowed_lateness


def close(day: int, total: Totals, policy: Policy) -> Figures:
    """The figures from the histograms of all customers at the end of a day."""
    rules = policy.lifecycle
    base = BaseRhythm.of(total[GAPS], total[FIRST_GAPS])
    cohorts = total[COHORT_GAPS]
    known = sum(cohorts.values()) >= rules.second_purchase_known
    second = gap_quantile(cohorts, rules.second_purchase_quantile) if known else None
    ranked = {name: sum(counts.values()) for name, counts in sorted(total.items()) if _is_years(name)}
    former = total.get(ALL_YEARS, Counter[int]())
    if former:
        ranked[ALL_YEARS] = sum(former.values())
    bounds = {
        name.removeprefix(ALL_YEARS).removeprefix(":"): _bounds(total[name], count, policy)
        for name, count in ranked.items()
        if count >= policy.tiers.ranked_at_least
    }
    for name, counts in sorted(total.items()):
        currency, count = name.removeprefix(TRADE), sum(counts.values())
        if name.startswith(TRADE) and currency not in bounds and count >= policy.tiers.ranked_at_least:
            bounds[currency] = _bounds(counts, count, policy)  # a business that sells to distributors only
    second_limit = (second or rules.second_purchase_default) // SECOND * SECOND
    one = next(iter(bounds.values()), None)  # of one currency the version is that of former builds
    is_large = sum(ranked.values()) >= policy.risk.danger_known
    (agree, too_high), given_up = shown(total[ANSWERS], policy), given_up_from(total[COMEBACKS], policy, is_large)
    chances, off = learned_chances(total, policy), usual_discount(total.get(DISCOUNTS, {}), policy)
    content = repr((day, sum(ranked.values()), one if len(bounds) < 2 else bounds, second_limit, base, agree, given_up))
    # what is unknown is left out, so that the version is that of former builds
    brought = _brought(total, policy)
    costs_told = total.get(SERVED, Counter[int]())[0] >= policy.serving.customers_at_least
    content += repr(chances) * bool(chances) + f" {off}" * (off >= 0.0) + repr(brought) * bool(brought)
    leads = conversions(total.get(LEADS, Counter[int]()), policy)
    content += " costs" * costs_told + repr(leads) * bool(leads)
    danger = danger_line(total.get(TOLD, Counter[int]()), policy)
    has_line = is_large and policy.risk.danger_share < 1.0
    unanswered = has_line and sum(total[ANSWERS].values()) < policy.risk.proven_answers
    content += f" danger {danger}" * bool(danger) + " unanswered" * unanswered
    brought_of = _realised(total, policy)
    content += f" realised {brought_of}" * bool(brought_of)
    content += f" overstated {too_high}" * bool(too_high)
    version = hashlib.sha256(content.encode()).hexdigest()[:12]
    ranked_all, at = sum(ranked.values()), in_force(day, policy)
    rest = agree, given_up, chances, off, brought, costs_told, leads, danger, unanswered, brought_of, too_high
    return Figures(version, at, base, ranked_all, bounds, second_limit, *rest)


def _is_years(name: str) -> bool:
    return name.startswith(YEARS)


def _realised(total: Totals, policy: Policy) -> dict[str, Shares]:
    """What customers brought of what was expected of them, in each currency."""
    names = [name for name in sorted(total) if name.startswith(REALISED)]
    return {name.removeprefix(REALISED): found for name in names if (found := shares(total[name], policy))}


def _brought(total: Totals, policy: Policy) -> dict[str, int]:
    """The yearly value of all customers, to half a percent, in each currency in which distributors buy and enough customers are known."""
    found = {}
    for name in sorted(total):
        if name.startswith(TRADE):
            currency = name.removeprefix(TRADE)
            held = (total[name], total.get(years_of(currency), Counter[int]()))
            if sum(sum(counts.values()) for counts in held) >= policy.tiers.ranked_at_least:
                found[currency] = round(sum(_lower_edge(bucket) * n for counts in held for bucket, n in counts.items()))
    return found


def _bounds(years: Counter[int], ranked: int, policy: Policy) -> Bounds:
    rules = policy.tiers
    shares = (rules.platinum_share, rules.gold_share, rules.iron_share)
    places = [max(1, math.ceil(sum(shares[: n + 1]) * ranked - 1e-9)) for n in range(3)]
    bounds: list[float] = []
    seen = 0
    for bucket in sorted(years, reverse=True):
        seen += years[bucket]
        while seen >= places[len(bounds)]:
            bounds.append(_lower_edge(bucket))
            if len(bounds) == 3:
                return bounds[0], bounds[1], bounds[2]
    return bounds[0], bounds[1], bounds[2]

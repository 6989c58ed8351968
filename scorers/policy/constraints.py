"""What must hold of a policy beyond the type and range of each value: bounds of spans, and agreement between values."""

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from scorers.contract.events import DAY, HOUR, SECOND, Duration
from scorers.contract.lessons import LEARNERS
from scorers.policy.business_calendar import WEEKDAYS, Calendar
from scorers.policy.business_zone import business_zone
from scorers.policy.by_tier import ByTier
from scorers.policy.spans import Span, format_span
from scorers.policy.tables import AUTO, Opening, Policy

Violation = tuple[tuple[str, ...], str]
"""The keys involved, the first one preferred, and how to correct them."""

_LONGEST: Duration = 3650 * DAY
_SHORTEST: dict[str, Duration] = {  # any other span is at least a second
    "time.allowed_lateness": 0,
    "time.notify_within": 0,
    "prospects.golden_quiet": 0,
    "tiers.dwell": 0,
    "loyalty.apostle_dwell": 0,
    "ledger.quiet_week": 0,
    "risk.horizon": DAY,
    "risk.horizons": DAY,
    "risk.review_at_least": HOUR,
    "risk.rise_within": DAY,
}
_HOURS = re.compile(r"\d\d?:\d\d-\d\d?:\d\d")


class Constraint(Struct, frozen=True):
    """What must hold between the values of some keys, and how to correct them where it does not."""

    keys: tuple[str, ...]
    holds: Callable[[Policy], bool]
    mend: str


def _never_falls(values: ByTier[Any]) -> bool:
    ranked = values.ranked()
    return list(ranked) == sorted(ranked)


CONSTRAINTS = (
    Constraint(
        ("tiers.platinum_share", "tiers.gold_share", "tiers.iron_share"),
        lambda p: p.tiers.platinum_share + p.tiers.gold_share + p.tiers.iron_share <= 1 + 1e-9,
        "the shares of platinum, gold and iron are more than 1 together; lower one of them",
    ),
    Constraint(
        ("prospects.cooling_share",),
        lambda p: 0 < p.prospects.cooling_share < 1,
        "an alarm at the very start or end of the window helps nobody; give a share between 0 and 1, like 0.67",
    ),
    Constraint(
        ("lifecycle.second_purchase_quantile",),
        lambda p: 0 < p.lifecycle.second_purchase_quantile < 1,
        "give a share above 0 and below 1, like 0.75",
    ),
    Constraint(
        ("lifecycle.core_occasions",),
        lambda p: p.lifecycle.core_occasions >= 2,
        "one purchase makes nobody a core customer; give 2 at least",
    ),
    Constraint(
        ("ledger.debt_settled", "ledger.debt_limit"),
        lambda p: p.ledger.debt_settled <= p.ledger.debt_limit,
        "a debt would be settled above the limit that raises it; give a debt_settled up to debt_limit",
    ),
    Constraint(
        ("loyalty.apostle_from", "loyalty.loyal_from"),
        lambda p: p.loyalty.apostle_from >= p.loyalty.loyal_from,
        "an apostle is not less loyal than others; give an apostle_from not under loyal_from",
    ),
    Constraint(
        ("wallet.window", "wallet.before"),
        lambda p: 28 * DAY <= p.wallet.window <= p.wallet.before and p.wallet.window + p.wallet.before <= 224 * DAY,
        "give a window of '28d' at least, and a before that is not shorter, together '224d' at most: that much is kept of the categories",
    ),
    Constraint(
        ("wallet.fall", "wallet.settled"),
        lambda p: 0 < p.wallet.fall < 1 and 1 - p.wallet.fall < p.wallet.settled <= 1,
        "what is raised at this fall would be settled at once, or never; give a settled above 1 less fall, up to 1",
    ),
    Constraint(
        ("disagreement.low_risk", "disagreement.high_risk"),
        lambda p: p.disagreement.low_risk < p.disagreement.high_risk,
        "a risk would be low and high at once; give a low_risk under high_risk",
    ),
    Constraint(
        ("disagreement.settled", "disagreement.change"),
        lambda p: p.disagreement.settled <= p.disagreement.change,
        "what is raised would be settled at once; give a settled up to change",
    ),
    Constraint(
        ("exposure.bought_within",),
        lambda p: DAY <= p.exposure.bought_within <= 180 * DAY,
        "give a time from '1d' to '180d': so long it is kept what a customer bought",
    ),
    Constraint(
        ("themes.window", "themes.history"),
        lambda p: DAY <= p.themes.window <= 60 * DAY and p.themes.window < p.themes.history,
        "give a window from '1d' to '60d', and a longer history: what is usual is known from the days before the window",
    ),
    Constraint(
        ("base.window",),
        lambda p: DAY <= p.base.window <= 364 * DAY and not p.base.window % DAY,
        "customers lost and won are counted by whole days; give '1d' to '364d', like '28d'",
    ),
    Constraint(
        ("feeds.at_least", "feeds.factor"),
        lambda p: p.feeds.at_least >= p.feeds.factor * HOUR,
        "gaps under an hour are only counted; give an at_least of at least as many hours as factor says",
    ),
    Constraint(
        ("feeds.quantile",),
        lambda p: 0 < p.feeds.quantile < 1,
        "give a share above 0 and below 1, like 0.999",
    ),
    Constraint(
        ("retention.silent", "tiers.window"),
        lambda p: p.retention.silent > p.tiers.window + p.time.allowed_lateness,
        "a customer would be deleted while the purchases still count for the tier; give a silent longer than tiers.window and "
        "time.allowed_lateness together",
    ),
    Constraint(
        ("risk.review_at_least", "risk.review_at_most"),
        lambda p: p.risk.review_at_least <= p.risk.review_at_most,
        "the shortest time between reviews is longer than the longest; exchange the two",
    ),
    Constraint(
        ("risk.threshold",),
        lambda p: _never_falls(p.risk.threshold),
        "a better tier is alarmed about earlier; let the thresholds not fall from platinum over gold and iron to lead",
    ),
    Constraint(
        ("risk.champion",),
        lambda p: p.risk.champion in (AUTO, *LEARNERS),
        f"unknown learner; give {AUTO!r} or one of {', '.join(map(repr, LEARNERS))}",
    ),
    Constraint(
        ("risk.hysteresis", "risk.threshold"),
        lambda p: p.risk.hysteresis < min(p.risk.threshold.of("platinum"), p.risk.threshold.of("none")),
        "a risk could never settle; give a hysteresis under the lowest threshold",
    ),
    Constraint(
        ("risk.warning_from", "risk.error_from"),
        lambda p: p.risk.warning_from <= p.risk.error_from,
        "a warning would need a higher risk than an error; give a warning_from up to error_from",
    ),
    Constraint(
        ("risk.rise",),
        lambda p: 0 < p.risk.rise < 1,
        "a risk rises by less than 1; give a share above 0 and below 1, like 0.25",
    ),
    *(
        Constraint(
            (f"clocks.{clock}",),
            lambda p, clock=clock: _never_falls(getattr(p.clocks, clock)),  # type: ignore[misc]
            "a better tier waits no longer; let the times not fall from platinum over gold and iron to lead",
        )
        for clock in ("acknowledge", "rectify", "answer")
    ),
)


def violations(policy: Policy) -> Iterator[Violation]:
    """Each constraint that the policy breaks.

    >>> next(violations(Policy()), None)
    """
    for key, value in _leaves(policy):
        if why := _out_of_bounds(key, value):
            yield (key,), why
    for constraint in CONSTRAINTS:
        if not constraint.holds(policy):
            yield constraint.keys, constraint.mend
    try:
        business_zone(policy.time.zone)
    except ValueError as error:
        yield ("time.zone",), str(error)
        return
    yield from _of_the_calendar(policy.calendar)
    for store_id in policy.calendar.stores:
        yield from _of_the_calendar(policy.calendar.of_store(store_id), f"calendar.stores.{store_id}")


def _leaves(table: Struct, above: str = "") -> Iterator[tuple[str, Any]]:
    for name in table.__struct_fields__:
        value = getattr(table, name)
        if isinstance(value, Struct):
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield above + name, value


def _out_of_bounds(key: str, value: Any) -> str | None:
    if isinstance(value, tuple):
        return next((why for one in value if (why := _out_of_bounds(key, one))), None)
    if isinstance(value, Span):
        shortest = _SHORTEST.get(key, SECOND)
        if not shortest <= value <= _LONGEST:
            bounds = f"{format_span(shortest)!r} at least and {format_span(_LONGEST)!r} at most"
            return f"{format_span(value)!r} is out of range; give {bounds}"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} is not finite; give a finite number"
    return None


def _of_the_calendar(opening: Opening, table: str = "calendar") -> Iterator[Violation]:
    for name in (*WEEKDAYS, "holidays"):
        value = getattr(opening, name)
        wrong = [text for text in value if name in WEEKDAYS and not _HOURS.fullmatch(text)]
        if wrong:
            yield (f"{table}.{name}",), f"{wrong[0]!r} is not a span of hours; write it like '09:00-13:00'"
        try:
            Calendar(msgspec.structs.replace(Opening(), **{name: value}))
        except ValueError as error:
            yield (f"{table}.{name}",), str(error)
    if not any(getattr(opening, day) for day in WEEKDAYS):
        yield (f"{table}.monday",), "no day has an open hour; give at least one a span like '09:00-13:00'"

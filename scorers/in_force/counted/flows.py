"""Customers lost and won (L8), and how many of a stage stay (L7), as counts of the base by the day on which it happened.

They are histograms like the figures, but each count has its day in its bucket, so that a window of days can be judged again when a late
fact takes one back. There are some for the whole base, for each tier and for each store, by currency, because money is counted too.
Old days are forgotten.
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Literal, get_args

from msgspec import Struct

from scorers.contract.alarms import Stage, Tier
from scorers.contract.events import DAY, Micros
from scorers.in_force.counted.base_counts import LOSSES_KEPT, LOST_ON
from scorers.policy.tables import Policy

Contribution = tuple[int, str, int, int]
Histogram = Mapping[int, int]
Sections = dict[str, dict[int, int]]
"""The histograms of one flow: one for each currency, and of the base `KEPT`."""

FLOW = "flow:"  # followed by the currency, or `KEPT`, a colon and the id
FLOW_OF_STORE = "flow-of-store:"  # likewise; apart, because names of stores come from outside and are bounded
MOST_STORES = 1024  # in one currency and partition; customers of later ones count for base and tier alone
KEPT = "kept"
BASE, TIER, STORE = "base", "tier:", "store:"

What = Literal["lost", "won", "lost_minor", "won_minor"]
"""What is counted: customers, and what they would spend in a window at their own pace."""
WHAT: tuple[What, ...] = get_args(What)
LOST, WON, LOST_MINOR, WON_MINOR = range(len(WHAT))
STAGES: tuple[Stage, ...] = ("first_time_buyer", "early_repeat_buyer", "core_customer")
"""The stages of which retention is measured, in the order in which it must rise."""
_OF_A_DAY = 2 * len(STAGES)


class Told(Struct, array_like=True, frozen=True, gc=False):
    """The counts of one flow as of the end of a day, of all partitions together."""

    flow: str
    day: int
    sections: Sections

    @property
    def has_kept(self) -> bool:
        """Whether it tells how many of a stage stay."""
        return KEPT in self.sections


def lost(day: int, currency: str, tier: Tier, store: str, minor: int, count: int = 1) -> Iterator[Contribution]:
    """A customer has left, of the base, the tier and the store; -1 takes that back."""
    for name in _names(currency, tier, store):
        yield day, name, day * len(WHAT) + LOST, count
        yield day, name, day * len(WHAT) + LOST_MINOR, count * minor


def won(day: int, currency: str, tier: Tier, store: str, minor: int) -> Iterator[Contribution]:
    """A customer bought for the first time, or came back."""
    for name in _names(currency, tier, store):
        yield day, name, day * len(WHAT) + WON, 1
        yield day, name, day * len(WHAT) + WON_MINOR, minor


def entered(day: int, currency: str, tier: Tier, minor: int) -> Iterator[Contribution]:
    """A customer has risen into a tier, which wins one; the base does not."""
    name = f"{FLOW}{currency}:{TIER}{tier}"
    yield day, name, day * len(WHAT) + WON, 1
    yield day, name, day * len(WHAT) + WON_MINOR, minor


def kept(day: int, stage: int, bought: bool) -> Contribution:
    """A customer who was in a stage, by its place in `STAGES`, a horizon before the day did or did not buy since."""
    return day, f"{FLOW}{KEPT}:{BASE}", day * _OF_A_DAY + 2 * stage + bought, 1


def _names(currency: str, tier: Tier, store: str) -> Iterator[str]:
    yield f"{FLOW}{currency}:{BASE}"
    if tier != "none":
        yield f"{FLOW}{currency}:{TIER}{tier}"
    if store:
        yield f"{FLOW_OF_STORE}{currency}:{STORE}{store}"


def is_of_flows(name: str) -> bool:
    """Whether a histogram counts customers lost and won, or kept."""
    return name.startswith((FLOW, FLOW_OF_STORE))


def flows_of(totals: Mapping[str, Histogram]) -> dict[str, Sections]:
    """The counts of each flow, by its id.

    >>> flows_of({"flow:EUR:base": {4: 1}, "flow:EUR:tier:gold": {5: 2}, "gap": {1: 1}})
    {'base': {'EUR': {4: 1}}, 'tier:gold': {'EUR': {5: 2}}}
    """
    found: dict[str, Sections] = {}
    for name in sorted(totals):
        if is_of_flows(name) and totals[name]:
            section, _, flow = name.partition(":")[2].partition(":")
            found.setdefault(flow, {})[section] = dict(totals[name])
    return found


def day_of(section: str, bucket: int) -> int:
    """The day that a bucket of a section counts."""
    return bucket // _width(section)


def first_bucket(section: str, day: int) -> int:
    """The first bucket of a section that counts a day."""
    return day * _width(section)


def _width(section: str) -> int:
    return _OF_A_DAY if section == KEPT else len(WHAT)


def days_kept(section: str, policy: Policy) -> int:
    """How many days are needed: those of a window, and of as long a time in which a late fact may still change one."""
    window = policy.base.window // DAY
    return window + max(policy.risk.horizon // DAY, 1) if section == KEPT else 2 * window


def is_dated(name: str) -> bool:
    """Whether the buckets of a histogram are days, of which old ones are forgotten."""
    return name.startswith((FLOW, FLOW_OF_STORE, LOST_ON))


def oldest_bucket(name: str, day: int, policy: Policy) -> int:
    """The first bucket of a dated histogram that is still needed at the end of a day."""
    if name.startswith(LOST_ON):
        return day - LOSSES_KEPT + 1
    section = name.partition(":")[2].partition(":")[0]
    return first_bucket(section, day - days_kept(section, policy) + 1)


def lost_in(told: Told) -> int:
    """How many customers were lost in all the days that are told."""
    counts = (counts.items() for section, counts in told.sections.items() if section != KEPT)
    return sum(count for bucket, count in chain.from_iterable(counts) if bucket % len(WHAT) == LOST)


def told_of(totals: Mapping[str, Histogram], day: int) -> list[Told]:
    """What each flow is told of the histograms at the end of a day.

    A tier or store with all that the base has lost and won is told nothing: with one store or one tier the matter is the base's alone.
    """
    flows = flows_of(totals)
    of_base = {section: counts for section, counts in flows.get(BASE, {}).items() if section != KEPT}
    return [Told(flow, day, sections) for flow, sections in flows.items() if flow == BASE or sections != of_base]


def end_of(day: int) -> Micros:
    """The end of a day."""
    return (day + 1) * DAY

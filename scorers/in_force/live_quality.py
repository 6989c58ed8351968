"""How good the alarms were (A9): counts of answered alarms and of customers who have left, as figures of the base.

Each is a contribution dated with the day of the answer, so partitions merge by sum and a late fact takes back what it changes. The
histograms begin with the first alarm and are never forgotten, so a difference of two days is what was answered between them.
"""

from collections.abc import Iterable, Mapping
from itertools import product
from math import log2
from typing import Literal, TypeVar, get_args

from msgspec import Struct

from scorers.contract.alarms import Stage, Tier
from scorers.contract.events import DAY, EXIT_REASONS, Duration
from scorers.in_force.counted.credit import CREDIT, Credit, credits
from scorers.in_force.uplift import MARGIN_IN, TRIAL_OF, Measured, measured
from scorers.policy.tables import Policy

Counts = Mapping[str, Mapping[int, int]]
"""Histograms by name, as `figures.Totals`."""
Contribution = tuple[int, str, int, int]

ANSWERS_OF = "answer:"  # followed by the kind; buckets by place, arm and answer
LEFT = "left"  # buckets by place, whether they said so, and whether nobody was told before
WHY = "why"  # buckets by `REASONS`
CONTRADICTIONS = "contradiction"  # facts that contradict what is known, buckets by `CONTRADICTION_NAMES`
WIN_BACK = "back-won"  # buckets by APPROACHED, WON_AFTER, WON_ALONE
LEAD = "lead"  # from the first alarm of the silence, of any kind
LEAD_OF = "lead:"  # followed by the kind: from the first alarm of that kind

LEAVING = ("second-purchase-overdue", "gone-quiet", "risk-high", "distributor-risk", "defected")
"""The kinds that say of a buyer that they may leave, or have left."""

REASONS = (*EXIT_REASONS, "other")
"""The reasons for which customers leave; reasons of a code of its own are one."""

Arm = Literal["told", "held_out", "acted"]
"""What became of an alarm: told to people, held out, or somebody has acted on it."""
Contradiction = Literal["unknown_complaint", "unknown_promise", "refunds_above_purchases"]
"""A step of a complaint or promise that was never opened, or is no longer kept; more given back than was paid, in one currency.

An answer to an unknown request is none: requests are answered several times, and then closed.
"""
CONTRADICTION_NAMES: tuple[Contradiction, ...] = get_args(Contradiction)
ARMS: tuple[Arm, ...] = get_args(Arm)
TIERS: tuple[Tier, ...] = get_args(Tier)
STAGES: tuple[Stage, ...] = get_args(Stage)
_PLACES: dict[tuple[Tier, Stage], int] = {pair: place for place, pair in enumerate(product(TIERS, STAGES))}

N = TypeVar("N", bound=str)

_DAYS = 16  # leads up to so many days have a bucket each
_PER_OCTAVE = 8  # buckets of longer leads: each is 9 % wide
LONGEST_LEAD = 80  # the last bucket, from eleven years on


def is_of_quality(name: str) -> bool:
    """Whether a histogram says how good alarms were, or what they brought."""
    return name.startswith((ANSWERS_OF, LEAD_OF, TRIAL_OF, MARGIN_IN, CREDIT)) or name in (
        LEFT,
        LEAD,
        WHY,
        WIN_BACK,
        CONTRADICTIONS,
    )


def place_of(tier: Tier, stage: Stage) -> int:
    """Tier and stage as one number.

    >>> tier_and_stage(place_of("gold", "dormant"))
    ('gold', 'dormant')
    """
    return _PLACES[tier, stage]


def tier_and_stage(place: int) -> tuple[Tier, Stage]:
    """The tier and the stage of a place."""
    return TIERS[place // len(STAGES)], STAGES[place % len(STAGES)]


def lead_bucket(lead: Duration) -> int:
    """The bucket of a lead.

    >>> [lead_bucket(days * DAY) for days in (0, 15, 16, 32, 100_000)]
    [0, 15, 16, 24, 80]
    """
    days = max(lead, 0) // DAY
    return days if days < _DAYS else min(_DAYS + int(_PER_OCTAVE * log2(days / _DAYS)), LONGEST_LEAD)


def lead_days(bucket: int) -> float:
    """The shortest lead of a bucket, in days.

    >>> lead_days(15), lead_days(24)
    (15.0, 32.0)
    """
    return float(bucket) if bucket < _DAYS else round(_DAYS * 2.0 ** ((bucket - _DAYS) / _PER_OCTAVE), 1)


def answered(day: int, kind: str, place: int, arm: int, hit: bool) -> Contribution:
    """An alarm has its answer; `arm` is a place in `ARMS`, and a hit is what the kind warns of."""
    return day, ANSWERS_OF + kind, (place * len(ARMS) + arm) * 2 + hit, 1


def has_left(day: int, place: int, said: bool, missed: bool) -> Contribution:
    """A customer has left; `said`: they said so. `missed`: no alarm of that silence was told before."""
    return day, LEFT, place * 4 + 2 * said + missed, 1


def why(day: int, reason: int, count: int) -> Contribution:
    """A customer has left for a reason, by its place in `REASONS`; -1 takes that back."""
    return day, WHY, reason, count


APPROACHED, WON_AFTER, WON_ALONE = range(3)
"""Of customers who have left: somebody tried to win them back, they came back after that, they came back by themselves."""


def win_back(day: int, what: int) -> Contribution:
    """A customer who has left was approached, or came back."""
    return day, WIN_BACK, what, 1


def led(day: int, kind: str, lead: Duration) -> Contribution:
    """How long before a customer left by silence the first alarm of a kind was told; of any kind if that is empty."""
    return day, LEAD_OF + kind if kind else LEAD, lead_bucket(lead), 1


class Answers(Struct):
    """How many alarms have their answer, of how many it was what they warned of, and the share of these."""

    answered: int
    hits: int
    precision: float | None

    @classmethod
    def of(cls, counts: Iterable[tuple[bool, int]]) -> "Answers":
        """From pairs of whether it was a hit, and how many."""
        pairs = list(counts)
        answered, hits = sum(count for _, count in pairs), sum(count for hit, count in pairs if hit)
        return cls(answered, hits, round(hits / answered, 4) if answered else None)


class KindQuality(Struct, kw_only=True):
    """How good the alarms of one kind were: those of each arm, and who of those that have left by silence they had named before."""

    all: Answers
    arms: dict[Arm, Answers]
    tiers: dict[Tier, Answers]
    stages: dict[Stage, Answers]
    recall: float | None
    lead_days: float | None  # median


class Leavers(Struct, kw_only=True):
    """The customers who have left: by silence, of whom some were told before, and those who said so."""

    by_silence: int
    told_before: int
    missed: int
    recall: float | None
    lead_days: float | None  # median, from the first alarm of the silence
    said_so: int
    said_so_missed: int
    reasons: dict[str, int]
    reason_unknown: float | None  # share
    approached: int  # somebody tried to win them back
    won_back: int  # after that
    came_back: int  # by themselves
    save_rate: float | None  # the share of those approached who came back


class Quality(Struct, kw_only=True):
    """How good the alarms were until now."""

    kinds: dict[str, KindQuality]
    leavers: Leavers
    uplift: Measured
    staff: dict[str, Credit] = {}


def measure(counts: Counts, policy: Policy) -> Quality:
    """The quality of the alarms from the histograms of all customers.

    >>> counts = {"answer:gone-quiet": {place_of("gold", "dormant") * 6 + 1: 3, place_of("iron", "dormant") * 6: 1}}
    >>> measure(counts, Policy()).kinds["gone-quiet"].all.precision
    0.75
    """
    left = leavers(counts)
    names = sorted(name.removeprefix(ANSWERS_OF) for name in counts if name.startswith(ANSWERS_OF))
    return Quality(
        kinds={kind: _of_kind(kind, counts, left.by_silence) for kind in names},
        leavers=left,
        uplift=measured(counts, policy),
        staff=credits(counts),
    )


def by_arm(counts: Counts, kind: str) -> dict[tuple[Arm, bool], int]:
    """The number of answered alarms of a kind by arm and answer."""
    found: dict[tuple[Arm, bool], int] = {}
    for bucket, count in counts.get(ANSWERS_OF + kind, {}).items():
        key = ARMS[bucket // 2 % len(ARMS)], bool(bucket % 2)
        found[key] = found.get(key, 0) + count
    return found


def by_place(counts: Counts, kinds: Iterable[str]) -> dict[tuple[Tier, Stage, bool], int]:
    """The number of answered alarms of some kinds by tier, stage and answer."""
    found: dict[tuple[Tier, Stage, bool], int] = {}
    for kind in kinds:
        for bucket, count in counts.get(ANSWERS_OF + kind, {}).items():
            key = *tier_and_stage(bucket // 2 // len(ARMS)), bool(bucket % 2)
            found[key] = found.get(key, 0) + count
    return found


def _of_kind(kind: str, counts: Counts, left: int) -> KindQuality:
    arms, places = by_arm(counts, kind), by_place(counts, (kind,))
    before = leads(counts, kind)
    return KindQuality(
        all=Answers.of((hit, count) for (_, hit), count in arms.items()),
        arms=_shown(ARMS, ((arm, hit, count) for (arm, hit), count in arms.items())),
        tiers=_shown(TIERS, ((tier, hit, count) for (tier, _, hit), count in places.items())),
        stages=_shown(STAGES, ((stage, hit, count) for (_, stage, hit), count in places.items())),
        recall=round(sum(before.values()) / left, 4) if left else None,
        lead_days=_median(before),
    )


def _shown(names: Iterable[N], counts: Iterable[tuple[N, bool, int]]) -> dict[N, Answers]:
    """The answers under each name that has any, in the order of the names."""
    found: dict[N, list[tuple[bool, int]]] = {name: [] for name in names}
    for name, hit, count in counts:
        found[name].append((hit, count))
    return {name: Answers.of(pairs) for name, pairs in found.items() if pairs}


def leads(counts: Counts, kind: str) -> dict[float, int]:
    """How many of those who have left by silence were told so many days before, by a kind; by any if that is empty."""
    return {lead_days(bucket): n for bucket, n in counts.get(LEAD_OF + kind if kind else LEAD, {}).items()}


def leavers(counts: Counts) -> Leavers:
    """Who has left, and who of them was told before."""
    number = [0, 0, 0, 0]
    for bucket, count in counts.get(LEFT, {}).items():
        number[bucket % 4] += count
    told, missed, said, said_missed = number
    tried, won, alone = [counts.get(WIN_BACK, {}).get(what, 0) for what in (APPROACHED, WON_AFTER, WON_ALONE)]
    reasons = {REASONS[place]: n for place, n in sorted(counts.get(WHY, {}).items()) if n}
    return Leavers(
        by_silence=told + missed,
        told_before=told,
        missed=missed,
        recall=round(told / (told + missed), 4) if told + missed else None,
        lead_days=_median(leads(counts, "")),
        said_so=said + said_missed,
        said_so_missed=said_missed,
        reasons=reasons,
        reason_unknown=round(reasons.get("unknown", 0) / sum(reasons.values()), 4) if reasons else None,
        approached=tried,
        won_back=won,
        came_back=alone,
        save_rate=round(won / tried, 4) if tried else None,
    )


def _median(days: Mapping[float, int]) -> float | None:
    """The median lead, to a bucket; None without any."""
    half, seen = sum(days.values()) / 2, 0
    for lead in sorted(days):
        seen += days[lead]
        if seen >= half > 0:
            return lead
    return None

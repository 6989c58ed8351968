"""What acting on alarms brings, as far as the hold-out has measured it (A8, J6).

Among the alarms that may be held out, chance decides which customers hear of none in a quarter. So the difference between the
shares that came back within the horizon is the effect of telling, whoever acted. The interval is Newcombe's hybrid score interval,
from Wilson's intervals of both shares, at 95 %.
"""

from collections.abc import Iterable, Mapping
from math import sqrt
from typing import Literal, NamedTuple, get_args
from zlib import crc32

from msgspec import Struct

from scorers.contract.alarms import Treatment
from scorers.policy.tables import Policy

ANY = ""
"""In the place of a kind: the first alarm of a customer in a quarter, of whatever kind."""
TRIAL_OF = "trial:"  # followed by the kind; buckets by treatment, whether held out, and whether the customer came back
MARGIN_IN = "margin:"  # followed by the currency: margin of those told within the horizon, at their own pace, by kind and treatment
TREATMENTS: tuple[Treatment, ...] = get_args(Treatment)
NOT_SPENT = TREATMENTS.index("do_not_spend")

_Z = 1.96  # of an interval of 95 %
_SPREAD = 0.1  # how far a chance to save usually lies from the policy's: a prior that few answers do not overrule

Contribution = tuple[int, str, int, int]
Counts = Mapping[str, Mapping[int, int]]


def code_of(kind: str) -> int:
    """A kind as a number of 16 bits, which no change of the catalogue changes."""
    return crc32(kind.encode()) & 0xFFFF


def trial(day: int, kind: str, treatment: int, held_out: bool, returned: bool) -> Contribution:
    """An alarm that could be held out has its answer."""
    return day, TRIAL_OF + kind, treatment * 4 + 2 * held_out + returned, 1


def margin(day: int, currency: str, kind: str, treatment: int, minor: int) -> Contribution:
    """What a customer who was told brings within the horizon, if they come back."""
    return day, MARGIN_IN + currency, code_of(kind) * 16 + treatment, minor


class Trial(NamedTuple):
    """How many were told and held out, and how many of each came back."""

    told: int = 0
    told_back: int = 0
    held_out: int = 0
    held_out_back: int = 0

    def plus(self, held_out: bool, returned: bool, count: int) -> "Trial":
        """With more answers of one arm."""
        told, back, held, held_back = self
        if held_out:
            return Trial(told, back, held + count, held_back + count * returned)
        return Trial(told + count, back + count * returned, held, held_back)

    def has(self, enough: int) -> bool:
        """Whether both arms have enough answers."""
        return min(self.told, self.held_out) >= enough


def wilson(part: int, of: int) -> tuple[float, float]:
    """Wilson's interval of a share.

    >>> [round(bound, 4) for bound in wilson(56, 70)]
    [0.6918, 0.877]
    """
    share, z2 = part / of, _Z * _Z
    middle, half = share + z2 / (2 * of), _Z * sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return (middle - half) / (1 + z2 / of), (middle + half) / (1 + z2 / of)


def newcombe(t: Trial) -> tuple[float, float, float]:
    """The share of those told that came back less that of those held out, with the bounds of its interval.

    >>> [round(bound, 4) for bound in newcombe(Trial(70, 56, 80, 48))]  # the example of Newcombe (1998), method 10
    [0.2, 0.0524, 0.3339]
    """
    p1, p0 = t.told_back / t.told, t.held_out_back / t.held_out
    (low1, high1), (low0, high0) = wilson(t.told_back, t.told), wilson(t.held_out_back, t.held_out)
    below, above = sqrt((p1 - low1) ** 2 + (high0 - p0) ** 2), sqrt((high1 - p1) ** 2 + (p0 - low0) ** 2)
    return p1 - p0, p1 - p0 - below, p1 - p0 + above


class Uplift(Struct, kw_only=True):
    """The effect of telling people of alarms: not measured until both arms have enough answers.

    `kept_minor` is the difference times the margin of those told, by currency, with the bounds of the interval.
    """

    state: Literal["measured", "not measured"]
    told: int
    told_returned: int
    held_out: int
    held_out_returned: int
    difference: float | None = None
    interval: tuple[float, float] | None = None
    kept_minor: dict[str, tuple[int, int, int]] = {}

    @classmethod
    def of(cls, t: Trial, money: Mapping[str, int], enough: int) -> "Uplift":
        """From the counts, and the margin of those told by currency."""
        found = cls(
            state="not measured",
            told=t.told,
            told_returned=t.told_back,
            held_out=t.held_out,
            held_out_returned=t.held_out_back,
        )
        if t.has(enough):
            middle, low, high = newcombe(t)
            found.state, found.difference, found.interval = (
                "measured",
                round(middle, 4),
                (round(low, 4), round(high, 4)),
            )
            found.kept_minor = {
                name: (round(middle * m), round(low * m), round(high * m)) for name, m in sorted(money.items())
            }
        return found


class Measured(Struct, kw_only=True):
    """The uplift of the first alarms of customers in a quarter, of all and by treatment; and of the first ones of each kind."""

    all: Uplift
    treatments: dict[Treatment, Uplift]
    kinds: dict[str, dict[Treatment, Uplift]]


def measured(counts: Counts, policy: Policy) -> Measured:
    """What the hold-out has measured until now."""
    enough = policy.hold_out.answers_at_least
    found = trials(counts)
    kinds = sorted({kind for kind, _ in found})

    def uplift(keys: list[tuple[str, Treatment]]) -> Uplift:
        return Uplift.of(_sum(found[key] for key in keys), _money(counts, keys), enough)

    by_treatment = {
        kind: {name: uplift([(kind, name)]) for name in TREATMENTS if (kind, name) in found} for kind in kinds
    }
    return Measured(
        all=uplift([key for key in found if key[0] == ANY]),
        treatments=by_treatment.pop(ANY, {}),
        kinds=by_treatment,
    )


def trials(counts: Counts) -> dict[tuple[str, Treatment], Trial]:
    """The answers of alarms that could be held out, by kind (and `ANY`) and treatment."""
    found: dict[tuple[str, Treatment], Trial] = {}
    for name, buckets in counts.items():
        if name.startswith(TRIAL_OF):
            for bucket, count in buckets.items():
                key = name.removeprefix(TRIAL_OF), TREATMENTS[bucket // 4]
                found[key] = found.get(key, Trial()).plus(bool(bucket // 2 % 2), bool(bucket % 2), count)
    return found


def firsts(counts: Counts) -> dict[Treatment, Trial]:
    """The answers of the first alarms of customers in a quarter, by treatment."""
    return {treatment: trial for (kind, treatment), trial in trials(counts).items() if kind == ANY}


def margins(counts: Counts) -> dict[tuple[Treatment, str], int]:
    """The margin of those told of a first alarm in a quarter, by treatment and currency."""
    found = {name: _money(counts, [(ANY, name)]) for name in TREATMENTS}
    return {(name, currency): minor for name, money in found.items() for currency, minor in money.items()}


def learned_chances(counts: Counts, policy: Policy) -> tuple[float, ...]:
    """The chance to save of each treatment as the hold-out has measured it, -1 where it has not; empty if it has measured none.

    It is the share of those who would have stayed away that telling brought back. The policy's chance counts as a prior with a
    spread of .1, so answers weigh as much as they are sure.

    >>> from scorers.policy.reading import parse_policy
    >>> some = {"trial:": {TREATMENTS.index("trust") * 4 + n: count for n, count in enumerate((300, 700, 500, 500))}}
    >>> learned_chances(some, parse_policy(""))[TREATMENTS.index("trust")]
    0.385
    >>> learned_chances({"trial:": {0: 10, 1: 10, 2: 5, 3: 5}}, parse_policy(""))
    ()
    """
    found = firsts(counts)
    chances = [-1.0] * len(TREATMENTS)
    for place, name in enumerate(TREATMENTS):
        t = found.get(name, Trial())
        if place != NOT_SPENT and t.has(policy.hold_out.answers_at_least) and t.held_out_back < t.held_out:
            chances[place] = _chance(t, policy.worklist.save_chance.of(name))
    return tuple(chances) if max(chances) >= 0 else ()


def save_chance(treatment: Treatment, learned: tuple[float, ...], policy: Policy) -> float:
    """The chance to save of a treatment other than `do_not_spend`: learned where it was measured, else the policy's."""
    chance = learned[TREATMENTS.index(treatment)] if learned else -1.0
    return chance if chance >= 0.0 else policy.worklist.save_chance.of(treatment)


def _chance(t: Trial, prior: float) -> float:
    middle, low, high = newcombe(t)
    away = 1.0 - t.held_out_back / t.held_out
    error = (high - low) / (2 * _Z * away)
    weight = _SPREAD**2 / (_SPREAD**2 + error**2)
    return round(weight * min(max(middle / away, 0.0), 1.0) + (1.0 - weight) * prior, 3)


def _sum(found: Iterable[Trial]) -> Trial:
    return Trial(*map(sum, zip(*found, Trial(), strict=True)))


def _money(counts: Counts, keys: Iterable[tuple[str, Treatment]]) -> dict[str, int]:
    """The margin of those told with some kinds and treatments, by currency."""
    buckets = [code_of(kind) * 16 + TREATMENTS.index(treatment) for kind, treatment in keys]
    return {
        name.removeprefix(MARGIN_IN): total
        for name, held in counts.items()
        if name.startswith(MARGIN_IN) and (total := sum(held.get(bucket, 0) for bucket in buckets))
    }

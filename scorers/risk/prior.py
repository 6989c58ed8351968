"""The probability of no purchase within a horizon, in closed form: customers buy at their own pace until they stop unseen.

The kind of model is "buy till you die" (Schmittlein, Morrison & Colombo 1987; Batislam et al. 2007; regular gaps after
Platzer & Reutterer 2016). Gaps of one customer are gamma-distributed with the customer's own shape; paces differ from
customer to customer by a gamma distribution; after each purchase a customer may stop for ever, with a probability
that differs by a beta distribution. Given pace and drop-out, all that matters is how many gaps there were, how long they
took, and the present silence. Two powers bend the clock on which all that runs: habits may slow down or quicken with a
customer's age (Moe & Fader 2004), and gaps may have longer or shorter tails than gamma's. Only purchase times are
used here.
"""

from functools import lru_cache
from math import exp, log

from msgspec import Struct

from scorers.in_force.risk_model import PopulationParameters

CERTAIN = 1e-6
MOST_SHAPE = 12.0  # a larger shape only makes the sum in `_outlasts` longer


class Population(Struct, frozen=True):
    """How customers of one shop differ: logs of the pace's r and alpha (days) and of the drop-out's a and b."""

    log_r: float = 0.0
    log_alpha: float = 3.4
    log_a: float = -1.0
    log_b: float = 0.0
    trust: float = 0.4  # how far the observed regularity counts: 0 not at all, 1 fully
    ageing: float = 1.0  # power of a customer's time: below 1 purchases slow down with age, above 1 they quicken
    tail: float = 1.0  # power of a gap's time: below 1 a long silence says less than under a gamma distribution
    unit: float = 30.0  # days; both powers are of (1 + days / unit), so that 1 changes nothing

    def risk(
        self, gaps: float, spent_days: float, silence: float, horizon: float, shape: float, survived: float, age: float
    ) -> float:
        """P(no purchase within the horizon | so many gaps that took so many days, then silence); times in days.

        `gaps` and `spent_days` may be discounted for age; `survived` counts the gaps that did not end it, and `age` is
        how long they took.

        >>> p = Population()
        >>> p.risk(10, 70, 3, 28, 1.0, 10, 70) < 0.2 < 0.9 < p.risk(10, 70, 90, 28, 1.0, 10, 70)
        True
        """
        return no_purchase(*self.parameters(), gaps, spent_days, silence, horizon, shape, survived, age)

    def parameters(self) -> PopulationParameters:
        """The first arguments of `no_purchase`."""
        logs = exp(self.log_r), exp(self.log_alpha), exp(self.log_a), exp(self.log_b)
        return *logs, self.trust, self.ageing, self.tail, self.unit


_UNKNOWN = Population().parameters()


@lru_cache(maxsize=64)  # the mean gap is a figure of the base, one a day
def strangers(mean_gap: float) -> PopulationParameters:
    """The parameters of a population of which only the mean gap, in days, is known."""
    return _UNKNOWN[0], mean_gap, *_UNKNOWN[2:]


def no_purchase(
    r: float,
    alpha: float,
    a: float,
    b: float,
    trust: float,
    ageing: float,
    tail: float,
    unit: float,
    gaps: float,
    spent_days: float,
    silence: float,
    horizon: float,
    shape: float,
    survived: float,
    age: float,
) -> float:
    """As `Population.risk`, with the parameters as plain numbers, as this is called for every score."""
    shape = min(max(shape, 1.0) ** trust, MOST_SHAPE)
    later = silence + horizon
    if ageing != 1.0:
        born = 1.0 + age / unit
        start, scale = born**ageing, unit / ageing
        later = scale * ((born + later / unit) ** ageing - start)
        silence = scale * ((born + silence / unit) ** ageing - start)
        if age:
            spent_days *= scale * (start - 1.0) / age
    if tail != 1.0:
        later = _bent(later, tail, unit)
        silence = _bent(silence, tail, unit)
        if gaps:
            spent_days = gaps * _bent(spent_days / gaps, tail, unit)
    certainty = r + shape * gaps
    behind = alpha + shape * spent_days
    gone = a / (b + survived)  # odds of having stopped at the last purchase
    if shape == 1.0:
        silent = exp(certainty * log(behind / (behind + silence)))
        longer = exp(certainty * log(behind / (behind + later)))
    else:
        silent = _outlasts(silence * shape, behind, certainty, shape)
        longer = _outlasts(later * shape, behind, certainty, shape)
    return min(max((gone + longer) / (gone + silent), CERTAIN), 1.0 - CERTAIN)


def _bent(days: float, power: float, unit: float) -> float:
    bent: float = unit / power * ((1.0 + days / unit) ** power - 1.0)
    return bent


def _outlasts(scaled: float, behind: float, certainty: float, shape: float) -> float:
    """P(a gap is longer), its pace being gamma-distributed: a negative binomial sum with as many terms as the shape."""
    share = scaled / (behind + scaled)
    term = total = exp(certainty * log(1.0 - share))
    left = shape - 1.0
    j = 0.0
    while left > 1.0:
        term *= (certainty + j) / (j + 1.0) * share
        total += term
        j += 1.0
        left -= 1.0
    return total + left * term * (certainty + j) / (j + 1.0) * share

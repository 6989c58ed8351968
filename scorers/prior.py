"""The chance of no purchase in a while, in closed form: customers buy at their own pace until they quietly stop.

The kind of model is "buy till you die" (Schmittlein, Morrison & Colombo 1987; Batislam et al. 2007; regular gaps after
Platzer & Reutterer 2016). Gaps of one customer are gamma-distributed with the customer's own shape; paces differ from
customer to customer by a gamma distribution; after each purchase a customer may stop for ever, with a chance that
differs by a beta distribution. Given pace and drop-out, all that matters is how many gaps there were, how long they
took, and the present silence. Nothing but purchase times is known here.
"""

from math import exp, log

from msgspec import Struct

CERTAIN = 1e-6
MOST_SHAPE = 12.0  # beyond, the sum below only costs time


class Population(Struct, frozen=True):
    """How customers of one shop differ: logs of the pace's r and alpha (days) and of the drop-out's a and b."""

    log_r: float = 0.0
    log_alpha: float = 3.4
    log_a: float = -1.0
    log_b: float = 0.0
    trust: float = 0.4  # how far the seen regularity is believed: 0 not at all, 1 to the letter

    def risk(
        self, gaps: float, spent_days: float, silence: float, horizon: float, shape: float, survived: float
    ) -> float:
        """P(no purchase within the horizon | so many gaps that took so many days, then silence); times in days.

        `gaps` and `spent_days` may be discounted for age; `survived` counts the gaps that did not end it.

        >>> p = Population()
        >>> p.risk(10, 70, 3, 28, 1.0, 10) < 0.2 < 0.9 < p.risk(10, 70, 90, 28, 1.0, 10)
        True
        """
        return no_purchase(*self.spelt(), gaps, spent_days, silence, horizon, shape, survived)

    def spelt(self) -> tuple[float, float, float, float, float]:
        """What `no_purchase` takes first."""
        return exp(self.log_r), exp(self.log_alpha), exp(self.log_a), exp(self.log_b), self.trust


def no_purchase(
    r: float,
    alpha: float,
    a: float,
    b: float,
    trust: float,
    gaps: float,
    spent_days: float,
    silence: float,
    horizon: float,
    shape: float,
    survived: float,
) -> float:
    """As `Population.risk`, for a population that is spelt out: a score makes no object."""
    shape = min(max(shape, 1.0) ** trust, MOST_SHAPE)
    certainty = r + shape * gaps
    behind = alpha + shape * spent_days
    gone = a / (b + survived)  # odds of having stopped at the last purchase
    if shape == 1.0:
        silent = exp(certainty * log(behind / (behind + silence)))
        longer = exp(certainty * log(behind / (behind + silence + horizon)))
    else:
        silent = _outlasts(silence * shape, behind, certainty, shape)
        longer = _outlasts((silence + horizon) * shape, behind, certainty, shape)
    return min(max((gone + longer) / (gone + silent), CERTAIN), 1.0 - CERTAIN)


def _outlasts(scaled: float, behind: float, certainty: float, shape: float) -> float:
    """P(a gap is longer), its pace known up to a gamma distribution: a negative binomial sum, cut at the shape."""
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

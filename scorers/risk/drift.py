"""Whether the world still is what the model learned: what was told against what came, and the columns against their past.

A cumulative sum grows while the answers lie beyond what was told by more than a tolerance, and rings when it has grown
past what chance explains. It reads the scores as they were told, as a learner that adapts each day hides a change from
itself. Columns are told of and not reacted to: customers may change without the model being wrong of them. Days go in,
flags come out; what is done about them is decided elsewhere.
"""

from collections.abc import Sequence
from math import log, sqrt

from msgspec import Struct, field

SLACK = 0.05  # of a chance, or nats of loss: an error within this is no drift
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


class Sum(Struct):
    """A one-sided cumulative sum, and the variance of what went into it.

    >>> s = Sum()
    >>> [s.add(3.0, 9.0, 20.0) for day in range(3)], [s.add(9.0, 9.0, 20.0) for day in range(9)][-1]
    ([False, False, False], True)
    """

    total: float = 0.0
    variance: float = 0.0

    def add(self, excess: float, variance: float, tolerated: float, slack: float = SLACK) -> bool:
        """A day's excess over what was told; whether it rings. So many answers were tolerated the slack each."""
        self.total += excess - slack * tolerated
        self.variance += variance
        if self.total <= 0.0:
            self.total = self.variance = 0.0
            return False
        return self.total > LIMIT * sqrt(self.variance)


class Day(Struct):
    """What the answers of one day add up to."""

    many: float = 0.0
    excess: float = 0.0  # more inactive than was told
    variance: float = 0.0
    loss: float = 0.0  # beyond the loss of a true chance
    loss_variance: float = 0.0
    columns: list[float] = field(default_factory=lambda: [0.0] * len(WATCHED))


class Watch(Struct):
    """The sums, and what has rung."""

    today: Day = field(default_factory=Day)
    gone: Sum = field(default_factory=Sum)  # more are lost than was told
    come: Sum = field(default_factory=Sum)  # fewer
    blind: Sum = field(default_factory=Sum)  # the loss is above what the chances told admit
    up: list[Sum] = field(default_factory=lambda: [Sum() for _ in WATCHED])
    down: list[Sum] = field(default_factory=lambda: [Sum() for _ in WATCHED])
    drifts: int = 0  # of the answers
    shifts: int = 0  # of a column

    def note(self, told: float, inactive: bool, columns: Sequence[float]) -> None:
        """An answer: the risk as it was told, what came, and `WATCHED` in standard deviations from the usual."""
        p, day = min(max(told, 1e-3), 1.0 - 1e-3), self.today
        heed, odds = p * (1.0 - p), log(p / (1.0 - p))
        day.many += 1.0
        day.excess += inactive - p
        day.variance += heed
        day.loss += p * log(p) + (1.0 - p) * log(1.0 - p) - log(p if inactive else 1.0 - p)
        day.loss_variance += heed * odds * odds
        day.columns = [total + value for total, value in zip(day.columns, columns, strict=True)]

    def close(self, share: float) -> tuple[str, ...]:
        """End the day: what has drifted. Overlapping answers are news by a share each, so chance explains more."""
        day, self.today = self.today, Day()
        variance, loss_variance = day.variance / share, day.loss_variance / share
        rung = [
            name
            for name, rings in (
                ("more-inactive", self.gone.add(day.excess, variance, day.many)),
                ("fewer-inactive", self.come.add(-day.excess, variance, day.many)),
                ("loss", self.blind.add(day.loss, loss_variance, day.many)),
            )
            if rings
        ]
        if rung:
            self.gone, self.come, self.blind = Sum(), Sum(), Sum()
            self.drifts += 1
        for n, name in enumerate(WATCHED):
            moved, noise = day.columns[n], day.many / share
            if self.up[n].add(moved, noise, day.many, COLUMN_SLACK) or self.down[n].add(
                -moved, noise, day.many, COLUMN_SLACK
            ):
                self.up[n], self.down[n] = Sum(), Sum()
                self.shifts += 1
                rung.append(name)
        return tuple(rung)

    def rest(self) -> None:
        """Answers in flight were told before a reaction: they are no new drift."""
        self.today, self.gone, self.come, self.blind = Day(), Sum(), Sum(), Sum()


REACTED = frozenset({"more-inactive", "fewer-inactive", "loss"})
"""What makes the model forget faster."""

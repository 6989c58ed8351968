"""How good the told risk was lately: its log-loss, how well it separates, and how far it lies from what happened.

Answers are counted in bins of the told risk, so a year of them takes as much room as a day, and old ones fade.
"""

from math import log

from msgspec import Struct, field

from scorers.contract.events import Micros

BINS = 50
LEAST = 50.0  # answers from which something is said
HALF_LIFE_DAYS = 91.0  # as of the evidence about learners


def _zeros() -> list[float]:
    return [0.0] * BINS


class Accuracy(Struct):
    """The answers by told risk; every number fades alike.

    >>> accuracy = Accuracy()
    >>> for n in range(1000):
    ...     accuracy.learn(0.2 if n % 2 else 0.8, n % 10 in (0, 2, 4, 6, 1), asked=n)
    >>> accuracy.auc(), round(accuracy.calibration_error(), 6), round(accuracy.log_loss(), 3), accuracy.newest_asked
    (0.8, 0.0, 0.5, 999)
    """

    left: list[float] = field(default_factory=_zeros)  # customers who did not buy within the horizon
    stayed: list[float] = field(default_factory=_zeros)
    told: list[float] = field(default_factory=_zeros)  # the sum of the risks
    loss: float = 0.0
    newest_asked: Micros = 0

    def learn(self, predicted: float, inactive: bool, asked: Micros) -> None:
        """Count an answer and the risk that was told when its question was asked."""
        p = min(max(predicted, 1e-3), 1.0 - 1e-3)
        place = min(int(p * BINS), BINS - 1)
        (self.left if inactive else self.stayed)[place] += 1.0
        self.told[place] += p
        self.loss -= log(p if inactive else 1.0 - p)
        self.newest_asked = max(self.newest_asked, asked)

    def age(self, days: float) -> None:
        """Let the answers fade for so many days."""
        kept = 0.5 ** (days / HALF_LIFE_DAYS)
        self.loss *= kept
        for counts in (self.left, self.stayed, self.told):
            counts[:] = [count * kept for count in counts]

    @property
    def weight(self) -> float:
        """How many answers, less what has faded."""
        return sum(self.left) + sum(self.stayed)

    @property
    def is_known(self) -> bool:
        """Whether there are answers enough, of both sorts."""
        return self.weight >= LEAST and min(sum(self.left), sum(self.stayed)) > 0.0

    def log_loss(self) -> float:
        """The mean log-loss, in nats."""
        return self.loss / self.weight

    def auc(self) -> float:
        """How often one who left had a higher risk than one who stayed; two in one bin count half."""
        won = below = 0.0
        for left, stayed in zip(self.left, self.stayed, strict=True):
            won += left * (below + stayed / 2)
            below += stayed
        return won / (sum(self.left) * below)

    def calibration_error(self) -> float:
        """The mean distance between the told risk and the share that left, over the bins (ECE)."""
        apart = sum(abs(told - left) for told, left in zip(self.told, self.left, strict=True))
        return apart / self.weight

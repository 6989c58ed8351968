"""Champion and challengers: which learner makes the logistic's log-odds, and on what evidence that changes.

All learners learn from the same lessons, and each is judged by the log-odds that its snapshot in force gave when the
question was asked: a quick learner looks best in hindsight and predicts worst. The champion changes only on a gain that
is large and significant, or because the policy names another.
"""

from collections.abc import Sequence
from math import sqrt

from msgspec import Struct, field

from scorers.contract.lessons import LEARNERS
from scorers.policy.tables import AUTO
from scorers.risk.log_odds import log_loss

LEAST_ERRORS = 3.0  # standard errors that a challenger must be ahead
LEAST_GAIN = 0.002  # nats a lesson that it must be ahead: less is no reason for a change
LEAST_EVIDENCE = 100.0  # lessons' worth of evidence that a change takes
HALF_LIFE_DAYS = 91.0  # of evidence: a regime is judged by about its last two quarters


class Evidence(Struct):
    """What a challenger has gained on the champion, lesson by lesson, in nats."""

    weight: float = 0.0  # lessons' worth of evidence, overlap and forgetting considered
    gain: float = 0.0
    squares: float = 0.0

    def add(self, gain: float, share: float) -> None:
        """Add the gain of a lesson that counts by this share."""
        self.weight += share
        self.gain += share * gain
        self.squares += share * gain * gain

    def keep(self, share: float) -> None:
        """Keep this share of the evidence."""
        self.weight *= share
        self.gain *= share
        self.squares *= share

    def mean(self) -> float:
        """The mean gain of a lesson."""
        return self.gain / self.weight if self.weight else 0.0

    def errors(self) -> float:
        """The mean gain in standard errors."""
        if not self.weight:
            return 0.0
        mean = self.mean()
        variance = max(self.squares / self.weight - mean * mean, 1e-12)
        return mean * sqrt(self.weight / variance)

    def is_enough(self) -> bool:
        """Whether the challenger should become champion."""
        return self.weight >= LEAST_EVIDENCE and self.mean() >= LEAST_GAIN and self.errors() >= LEAST_ERRORS


class ChampionChallenger(Struct):
    """The champion among `LEARNERS`, and the evidence for the others.

    >>> selection = ChampionChallenger()
    >>> for n in range(4000):
    ...     selection.learn((0.0, 1.5), n % 5 > 0, 0.25)
    >>> selection.select(), selection.champion, selection.select("kalman"), selection.champion
    (True, 'sgd', True, 'kalman')
    """

    champion: str = LEARNERS[0]
    changes: int = 0
    evidence: dict[str, Evidence] = field(default_factory=lambda: {name: Evidence() for name in LEARNERS})
    loss: dict[str, float] = field(default_factory=lambda: dict.fromkeys(LEARNERS, 0.0))  # fades like the evidence
    weight: float = 0.0

    def learn(self, log_odds: Sequence[float], inactive: bool, share: float) -> None:
        """Take in an answer that counts by a share, and the log-odds that each of `LEARNERS` gave when asked.

        There are no log-odds if the question was asked before any model was trained; it then judges nobody.
        """
        if not log_odds:
            return
        losses = {name: log_loss(z, inactive) for name, z in zip(LEARNERS, log_odds, strict=True)}
        self.weight += share
        for name, loss in losses.items():
            self.loss[name] += share * loss
            if name != self.champion:
                self.evidence[name].add(losses[self.champion] - loss, share)

    def age(self, days: float) -> None:
        """Let the evidence fade for so many days."""
        kept = 0.5 ** (days / HALF_LIFE_DAYS)
        self.weight *= kept
        for name, evidence in self.evidence.items():
            self.loss[name] *= kept
            evidence.keep(kept)

    def select(self, named: str = AUTO) -> bool:
        """Choose the champion: the learner that the policy names, or the best by evidence. Returns whether it changed."""
        best = self._best() if named == AUTO else named
        if best == self.champion:
            return False
        self.champion = best
        self.changes += 1
        self.evidence = {name: Evidence() for name in LEARNERS}
        return True

    def _best(self) -> str:
        ready = [(evidence.mean(), name) for name, evidence in self.evidence.items() if evidence.is_enough()]
        return max(ready, default=(0.0, self.champion), key=lambda one: one[0])[1]

    def mean_loss(self) -> dict[str, float]:
        """The recent log-loss of each learner by what it gave when asked; empty before the first lesson."""
        return {name: loss / self.weight for name, loss in self.loss.items()} if self.weight else {}

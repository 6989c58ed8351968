"""Champion and challengers: who speaks as the learned voice, and on what evidence that changes.

All learn from the same lessons. Each is judged by what its snapshot in force had said when the question was asked, and
never by what it would say once the answers around are known: a quick learner looks best in hindsight and is the worst
in earnest. The champion changes only on a gain that is large and sure; recent lessons count more. A policy may name the
champion instead. What the learners are, and how they learn, is not known here.
"""

from collections.abc import Sequence
from math import sqrt

from msgspec import Struct, field

from scorers.contract.lessons import LEARNERS
from scorers.policy.tables import AUTO
from scorers.risk.log_odds import log_loss

SURE = 3.0  # standard errors that a challenger must be ahead
WORTH = 0.002  # nats a lesson: less is no reason to change who speaks
LEAST = 100.0  # lessons' worth of evidence before anybody is elected
MEMORY_DAYS = 91.0  # half-life of the evidence: a regime is judged by about its last two quarters


class Tally(Struct):
    """What a challenger has gained on the champion, lesson by lesson."""

    weight: float = 0.0  # lessons' worth of evidence: overlap and forgetting considered
    gain: float = 0.0
    squares: float = 0.0

    def mean(self) -> float:
        """Nats gained a lesson."""
        return self.gain / self.weight if self.weight else 0.0

    def sure(self) -> float:
        """By how many standard errors it is ahead."""
        if not self.weight:
            return 0.0
        mean = self.mean()
        spread = max(self.squares / self.weight - mean * mean, 1e-12)
        return mean * sqrt(self.weight / spread)


class Contest(Struct):
    """Who is champion, and how the others do beside it.

    >>> contest = Contest()
    >>> for n in range(4000):
    ...     contest.learn((0.0, 1.5), n % 5 > 0, 0.25)
    >>> contest.elect(), contest.champion, contest.elect("kalman"), contest.champion
    (True, 'sgd', True, 'kalman')
    """

    champion: str = LEARNERS[0]
    changes: int = 0
    tallies: dict[str, Tally] = field(default_factory=lambda: {name: Tally() for name in LEARNERS})
    loss: dict[str, float] = field(default_factory=lambda: dict.fromkeys(LEARNERS, 0.0))  # of each, forgetting alike
    weight: float = 0.0

    def learn(self, voices: Sequence[float], inactive: bool, share: float) -> None:
        """Take in an answer: the log-odds that each of `LEARNERS` gave when asked; a share of it is news."""
        if len(voices) < len(LEARNERS):
            return  # asked before there were these challengers
        best = log_loss(voices[LEARNERS.index(self.champion)], inactive)
        self.weight += share
        for name, z in zip(LEARNERS, voices, strict=False):  # what follows them is the prior's
            loss = log_loss(z, inactive)
            self.loss[name] += share * loss
            if name != self.champion:
                tally, gain = self.tallies[name], best - loss
                tally.weight += share  # answers that overlap are worth one together
                tally.gain += share * gain
                tally.squares += share * gain * gain

    def age(self, days: float) -> None:
        """Time passes, and evidence fades."""
        kept = 0.5 ** (days / MEMORY_DAYS)
        self.weight *= kept
        for name, tally in self.tallies.items():
            self.loss[name] *= kept
            tally.weight *= kept
            tally.gain *= kept
            tally.squares *= kept

    def elect(self, named: str = AUTO) -> bool:
        """Whether there is a new champion: the one that the policy names, or who is surely and usefully better."""
        best = self.champion
        if named != AUTO:
            best = named
        else:
            for name, tally in self.tallies.items():
                ready = tally.weight >= LEAST and tally.mean() >= WORTH and tally.sure() >= SURE
                if ready and (best == self.champion or tally.mean() > self.tallies[best].mean()):
                    best = name
        if best == self.champion:
            return False
        self.champion = best
        self.changes += 1
        self.tallies = {name: Tally() for name in LEARNERS}
        return True

    def mean_loss(self) -> dict[str, float]:
        """Log-loss of each learner lately, as told when asked; nothing before the first lesson."""
        return {name: loss / self.weight for name, loss in self.loss.items()} if self.weight else {}

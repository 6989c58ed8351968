"""How much the rules, the prior and the logistic weigh in the risk, and how certain it may be.

They are mixed in log-odds. A learned component takes weight from a simpler one by the nats that it has gained on it, so
the rules carry the score from the first event and lose it to what predicts better.

No risk may be more certain than the base has shown at that end. Answers are counted in tails that lie inside one another: all forecasts
of log-odds 1 or more, of 2 or more, and so on. The most certain outcome that any tail has shown is the ceiling of the risk, and at the
other end the floor. A forecast beyond them is bent towards them, so that customers keep their order.
"""

from math import exp, log
from operator import mul

from msgspec import Struct, field

from scorers.risk.log_odds import log_loss, logit, sigmoid

HANDICAP = 1.0  # nats that a component must have gained on a simpler one to weigh the same
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the logistic in what is learned, each judged as a forecaster of its own
HALF_LIFE_YEARS = 1.0  # of evidence
MOST_BEHIND = (15.0, 8.0)  # nats that the rules and that the learned components may be behind the other

TAILS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)  # log-odds at which each begins
FIRST_ANSWERS = 50.0  # before any answer each tail counts as this many,
FIRST_SURPRISES = 0.5  # of which so many ended the other way: a risk between 1 % and 99 %
LEAST_BOUND = 1.5  # log-odds: the ends stay apart whatever happens
BEND = 1.0  # log-odds before an end from which forecasts are bent

Bounds = tuple[float, float]
"""The floor and the ceiling of the risk, in log-odds."""

UNSHOWN: Bounds = (-log(FIRST_ANSWERS / FIRST_SURPRISES - 1.0), log(FIRST_ANSWERS / FIRST_SURPRISES - 1.0))
"""The bounds before any answer."""


class Mixture(Struct):
    """Nats that the learned components have gained on the rules, and that mixtures of the logistic have gained on the prior.

    >>> [round(weight, 2) for weight in Mixture().weights()]
    [0.73, 0.17, 0.1]
    >>> [round(weight, 2) for weight in Mixture(9.0, [0.0, 4.0, 7.0, 9.0, 19.0]).weights()]
    [0.0, 0.0, 1.0]
    """

    learned_gain: float = 0.0
    gains: list[float] = field(default_factory=lambda: [0.0] * len(SHARES))

    def weights(self) -> tuple[float, float, float]:
        """The weights of rules, prior and logistic; they add up to 1."""
        learned, logistic = sigmoid(self.learned_gain - HANDICAP), self._logistic()
        return 1.0 - learned, learned * (1.0 - logistic), learned * logistic

    def _logistic(self) -> float:
        """The share of the logistic in what is learned: the mean of `SHARES`, each weighted by its gain."""
        ahead = [gain - HANDICAP * share for share, gain in zip(SHARES, self.gains, strict=True)]
        most = max(ahead)
        odds = [exp(one - most) for one in ahead]
        share: float = sum(map(mul, SHARES, odds)) / sum(odds)
        return share

    def together(self, *log_odds: float) -> float:
        """The log-odds of the mixture, given those of rules, prior and logistic."""
        return sum(weight * one for weight, one in zip(self.weights(), log_odds, strict=True))

    def learn(
        self,
        rules: float,
        learned: tuple[float, float],
        when_asked: tuple[float, float],
        inactive: bool,
        weight: float,
    ) -> None:
        """Take in an answer, given the rules' risk and the log-odds of prior and logistic.

        Mixtures of prior and logistic are compared by `learned`, what both gave just before they learned this answer, as both are
        equally new. The rules never learn, so they are compared with `when_asked`: otherwise hindsight alone would win in
        a shop with strong seasons.
        """
        logistic = self._logistic()
        together = (1.0 - logistic) * when_asked[0] + logistic * when_asked[1]
        self.learned_gain += weight * (log_loss(logit(rules), inactive) - log_loss(together, inactive))
        prior, more = learned[0], learned[1] - learned[0]
        alone = log_loss(prior, inactive)
        self.gains = [
            gain + weight * (alone - log_loss(prior + share * more, inactive))
            for share, gain in zip(SHARES, self.gains, strict=True)
        ]

    def age(self, years: float) -> None:
        """Let the evidence fade for so many years.

        Rules and learned components are never further behind one another than `MOST_BEHIND`: what was lost long ago need not be won back
        by who has become better.
        """
        kept = 0.5 ** (years / HALF_LIFE_YEARS)
        rules, learned = MOST_BEHIND
        self.learned_gain = min(max(kept * self.learned_gain, -learned), rules)
        self.gains = [kept * gain for gain in self.gains]


def bounded(log_odds: float, bounds: Bounds) -> float:
    """Log-odds inside the bounds: unchanged up to `BEND` before them, from there on ever closer to them.

    >>> bounded(1.5, (-4.0, 4.0)), round(bounded(4.0, (-4.0, 4.0)), 2), round(bounded(-20.0, (-4.0, 4.0)), 2)
    (1.5, 3.63, -4.0)
    """
    floor, ceiling = bounds
    if log_odds > ceiling - BEND:
        return ceiling - BEND * exp((ceiling - log_odds) / BEND - 1.0)
    if log_odds < floor + BEND:
        return floor + BEND * exp((log_odds - floor) / BEND - 1.0)
    return log_odds


class End(Struct):
    """Answers to forecasts at one end, by tail, and how many of them ended the other way."""

    answers: list[float] = field(default_factory=lambda: [0.0] * len(TAILS))
    surprises: list[float] = field(default_factory=lambda: [0.0] * len(TAILS))

    def learn(self, certainty: float, surprise: bool, weight: float) -> None:
        """Count an answer to a forecast of this certainty, in log-odds."""
        for n, begins in enumerate(TAILS):
            if certainty < begins:
                return
            self.answers[n] += weight
            self.surprises[n] += weight * surprise

    def age(self, kept: float) -> None:
        """Keep this share of the counts."""
        self.answers = [kept * count for count in self.answers]
        self.surprises = [kept * count for count in self.surprises]

    def shares(self) -> list[float]:
        """The share of each tail that ended the other way, the first answers included."""
        return [
            (surprises + FIRST_SURPRISES) / (answers + FIRST_ANSWERS)
            for answers, surprises in zip(self.answers, self.surprises, strict=True)
        ]

    def bound(self) -> float:
        """The certainty in log-odds that the tails have shown."""
        least = min(self.shares())
        return max(log(1.0 / least - 1.0), LEAST_BOUND)


class Certainty(Struct):
    """Answers to forecasts of a high and of a low risk.

    >>> certainty = Certainty()
    >>> for n in range(1000):
    ...     certainty.learn(7.5, n % 10 > 0, 1.0)  # nearly certain, and wrong in one of ten
    >>> floor, ceiling = certainty.bounds()
    >>> round(1.0 / (1.0 + exp(-ceiling)), 2), floor == UNSHOWN[0]
    (0.9, True)
    """

    high: End = field(default_factory=End)
    low: End = field(default_factory=End)

    def learn(self, log_odds: float, inactive: bool, weight: float) -> None:
        """Count an answer to a forecast."""
        if log_odds > 0.0:
            self.high.learn(log_odds, not inactive, weight)
        else:
            self.low.learn(-log_odds, inactive, weight)

    def age(self, kept: float) -> None:
        """Keep this share of the counts."""
        self.high.age(kept)
        self.low.age(kept)

    def bounds(self) -> Bounds:
        """The floor and the ceiling that answers support."""
        return -self.low.bound(), self.high.bound()

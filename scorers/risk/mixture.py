"""How much the rules, the prior and the logistic weigh in the risk.

They are mixed in log-odds. A learned component takes weight from a simpler one by the nats that it has gained on it, so
the rules carry the score from the first event and lose it to what predicts better.
"""

from msgspec import Struct

from scorers.risk.log_odds import log_loss, logit, sigmoid

HANDICAP = 1.0  # nats that a component must have gained on a simpler one to weigh the same


class Mixture(Struct):
    """Nats that the learned components have gained on the rules, and the logistic on the prior.

    >>> [round(weight, 2) for weight in Mixture().weights()], [round(weight, 2) for weight in Mixture(9.0, 9.0).weights()]
    ([0.73, 0.2, 0.07], [0.0, 0.0, 1.0])
    """

    learned_gain: float = 0.0
    logistic_gain: float = 0.0

    def weights(self) -> tuple[float, float, float]:
        """The weights of rules, prior and logistic; they add up to 1."""
        learned, logistic = sigmoid(self.learned_gain - HANDICAP), sigmoid(self.logistic_gain - HANDICAP)
        return 1.0 - learned, learned * (1.0 - logistic), learned * logistic

    def learn(
        self,
        rules: float,
        learned: tuple[float, float],
        when_asked: tuple[float, float],
        inactive: bool,
        weight: float,
    ) -> None:
        """Take in an answer, given the rules' risk and the log-odds of prior and logistic.

        Prior and logistic are compared by `learned`, what they gave just before they learned this answer, as both are
        equally new. The rules never learn, so they are compared with `when_asked`: otherwise hindsight alone would win in
        a shop with strong seasons.
        """
        logistic = sigmoid(self.logistic_gain - HANDICAP)
        together = (1.0 - logistic) * when_asked[0] + logistic * when_asked[1]
        self.learned_gain += weight * (log_loss(logit(rules), inactive) - log_loss(together, inactive))
        self.logistic_gain += weight * (log_loss(learned[0], inactive) - log_loss(learned[1], inactive))

    def age(self, kept: float) -> None:
        """Keep this share of the evidence."""
        self.learned_gain *= kept
        self.logistic_gain *= kept

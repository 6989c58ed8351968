"""Probabilities and log-odds, and the loss of a forecast."""

from math import exp, log, log1p

MAX_LOSS = 9.2  # nats that one outcome may cost: what has one chance in 10,000 does happen


def sigmoid(log_odds: float) -> float:
    """The probability with these log-odds.

    >>> sigmoid(0.0), round(sigmoid(2.0), 3)
    (0.5, 0.881)
    """
    if log_odds >= 0.0:
        return 1.0 / (1.0 + exp(-min(log_odds, 35.0)))
    odds = exp(max(log_odds, -35.0))
    return odds / (1.0 + odds)


def logit(p: float) -> float:
    """The log-odds of a probability, which is kept a millionth away from 0 and 1.

    >>> round(logit(sigmoid(2.0)), 3), round(logit(1.0), 1)
    (2.0, 13.8)
    """
    p = min(max(p, 1e-6), 1.0 - 1e-6)
    return log(p / (1.0 - p))


def log_loss(log_odds: float, outcome: bool) -> float:
    """Minus the log of the probability that these log-odds gave to the outcome: about `MAX_LOSS` nats at most.

    >>> round(log_loss(2.0, True), 3), round(log_loss(2.0, False), 3), log_loss(30.0, False) == log_loss(10.0, False)
    (0.127, 2.127, True)
    """
    return log1p(exp(min(-log_odds if outcome else log_odds, MAX_LOSS)))

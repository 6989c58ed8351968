"""How much rules, prior and logistic weigh: evidence fades, and nobody has to earn back what was lost long ago."""

import random

import pytest

from scorers.risk.log_odds import logit, sigmoid
from scorers.risk.mixture import Mixture

DAY_IN_YEARS = 1 / 365
ANSWERS_A_DAY = 30
TRUE = 0.2


def lived(mixture: Mixture, days: int, rules: float, prior: float, logistic: float, seed: int = 1) -> list[float]:
    """The learned components' weight at the end of each day, if so many customers answer and the three forecast these risks.

    One in five buys nothing, in a world in which customers differ.
    """
    world, found = random.Random(seed), []
    for _ in range(days):
        for _ in range(ANSWERS_A_DAY):
            own = world.gauss(0.0, 1.0)
            inactive = world.random() < sigmoid(logit(TRUE) + own)
            learned = logit(prior) + own, logit(logistic) + own
            mixture.learn(sigmoid(logit(rules) + own), learned, learned, inactive, 0.25)
        mixture.age(DAY_IN_YEARS)
        found.append(1.0 - mixture.weights()[0])
    return found


def test_losses_of_the_first_months_are_soon_forgotten() -> None:
    """Learned components that lost hundreds of nats in two months carry the score six weeks after they became better."""
    mixture = Mixture()
    at_first = lived(mixture, 60, rules=TRUE, prior=0.7, logistic=0.7)
    assert max(at_first[5:]) < 0.01
    assert mixture.learned_gain > -10
    later = lived(mixture, 60, rules=0.32, prior=TRUE, logistic=TRUE, seed=2)
    assert min(later[42:]) > 0.8


def test_what_was_won_long_ago_is_forgotten_as_soon() -> None:
    """Components that were far ahead lose the weight within three months after the rules became better."""
    mixture = Mixture()
    assert lived(mixture, 200, rules=0.7, prior=TRUE, logistic=TRUE)[-1] > 0.99
    assert lived(mixture, 90, rules=TRUE, prior=0.32, logistic=0.32, seed=2)[-1] < 0.1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_harm_where_the_rules_are_the_truth(seed: int) -> None:
    """Rules that are true keep nearly all weight against components that are a little wrong."""
    weights = lived(Mixture(), 300, rules=TRUE, prior=0.23, logistic=0.25, seed=seed)
    assert max(weights[60:]) < 0.25
    assert sum(weights[60:]) / len(weights[60:]) < 0.05


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_harm_where_the_prior_is_the_truth(seed: int) -> None:
    """A prior that is true keeps most of the weight against a logistic that is a little wrong."""
    mixture = Mixture()
    lived(mixture, 300, rules=0.4, prior=TRUE, logistic=0.25, seed=seed)
    rules, prior, logistic = mixture.weights()
    assert rules < 0.01
    assert prior > 3 * logistic


def test_part_of_the_logistic_may_be_better_than_all_or_nothing() -> None:
    """Where prior and logistic are wrong in opposite directions, both weigh."""
    mixture = Mixture()
    lived(mixture, 200, rules=0.5, prior=0.14, logistic=0.28)
    _, prior, logistic = mixture.weights()
    assert prior > 0.3
    assert logistic > 0.3
    assert sum(mixture.weights()) == pytest.approx(1.0)


def test_evidence_stays_finite() -> None:
    """Neither overwhelming gains nor a long pause break the weights."""
    for gain in (1e4, -1e4):
        mixture = Mixture(gain, [0.0, gain, 2 * gain, 3 * gain, 4 * gain])
        for years in (0.0, DAY_IN_YEARS, 10.0):
            mixture.age(years)
            assert sum(mixture.weights()) == pytest.approx(1.0)
            assert all(0.0 <= weight <= 1.0 for weight in mixture.weights())

"""The learners are River's in every respect, and learn what there is to learn."""

import math
import random

import numpy as np
import pytest

from scorers.risk.estimators import BayesianLogistic, BuyTillYouDie
from scorers.risk.learners import Ensemble
from scorers.risk.log_odds import logit, sigmoid
from scorers.risk.prior import Population

checks = pytest.importorskip("river.checks")
pytest.importorskip("sklearn", reason="River's own checks read scikit-learn's data sets")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("model", [BayesianLogistic(), BuyTillYouDie()], ids=lambda model: type(model).__name__)
def test_rivers_own_checks(model: BayesianLogistic | BuyTillYouDie) -> None:
    """Every estimator of ours passes River's check_estimator."""
    checks.check_estimator(model)


def test_weights_are_found_and_probabilities_are_true() -> None:
    """A logistic world is learned to within sampling error, a column of another unit and a constant one included."""
    world = random.Random(1)
    model = BayesianLogistic()
    told: list[tuple[float, bool]] = []
    for n in range(4000):
        x = {"a": world.gauss(0, 1), "b": world.gauss(500, 100), "constant": 3.0}
        y = world.random() < sigmoid(x["a"] - (x["b"] - 500) / 50 - 1)
        if n > 1000:
            told.append((model.predict_proba_one(x)[True], y))
        model.learn_one(x, y)
    loss = -sum(math.log(p if y else 1 - p) for p, y in told) / len(told)
    assert loss < 0.43  # the world's own is 0.41
    assert abs(sum(p for p, _ in told) - sum(y for _, y in told)) < 0.03 * len(told)


def test_drift_follows_a_change_of_regime() -> None:
    """With drift the weights follow a reversal of the world; without it they lag behind."""
    steady, drifting = BayesianLogistic(), BayesianLogistic(drift=0.003)
    world = random.Random(2)
    for n in range(4000):
        x = {"a": world.gauss(0, 1)}
        y = world.random() < sigmoid(2 * x["a"] if n < 2500 else -2 * x["a"])
        steady.learn_one(x, y)
        drifting.learn_one(x, y)
    assert drifting.predict_proba_one({"a": 1.0})[True] < 0.2 < 0.3 < steady.predict_proba_one({"a": 1.0})[True]


def rows(world: random.Random, truth: Population, many: int) -> list[tuple[dict[str, float], bool]]:
    """Questions to customers of a known population, 200 days after the first purchase, and what they did in 30 days."""
    found = []
    for _ in range(many):
        pace = world.gammavariate(math.exp(truth.log_r), math.exp(-truth.log_alpha))
        stops = world.betavariate(math.exp(truth.log_a), math.exp(truth.log_b))
        at, occasions, last = 0.0, 1, 0.0
        answer = True
        alive = world.random() >= stops
        while alive:
            at += world.expovariate(pace)
            if at > 200:
                answer = at > 230
                break
            occasions, last = occasions + 1, at
            alive = world.random() >= stops
        found.append(
            (
                {
                    "horizon": math.log(30),
                    "occasions": math.log(occasions),
                    "survived_days": math.log1p(last),
                    "silence": math.log1p(200 - last),
                    "paced_gaps": math.log1p(occasions - 1),
                    "paced_days": math.log1p(last),
                },
                answer,
            )
        )
    return found


def test_the_population_is_learned() -> None:
    """On data made by its very process the learned population predicts nearly as well as the true one."""
    truth = Population(log_r=0.7, log_alpha=5.0, log_a=-3.0, log_b=1.0)
    world = random.Random(3)
    model = BuyTillYouDie()
    for x, y in rows(world, truth, 2500):
        model.learn_one(x, y)
    regret = gain = 0.0
    for x, y in rows(world, truth, 2500):
        best = truth.risk(
            math.expm1(x["paced_gaps"]),
            math.expm1(x["paced_days"]),
            math.expm1(x["silence"]),
            30.0,
            1.0,
            math.exp(x["occasions"]) - 1,
            math.expm1(x["survived_days"]),
        )
        here, fresh = model.predict_proba_one(x)[True], BuyTillYouDie().predict_proba_one(x)[True]
        regret += math.log(best if y else 1 - best) - math.log(here if y else 1 - here)
        gain += math.log(here if y else 1 - here) - math.log(fresh if y else 1 - fresh)
    assert regret / 2500 < 0.005
    assert gain / 2500 > 0.02


def test_the_prior_follows_silence_horizon_and_regularity() -> None:
    """Risk rises with silence, falls with the horizon, and a trusted regularity sharpens both."""
    shop = Population(trust=1.0)
    silent = [shop.risk(10, 70, days, 28, 1.0, 10, 70) for days in (0, 7, 20, 60, 200)]
    assert silent == sorted(silent)
    assert shop.risk(10, 70, 10, 60, 1.0, 10, 70) < shop.risk(10, 70, 10, 28, 1.0, 10, 70)
    assert shop.risk(10, 70, 25, 28, 8.0, 10, 70) > shop.risk(10, 70, 25, 28, 1.0, 10, 70)
    assert shop.risk(10, 70, 1, 14, 8.0, 10, 70) < shop.risk(10, 70, 1, 14, 1.0, 10, 70)


def test_ageing_and_tail_change_the_prior() -> None:
    """Long tails make silence a weaker sign of leaving, ageing separates young from old customers, powers of 1 change nothing."""
    silent = (10.0, 200.0, 60.0, 28.0, 1.0, 10.0, 400.0)
    straight = Population().risk(*silent)
    assert Population(unit=7.0).risk(*silent) == straight
    assert Population(ageing=1.0 + 1e-9, tail=1.0 - 1e-9).risk(*silent) == pytest.approx(straight)
    ever = (10.0, 200.0, 60.0, 1e5, 1.0, 10.0, 400.0)  # who never buys again has left
    assert Population(tail=0.7).risk(*ever) < Population().risk(*ever) < Population(tail=1.3).risk(*ever)
    young = (*silent[:-1], 200.0)
    assert Population().risk(*young) == straight
    assert Population(ageing=0.6).risk(*young) != pytest.approx(Population(ageing=0.6).risk(*silent))


def test_an_ensemble_learns_how_far_weights_spread() -> None:
    """A column that tells much gives weight to the bold belief, one that tells nothing to the careful; both start even."""
    shares = []
    for slope in (1.5, 0.0):
        world, ensemble = random.Random(4), Ensemble(np.zeros(20), [np.full(20, s**2) for s in (0.14, 0.03, 0.6)], 0.0)
        assert ensemble.shares().argmax() == 0
        for _ in range(600):
            x = np.array([world.gauss(0, 1) for _ in range(20)])
            ensemble.learn(x, world.random() < sigmoid(slope * x[0]), 1.0)
        shares.append(ensemble.shares())
    assert shares[0].argmax() == 2
    assert shares[1].argmax() == 1
    before = ensemble.loss - ensemble.loss.min()
    ensemble.age(1.0, 0.5)
    assert ensemble.loss == pytest.approx(before / 2)


@pytest.mark.parametrize("p", [1e-6, 0.01, 0.5, 0.999])
def test_a_probability_survives_its_log_odds(p: float) -> None:
    """A probability survives its log-odds."""
    assert sigmoid(logit(p)) == pytest.approx(p)

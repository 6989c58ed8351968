"""The risk that a customer does not buy again within the horizon, as a small and fixed model.

It mixes three components in log-odds: the rules, which need no training; the prior, whose population is learned; and a
logistic over all features, which starts as a copy of the prior. `training` makes models; nothing is learned here.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import cached_property
from math import log, tanh
from operator import itemgetter, mul
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from scorers.contract.events import Micros
from scorers.contract.lessons import LEARNERS
from scorers.in_force.base_rhythm import BaseRhythm
from scorers.in_force.control import ModelInForce
from scorers.in_force.risk_model import PopulationParameters
from scorers.risk.columns import FEATURES_VERSION, NAMES, SPENT, WIDTH
from scorers.risk.features import prior_arguments
from scorers.risk.log_odds import logit, sigmoid
from scorers.risk.mixture import UNSHOWN, Bounds, bounded
from scorers.risk.prior import Population, no_purchase, strangers

COMPONENTS = ("rules", "prior", "logistic")
KNOTS = (-2.0, -1.0, 0.0, 1.0, 2.0)  # log-odds of the prior at which the logistic may correct it differently
RANGES = len(KNOTS) + 1  # of the prior's log-odds: between knots, and beyond the outer ones
TIMING_WIDTH = SPENT  # the columns before this one are of timing alone
FORMAT = 2  # of a model's record; a release reads up to its own. Since 2 a model has `bounds` and `kept`
_MOST_LOG_ODDS = 35.0


def gate(prior: float) -> float:
    """A factor from -2 to 2 that lets features of timing weigh differently for active and for silent customers."""
    return 2.0 * tanh(0.5 * prior)


class LinearModel(Struct, frozen=True):
    """The log-odds of one learner, linear in the features and piecewise linear in the prior's log-odds."""

    name: str = LEARNERS[0]
    intercept: float = 0.0
    prior: float = 1.0  # coefficient of the prior's log-odds
    bends: tuple[float, ...] = ()  # how that coefficient changes at each of `KNOTS`
    coefficients: tuple[float, ...] = ()  # by column
    gated_intercept: float = 0.0
    gated: tuple[float, ...] = ()  # coefficients by column of timing, multiplied by the gate
    kept: tuple[float, ...] = (
        1.0,
    ) * RANGES  # share of the log-odds that remains for their uncertainty, by range of the prior

    def log_odds(self, prior: float, features: Sequence[float]) -> float:
        """The log-odds, which are kept inside 16 bits."""
        z: float = self.intercept + self.prior * prior + sum(map(mul, self.coefficients, features))
        for knot, bend in zip(KNOTS, self.bends, strict=True):
            z += bend * max(prior - knot, 0.0)
        gated: float = self.gated_intercept + sum(map(mul, self.gated, features))
        z = (z + gate(prior) * gated) * self.kept_at(prior)
        return min(max(z, -_MOST_LOG_ODDS), _MOST_LOG_ODDS)

    def kept_at(self, prior: float) -> float:
        """The share that remains, between the middles of two ranges in proportion."""
        kept, place = self.kept, min(max(prior - KNOTS[0] + 0.5, 0.0), RANGES - 1.0)
        n = min(int(place), RANGES - 2)
        return kept[n] + (place - n) * (kept[n + 1] - kept[n])

    def segments(self) -> list[tuple[float, float]]:
        """Level and slope in the prior's log-odds, for each stretch between knots."""
        level, slope = self.intercept, self.prior
        found = [(level, slope)]
        for knot, bend in zip(KNOTS, self.bends, strict=True):
            level, slope = level - bend * knot, slope + bend
            found.append((level, slope))
        return found


class _Compiled(NamedTuple):
    """The champion without the columns that weigh nothing."""

    segments: list[tuple[float, float]]
    read: Callable[[Sequence[float]], Any]  # the columns that weigh anything
    coefficients: list[float]
    gated_intercept: float
    gated: list[float]  # for the first of those columns


class Model(Struct, frozen=True, dict=True):
    """A snapshot of what the trainer has learned; a `RiskModel`.

    >>> UNTRAINED.risk([0.0] * WIDTH, 0.3)
    0.3
    """

    version: str
    weights: tuple[float, float, float]  # of each of `COMPONENTS`; they add up to 1
    population: Population
    champion: LinearModel = LinearModel()  # the logistic
    challengers: tuple[LinearModel, ...] = ()  # evaluated only so that they can be judged
    means: tuple[float, ...] = ()  # of each column: contributions are measured from there
    features_version: str = FEATURES_VERSION
    drifted: Micros = 0  # when answers last drifted from predictions; 0 for never
    format: int = FORMAT
    bounds: Bounds = UNSHOWN  # how certain the risk may be

    @cached_property
    def is_trained(self) -> bool:
        """Whether the risk depends on features."""
        return self.weights[0] < 1.0

    def risk(self, features: Sequence[float], rules: float) -> float:
        """P(no purchase within the horizon), given `features.features` and the risk by the rules.

        Features are not read unless the model `is_trained`.
        """
        if not self.is_trained:
            by_rules = logit(rules)
            log_odds = bounded(by_rules, self.bounds)
            return rules if log_odds == by_rules else sigmoid(log_odds)
        prior = self._prior(features)
        segments, read, coefficients, gated_intercept, gated = self._compiled
        columns = read(features)
        level, slope = segments[bisect_left(KNOTS, prior)]
        logistic = level + slope * prior + sum(map(mul, coefficients, columns))
        logistic += gate(prior) * (gated_intercept + sum(map(mul, gated, columns)))
        logistic *= self.champion.kept_at(prior)
        weights = self.weights
        log_odds = weights[0] * logit(rules) + weights[1] * prior + weights[2] * logistic
        return sigmoid(bounded(log_odds, self.bounds))

    def member_log_odds(self, features: Sequence[float]) -> tuple[float, ...]:
        """The log-odds that each of `contract.lessons.MEMBERS` gives by itself; empty if the model is not trained."""
        if not self.challengers:
            return ()
        prior = self._prior(features)
        learners = {one.name: one.log_odds(prior, features) for one in (self.champion, *self.challengers)}
        return (*(learners[name] for name in LEARNERS), prior)

    def contributions(self, features: Sequence[float], rules: float) -> list[tuple[str, float]]:
        """What moves the log-odds, strongest first: `rules`, `prior`, then columns by their distance from the mean.

        They add up to the log-odds of the risk; if those were bounded, each is smaller by the same factor.
        """
        found = self._contributions(features, rules)
        log_odds = sum(weight for _, weight in found)
        kept = bounded(log_odds, self.bounds) / log_odds if log_odds else 1.0
        return [(name, kept * weight) for name, weight in found]

    def _contributions(self, features: Sequence[float], rules: float) -> list[tuple[str, float]]:
        if not self.is_trained:
            return [("rules", logit(rules))]
        of_rules, of_prior, of_logistic = self.weights
        champion, prior = self.champion, self._prior(features)
        of_logistic *= champion.kept_at(prior)
        opening = gate(prior)
        gated = (*champion.gated, *(0.0 for _ in champion.coefficients[len(champion.gated) :]))
        slopes = [weight + opening * more for weight, more in zip(champion.coefficients, gated, strict=True)]
        level, slope = self._compiled.segments[bisect_left(KNOTS, prior)]
        level += slope * prior + opening * champion.gated_intercept + sum(map(mul, slopes, self.means))
        found = [("rules", of_rules * logit(rules)), ("prior", of_prior * prior + of_logistic * level)]
        for name, slope, value, mean in zip(NAMES, slopes, features, self.means, strict=True):
            found.append((name, of_logistic * slope * (value - mean)))
        return sorted((pair for pair in found if pair[1]), key=lambda pair: (-abs(pair[1]), pair[0]))

    def parameters(self, base: BaseRhythm) -> PopulationParameters:
        """The parameters of the learned population; those of strangers if the model is not trained."""
        return self._parameters if self.is_trained else strangers(base.first_mean)

    @cached_property
    def _parameters(self) -> PopulationParameters:
        return self.population.parameters()

    @cached_property
    def _compiled(self) -> _Compiled:
        champion = self.champion
        gates = dict(enumerate(champion.gated))
        # `itemgetter` gives a tuple only for two columns or more
        live = [i for i, weight in enumerate(champion.coefficients) if i < 2 or weight or gates.get(i)]
        return _Compiled(
            champion.segments(),
            itemgetter(*live),
            [champion.coefficients[i] for i in live],
            champion.gated_intercept,
            [gates[i] for i in live if i in gates],
        )

    def _prior(self, features: Sequence[float]) -> float:
        p = no_purchase(*self._parameters, *prior_arguments(features))
        return log(p / (1.0 - p))

    def encode(self) -> bytes:
        """The model as JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> "Model":
        """The model that `encode` wrote; ValueError if it is none, was changed, is newer, or reads other features."""
        try:
            model = msgspec.json.decode(data, type=cls)
        except msgspec.DecodeError as error:
            raise ValueError(f"not a risk model: {error}; take one that `Model.encode` wrote") from error
        if model.format > FORMAT:
            raise ValueError(
                f"model {model.version} is of format {model.format}, this release reads up to {FORMAT}: "
                "upgrade the workers before the trainer"
            )
        if model.features_version != FEATURES_VERSION:
            raise ValueError(
                f"model {model.version} reads features version {model.features_version}, "
                f"this is {FEATURES_VERSION}: train a new one from the lessons"
            )
        if model.version == UNTRAINED.version:
            return UNTRAINED
        if model.version != version_of(model):
            raise ValueError(
                f"model {model.version} was changed after it was made: its content hashes to {version_of(model)}"
            )
        _check_shape(model)
        return model


def version_of(model: Model) -> str:
    """The name of a model: a digest of its content, in the form that it was made in."""
    content = msgspec.structs.replace(model, version="").encode()
    if model.format < 2:
        fields = msgspec.json.decode(content)
        del fields["bounds"]
        for learner in (fields["champion"], *fields["challengers"]):
            del learner["kept"]
        content = msgspec.json.encode(fields)
    return hashlib.sha256(content).hexdigest()[:12]


def _check_shape(model: Model) -> None:
    """ValueError unless every tuple has as many numbers as there are columns or knots."""
    wanted = {"bends": len(KNOTS), "coefficients": WIDTH, "gated": TIMING_WIDTH, "kept": RANGES}
    for one in (model.champion, *model.challengers):
        for name, width in wanted.items():
            if len(getattr(one, name)) != width:
                raise ValueError(f"model {model.version}: {one.name} has {len(getattr(one, name))} {name}, not {width}")
    if len(model.means) != WIDTH:
        raise ValueError(f"model {model.version} has {len(model.means)} means, not {WIDTH}")


UNTRAINED = Model("cold", (1.0, 0.0, 0.0), Population())
"""The model before any lesson: the rules alone."""


def read_model(control: ModelInForce) -> Model:
    """The model that a control record holds; ValueError as `Model.decode`, or if the record names another."""
    model = Model.decode(control.model.encode())
    if model.version != control.version:
        raise ValueError(f"the record names model {control.version} and holds {model.version}")
    return model

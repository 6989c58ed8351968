"""The chance that a customer does not buy again within the horizon.

Three voices say what they think in log-odds: the rules, which need no lesson; the streaming prior, whose population is
learned; and a Bayesian logistic over all features, which starts as the prior's echo. Their say is measured: each voice
weighs by how well it foretold the answers so far, so the rules carry the score from the first event and lose it to
whoever beats them. A `Model` is what scores, small and fixed; what learns is in `training`. No clock, no topic, no file.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import cached_property
from math import log, tanh
from operator import itemgetter, mul
from typing import Any

import msgspec
from msgspec import Struct

from scorers.contract.events import Micros
from scorers.contract.lessons import LEARNERS
from scorers.in_force.base_rhythm import BaseRhythm
from scorers.in_force.control import ModelInForce
from scorers.in_force.risk_model import PopulationParameters
from scorers.risk.columns import FEATURES_VERSION, INDEX, NAMES
from scorers.risk.features import prior_arguments
from scorers.risk.log_odds import logit, sigmoid
from scorers.risk.prior import Population, no_purchase, strangers

VOICES = ("rules", "prior", "logistic")
KNOTS = (-2.0, -1.0, 0.0, 1.0, 2.0)  # log-odds of the prior at which the logistic may correct it differently
RHYTHM = INDEX["spent"]  # the columns before this one tell of time alone


class Rival(Struct, frozen=True):
    """What another learner would say: the fields of `Model` of the same names."""

    name: str
    bias: float
    echo: float
    bends: tuple[float, ...]
    weights: tuple[float, ...]
    gate_bias: float
    gated: tuple[float, ...]


class Model(Struct, frozen=True, dict=True):
    """What scores: a snapshot of the trainer, small and fixed.

    >>> from scorers.risk.columns import WIDTH
    >>> UNTRAINED.risk([0.0] * WIDTH, 0.3)
    0.3
    """

    version: str
    say: tuple[float, float, float]  # how much each of `VOICES` weighs; they add up to 1
    population: Population
    bias: float = 0.0
    echo: float = 1.0  # the logistic's weight of the prior's log-odds
    bends: tuple[float, ...] = ()  # how that weight changes at each of `KNOTS`
    weights: tuple[float, ...] = ()  # by column, per unit
    gate_bias: float = 0.0
    gated: tuple[float, ...] = ()  # by column of rhythm, per unit, times the gate
    usual: tuple[float, ...] = ()  # mean of each column: what contributions are measured from
    features_version: str = FEATURES_VERSION
    champion: str = LEARNERS[0]  # whose weights these are
    rivals: tuple[Rival, ...] = ()  # those of the others, asked only so that they can be judged
    drifted: Micros = 0  # when what was told and what came last drifted apart; 0 where never
    format: int = 1  # of this record; a newer one may mean what we cannot read

    @property
    def is_trained(self) -> bool:
        """Whether features have a say: as long as the rules alone have it, nobody need make them."""
        return self.say[0] < 1.0

    def risk(self, features: Sequence[float], rules: float) -> float:
        """P(no purchase within the horizon); `features` as `features.features` gives them, if the model `is_trained`."""
        if not self.is_trained:
            return rules
        prior = self._prior(features)
        told, read, weights, gated = self._compiled
        column = read(features)
        level, slope = told[bisect_left(KNOTS, prior)]
        learned = level + slope * prior + sum(map(mul, weights, column))
        learned += gate(prior) * (self.gate_bias + sum(map(mul, gated, column)))
        say = self.say
        return sigmoid(say[0] * logit(rules) + say[1] * prior + say[2] * learned)

    def member_log_odds(self, features: Sequence[float]) -> tuple[float, ...]:
        """The log-odds that each of `MEMBERS` gives by itself; none before any lesson."""
        if not self.rivals:
            return ()
        prior = self._prior(features)
        said = {one.name: _linear(one, prior, features) for one in self.rivals}
        said[self.champion] = _linear(self, prior, features)
        return (*(min(max(said[name], -35.0), 35.0) for name in LEARNERS), prior)

    @cached_property
    def _compiled(self) -> tuple[list[tuple[float, float]], Callable[..., Any], list[float], list[float]]:
        """The bends as a line for each stretch between knots, and the columns that weigh anything."""
        level, slope = self.bias, self.echo
        told = [(level, slope)]
        for knot, bend in zip(KNOTS, self.bends, strict=True):
            level, slope = level - bend * knot, slope + bend
            told.append((level, slope))
        gates = dict(enumerate(self.gated))
        live = [i for i, weight in enumerate(self.weights) if i < 2 or weight or gates.get(i)]  # a row has two at least
        gated = [gates[i] for i in live if i in gates]
        return told, itemgetter(*live), [self.weights[i] for i in live], gated

    def contributions(self, features: Sequence[float], rules: float) -> list[tuple[str, float]]:
        """What moves the log-odds, strongest first: `rules`, `prior`, then columns by their distance from the usual.

        They add up to the log-odds of the risk.
        """
        if not self.is_trained:
            return [("rules", logit(rules))]
        say = self.say
        prior = self._prior(features)
        opening = gate(prior)
        gated = (*self.gated, *(0.0 for _ in self.weights[len(self.gated) :]))
        slopes = [weight + opening * more for weight, more in zip(self.weights, gated, strict=True)]
        level, slope = self._compiled[0][bisect_left(KNOTS, prior)]
        level += slope * prior + opening * self.gate_bias + sum(map(mul, slopes, self.usual))
        found = [("rules", say[0] * logit(rules)), ("prior", say[1] * prior + say[2] * level)]
        for name, slope, value, usual in zip(NAMES, slopes, features, self.usual, strict=True):
            found.append((name, say[2] * slope * (value - usual)))
        return sorted((pair for pair in found if pair[1]), key=lambda pair: (-abs(pair[1]), pair[0]))

    def parameters(self, base: BaseRhythm) -> PopulationParameters:
        """The population by which this model judges rhythms: strangers until one is learned."""
        return self._shop if self.is_trained else strangers(base.first_mean)

    @cached_property
    def _shop(self) -> PopulationParameters:
        return self.population.parameters()

    def _prior(self, features: Sequence[float]) -> float:
        p = no_purchase(*self._shop, *prior_arguments(features))
        return log(p / (1.0 - p))

    def encode(self) -> bytes:
        """The snapshot as JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> "Model":
        """The snapshot that `encode` gave; raises ValueError where it is none, or of other features."""
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
        if model.version != UNTRAINED.version and model.version != version_of(model):
            raise ValueError(
                f"model {model.version} was changed after it was made: its content hashes to {version_of(model)}"
            )
        return model


def _linear(one: "Model | Rival", prior: float, features: Sequence[float]) -> float:
    told: float = one.bias + one.echo * prior + sum(map(mul, one.weights, features))
    for knot, bend in zip(KNOTS, one.bends, strict=True):
        told += bend * max(prior - knot, 0.0)
    gated: float = one.gate_bias + sum(map(mul, one.gated, features))
    return told + gate(prior) * gated


FORMAT = 2  # since the prior bends its clock: who cannot would say something else
_SINCE_1 = {
    "champion": LEARNERS[0],
    "rivals": (),
    "drifted": 0,
    "format": 1,
}  # fields that older models had not, at their defaults
_POPULATION_SINCE_1 = {name: getattr(Population(), name) for name in ("ageing", "tail", "unit")}


def version_of(model: Model) -> str:
    """The name of a model: a digest of what it says."""
    told = msgspec.to_builtins(msgspec.structs.replace(model, version=""))
    told = _without(told, _SINCE_1)
    told["population"] = _without(told["population"], _POPULATION_SINCE_1)
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()[:12]


def _without(told: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name not in defaults or value != defaults[name]}


UNTRAINED = Model("cold", (1.0, 0.0, 0.0), Population())
"""The model before any lesson: the rules."""


def gate(prior: float) -> float:
    """How the columns of rhythm speak differently of the lively and of the silent: from -2 to 2."""
    return 2.0 * tanh(0.5 * prior)


def read_model(control: ModelInForce) -> Model:
    """The model that a control record holds; ValueError if it holds none, was changed, or reads other features."""
    model = Model.decode(control.model.encode())
    if model.version != control.version:
        raise ValueError(f"the record names model {control.version} and holds {model.version}")
    return model

"""The chance that a customer does not buy again within the horizon, and how it is learned from late answers.

Three voices say what they think in log-odds: the rules, which need no lesson; the streaming prior, whose population is
learned; and a Bayesian logistic over all features, which starts as the prior's echo. Their say is measured: each voice
weighs by how well it foretold the answers so far, so the rules carry the score from the first event and lose it to
whoever beats them. A `Model` is what scores, small and fixed; a `Trainer` is what learns. No clock, no topic, no file.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import cached_property
from math import exp, log, tanh
from operator import itemgetter, mul
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from scorers.contest import AUTO, LEARNERS, Contest
from scorers.customer import Customer
from scorers.drift import REACTED, WATCHED, Watch
from scorers.events import DAY, Duration, Instant, Micros
from scorers.features import INDEX, NAMES, WIDTH
from scorers.features import VERSION as FEATURES_VERSION
from scorers.learners import Belief, Floats, PopulationBelief, Scale, Steps, chance, odds_of, read_rhythm
from scorers.prior import Population, no_purchase
from scorers.rhythm import BaseRhythm

VOICES = ("rules", "prior", "logistic")
KNOTS = (-2.0, -1.0, 0.0, 1.0, 2.0)  # log-odds of the prior at which the logistic may correct it differently
RHYTHM = INDEX["spent"]  # the columns before this one tell of time alone
SEASONS = slice(INDEX["season_sin"], INDEX["season_cos"] + 1)
STRANGERS = Population().spelt()


def rules_risk(c: Customer, now: Micros, horizon: Duration, base: BaseRhythm) -> float:
    """What can be said before any lesson: own rhythm against silence, moved by what the customer said and suffered."""
    if c.exit_at:
        return 0.97
    rhythm = c.rhythm
    silence = max(now - rhythm.last, 0) / DAY
    shape = rhythm.shape(base.shape)
    gaps = float(max(rhythm.occasions - 1, 0))
    r, _, a, b, trust = STRANGERS
    p = no_purchase(r, base.first_mean, a, b, trust, rhythm.known, rhythm.paced, silence, horizon / DAY, shape, gaps)
    moved = 0.0
    if c.satisfaction_count:
        moved -= 0.3 * (c.satisfaction_mood - 3.0)
    for case in c.cases:
        moved += 0.8 if case.rectify_by < now else 0.3
    if c.trouble is not None:
        moved += 0.3
    if c.referral_last:
        moved -= 0.3 * c.referral_last
    if c.competitor_mentions and now - c.last_competitor < horizon:
        moved += 0.5
    return chance(odds_of(p) + min(moved, 2.0)) if moved else p


class Lesson(Struct, frozen=True, kw_only=True):
    """An answered question: what was known when it was asked, and what the customer then did."""

    customer_id: str
    asked_at: Instant
    answered_at: Instant
    horizon: Duration
    features: tuple[float, ...]
    inactive: bool  # no purchase in (asked_at, asked_at + horizon]
    bought_after: Duration | None = None  # time to the first purchase, where one came within the horizon
    rules: float  # what the rules said when asked
    predicted: float  # what the model in force said when asked
    voices: tuple[float, ...] = ()  # and each of `contest.LEARNERS`, in log-odds; none where it had none yet
    model_version: str
    features_version: str = FEATURES_VERSION


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

    >>> COLD.risk([0.0] * WIDTH, 0.3)
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

    def risk(self, features: Sequence[float], rules: float) -> float:
        """P(no purchase within the horizon); `features` as `features.features` gives them."""
        if self.say[0] == 1.0:
            return rules
        prior = self._prior(features)
        told, read, weights, gated = self._compiled
        column = read(features)
        level, slope = told[bisect_left(KNOTS, prior)]
        learned = level + slope * prior + sum(map(mul, weights, column))
        learned += gate(prior) * (self.gate_bias + sum(map(mul, gated, column)))
        say = self.say
        return chance(say[0] * odds_of(rules) + say[1] * prior + say[2] * learned)

    def voices(self, features: Sequence[float]) -> tuple[float, ...]:
        """The log-odds that each of `LEARNERS` gives by itself; none before any lesson."""
        if not self.rivals:
            return ()
        prior = self._prior(features)
        said = {one.name: _linear(one, prior, features) for one in self.rivals}
        said[self.champion] = _linear(self, prior, features)
        return tuple(min(max(said[name], -35.0), 35.0) for name in LEARNERS)

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
        if self.say[0] == 1.0:
            return [("rules", odds_of(rules))]
        say = self.say
        prior = self._prior(features)
        opening = gate(prior)
        gated = (*self.gated, *(0.0 for _ in self.weights[len(self.gated) :]))
        slopes = [weight + opening * more for weight, more in zip(self.weights, gated, strict=True)]
        level, slope = self._compiled[0][bisect_left(KNOTS, prior)]
        level += slope * prior + opening * self.gate_bias + sum(map(mul, slopes, self.usual))
        found = [("rules", say[0] * odds_of(rules)), ("prior", say[1] * prior + say[2] * level)]
        for name, slope, value, usual in zip(NAMES, slopes, features, self.usual, strict=True):
            found.append((name, say[2] * slope * (value - usual)))
        return sorted((pair for pair in found if pair[1]), key=lambda pair: (-abs(pair[1]), pair[0]))

    def shop(self, base: BaseRhythm) -> tuple[float, float, float, float, float]:
        """The population by which this model judges rhythms: strangers until one is learned."""
        if self.say[0] < 1.0:
            return self._shop
        r, _, a, b, trust = STRANGERS
        return r, base.first_mean, a, b, trust

    @cached_property
    def _shop(self) -> tuple[float, float, float, float, float]:
        return self.population.spelt()

    def _prior(self, features: Sequence[float]) -> float:
        p = no_purchase(*self._shop, *read_rhythm(features))
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
        if model.version != COLD.version and model.version != _version(model):
            raise ValueError(
                f"model {model.version} was changed after it was made: its content hashes to {_version(model)}"
            )
        return model


def _linear(one: "Model | Rival", prior: float, features: Sequence[float]) -> float:
    told: float = one.bias + one.echo * prior + sum(map(mul, one.weights, features))
    for knot, bend in zip(KNOTS, one.bends, strict=True):
        told += bend * max(prior - knot, 0.0)
    gated: float = one.gate_bias + sum(map(mul, one.gated, features))
    return told + gate(prior) * gated


FORMAT = 1
_SINCE_1 = {
    "champion": LEARNERS[0],
    "rivals": (),
    "drifted": 0,
    "format": 1,
}  # fields that older models had not, at their defaults


def _version(model: Model) -> str:
    told = msgspec.to_builtins(msgspec.structs.replace(model, version=""))
    told = {name: value for name, value in told.items() if name not in _SINCE_1 or value != _SINCE_1[name]}
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()[:12]


COLD = Model("cold", (1.0, 0.0, 0.0), Population())
"""The model before any lesson: the rules."""


def gate(prior: float) -> float:
    """How the columns of rhythm speak differently of the lively and of the silent: from -2 to 2."""
    return 2.0 * tanh(0.5 * prior)


# --- settings of the trainer, each with its reason ---------------------------------------------------------------

OVERLAP = 0.25  # a question is asked every quarter of the horizon: four of them share what an answer tells
SPREAD = 0.14  # a column may move the odds by about 14 % per standard deviation before any answer: the prior knows most
GATED_SPREAD = 0.045  # and a third of that as a difference between the lively and the silent
BEND_SPREAD = 0.14
ECHO_SPREAD = 0.3  # the prior's own log-odds are believed to within a third
BIAS_SPREAD = 1.0
DRIFT = 0.2  # a weight's variance grows by a fifth of its first variance each year
POPULATION_DRIFT = 0.5
LOSS_MEMORY_YEARS = 1.0  # half-life of a voice's record
HANDICAP = (0.0, 2.0, 3.0)  # nats that each voice must have gained on the rules before it speaks as loud
SEASONS_FROM = 400 * DAY  # a season is told from a trend only where some of the year was seen twice
SHAKEN_YEARS = 5.0  # a drift that is found brings all of the first doubt back (5 years at a fifth a year),
SHAKEN_DRIFT = 10.0  # and for a horizon after, time counts so many times
YOUTH = 3  # horizons: what a model errs in them is youth and no drift
_YEAR = 365.0 * DAY
_LEAD = 2 + len(KNOTS)  # bias, echo, bends
_WATCHED = np.array([INDEX[name] for name in WATCHED])


class _State(Struct):
    """Everything that a trainer is, as plain numbers."""

    lessons: int
    since: Micros
    time: Micros
    loss: list[float]
    seen: int
    column_mean: list[float]
    column_variance: list[float]
    weights: list[float]
    cov: list[float]
    population: list[float]
    population_cov: list[float]
    features_version: str
    steps: list[float] = []
    step_squares: list[float] = []
    contest: Contest = msgspec.field(default_factory=Contest)
    watch: Watch = msgspec.field(default_factory=Watch)
    drifted: Micros = 0
    shaken_until: Micros = 0
    calm_from: Micros = 0


class Trainer:
    """Learns from lessons, in the order in which they are answered."""

    def __init__(self) -> None:
        self.lessons = 0
        self._since: Micros = 0
        self._time: Micros = 0
        self._loss = [0.0] * len(VOICES)
        self._scale = Scale(WIDTH)
        spreads = [BIAS_SPREAD, ECHO_SPREAD, *[BEND_SPREAD] * len(KNOTS), *[SPREAD] * WIDTH, *[GATED_SPREAD] * RHYTHM]
        start = np.zeros(len(spreads))
        start[1] = 1.0
        self._belief = Belief(start, np.array(spreads) ** 2, DRIFT)
        self._steps = Steps(start)
        self.contest = Contest()
        self.watch = Watch()
        self.drifted: Micros = 0
        self._shaken_until: Micros = 0
        self._calm_from: Micros = 0  # answers to questions before then are not watched
        self._news: list[str] = []
        self._population = PopulationBelief(POPULATION_DRIFT)

    def learn(self, lesson: Lesson) -> None:
        """Take in one answer; lessons of other features are left alone."""
        if lesson.features_version != FEATURES_VERSION or len(lesson.features) != WIDTH:
            return
        self._age(int(lesson.answered_at), lesson.horizon)
        self.lessons += 1
        inactive = lesson.inactive
        prior = self._population.learn(lesson.features, inactive, OVERLAP)
        columns = np.array(lesson.features)
        if self._time - self._since < SEASONS_FROM:
            columns[SEASONS] = 0.0
        self._scale.learn(columns)
        told = self._scale.apply(columns)
        row = self._row(prior, told)
        learned = self._belief.learn(row, inactive, OVERLAP)
        if self.contest.champion == "sgd":
            learned = chance(float(row @ self._steps.weights))
        self._steps.learn(row, inactive)
        self.contest.learn(lesson.voices, inactive, OVERLAP)
        if int(lesson.asked_at) >= self._calm_from:
            self.watch.note(lesson.predicted, inactive, told[_WATCHED].tolist())
        for voice, p in enumerate((lesson.rules, chance(prior), learned)):
            right = p if inactive else 1.0 - p
            self._loss[voice] -= OVERLAP * log(max(right, 1e-4))

    def _row(self, prior: float, told: Floats) -> Floats:
        bends = [max(prior - knot, 0.0) for knot in KNOTS]
        return np.concatenate(((1.0, prior, *bends), told, told[:RHYTHM] * gate(prior)))

    def _age(self, now: Micros, horizon: Duration) -> None:
        if not self._time:
            self._since = self._time = now
            self._calm_from = now + YOUTH * horizon
        elif now >= self._time + DAY:
            years = (now - self._time) / _YEAR
            self.contest.age((now - self._time) / DAY)
            rung = self.watch.close(OVERLAP)
            felt = years * SHAKEN_DRIFT if now < self._shaken_until else years
            if REACTED.intersection(rung):
                felt += SHAKEN_YEARS
                self.drifted, self._shaken_until = now, now + horizon
                self._calm_from = now
                self.watch.rest()
            if rung:
                self._news.append(f"drift: {', '.join(rung)}")
            self._belief.age(felt)
            if self._population.belief is not None:
                self._population.belief.age(felt)
            kept = 0.5 ** (years / LOSS_MEMORY_YEARS)
            self._loss = [kept * loss for loss in self._loss]
            self._time = now

    def say(self) -> tuple[float, float, float]:
        """How much each voice weighs."""
        lead = [-loss - handicap for loss, handicap in zip(self._loss, HANDICAP, strict=True)]
        best = max(lead)
        shares = [exp(value - best) for value in lead]
        total = sum(shares)
        return shares[0] / total, shares[1] / total, shares[2] / total

    def snapshot(self, champion: str = AUTO) -> Model:
        """What scores with all that is learned so far; who speaks as the learned voice may be named."""
        if not self.lessons:
            return COLD
        before = self.contest.champion
        if self.contest.elect(champion):
            why = "by the evidence" if champion == AUTO else "as the policy says"
            self._news.append(f"champion: {before} to {self.contest.champion}, {why}")
        told = {"kalman": self._spelt("kalman", self._belief.mean), "sgd": self._spelt("sgd", self._steps.weights)}
        best = told.pop(self.contest.champion)
        model = Model(
            version="",
            say=self.say(),
            population=self._population.population(),
            bias=best.bias,
            echo=best.echo,
            bends=best.bends,
            weights=best.weights,
            gate_bias=best.gate_bias,
            gated=best.gated,
            usual=tuple(self._scale.mean.tolist()),
            champion=best.name,
            rivals=tuple(told.values()),
            drifted=self.drifted,
        )
        return msgspec.structs.replace(model, version=_version(model))

    def _spelt(self, name: str, row: Floats) -> Rival:
        """A learner's weights per unit of each column."""
        inverse, usual = self._scale.inverse(), self._scale.mean
        weights = row[_LEAD : _LEAD + WIDTH] * inverse
        gated = row[_LEAD + WIDTH :] * inverse[:RHYTHM]
        return Rival(
            name=name,
            bias=float(row[0] - weights @ usual),
            echo=float(row[1]),
            bends=tuple(row[2:_LEAD].tolist()),
            weights=tuple(weights.tolist()),
            gate_bias=float(-gated @ usual[:RHYTHM]),
            gated=tuple(gated.tolist()),
        )

    @property
    def shaken(self) -> bool:
        """Whether the model forgets faster for a while, as a drift was found."""
        return self._time < self._shaken_until

    def news(self) -> list[str]:
        """What changed since this was last asked, for those who keep a log: champions and drifts."""
        told, self._news = self._news, []
        return told

    def encode(self) -> bytes:
        """All of it; a trainer restored from this has the same future."""
        belief = self._population.belief
        state = _State(
            lessons=self.lessons,
            since=self._since,
            time=self._time,
            loss=self._loss,
            seen=self._scale.seen,
            column_mean=self._scale.mean.tolist(),
            column_variance=self._scale.variance.tolist(),
            weights=self._belief.mean.tolist(),
            cov=self._belief.cov.ravel().tolist(),
            population=[] if belief is None else belief.mean.tolist(),
            population_cov=[] if belief is None else belief.cov.ravel().tolist(),
            features_version=FEATURES_VERSION,
            steps=self._steps.weights.tolist(),
            step_squares=self._steps.squares.tolist(),
            contest=self.contest,
            watch=self.watch,
            drifted=self.drifted,
            shaken_until=self._shaken_until,
            calm_from=self._calm_from,
        )
        return msgspec.msgpack.encode(state)

    @classmethod
    def decode(cls, data: bytes) -> "Trainer":
        """The trainer that `encode` told of; raises ValueError where it is none, or of other features."""
        try:
            state = msgspec.msgpack.decode(data, type=_State)
        except msgspec.DecodeError as error:
            raise ValueError(f"not a trainer's state: {error}; start anew from the lessons") from error
        if state.features_version != FEATURES_VERSION:
            raise ValueError(
                f"the trainer's state has features version {state.features_version}, this is {FEATURES_VERSION}: "
                "start anew from the lessons"
            )
        trainer = cls()
        trainer.lessons = state.lessons
        trainer._since = state.since
        trainer._time = state.time
        trainer._loss = state.loss
        trainer._scale.seen = state.seen
        trainer._scale.mean = np.array(state.column_mean)
        trainer._scale.variance = np.array(state.column_variance)
        trainer._belief.mean = np.array(state.weights)
        trainer._belief.cov = np.array(state.cov).reshape(len(state.weights), -1)
        trainer._steps.weights = np.array(state.steps or state.weights)
        if state.step_squares:
            trainer._steps.squares = np.array(state.step_squares)
        trainer.contest, trainer.watch, trainer.drifted = state.contest, state.watch, state.drifted
        trainer._shaken_until, trainer._calm_from = state.shaken_until, state.calm_from
        if state.population:
            mean = np.array(state.population)
            belief = Belief(mean, PopulationBelief.SPREADS**2, POPULATION_DRIFT)
            belief.cov = np.array(state.population_cov).reshape(len(mean), -1)
            trainer._population.belief = belief
        return trainer

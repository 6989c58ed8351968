"""How the chance of losing a customer is learned, answer by answer, and which settings that takes.

A `Trainer` takes in lessons in the order in which they are answered and makes the `Model` of `risk`, which scores. It is
plain numbers: kept and restored at any lesson, it has the same future. No clock, no topic, no file.
"""

import msgspec
import numpy as np
from msgspec import Struct

from scorers.contract.events import DAY, Duration, Micros
from scorers.contract.lessons import LEARNERS, Lesson
from scorers.policy.tables import AUTO
from scorers.risk.champion_challenger import Contest
from scorers.risk.columns import FEATURES_VERSION, INDEX, WIDTH
from scorers.risk.drift import REACTED, WATCHED, Watch
from scorers.risk.learners import Bank, Floats, PopulationBelief, Scale, Steps
from scorers.risk.log_odds import log_loss, logit, sigmoid
from scorers.risk.model import FORMAT, KNOTS, RHYTHM, UNTRAINED, Model, Rival, gate, version_of

WORDS = INDEX["contacts_in"]  # the columns before this one tell of time and money
SEASONS = slice(INDEX["season_sin"], INDEX["season_cos"] + 1)

OVERLAP = 0.25  # a question is asked every quarter of the horizon: four of them share what an answer tells
SPREAD = 0.14  # a column may move the odds by about 14 % per standard deviation before any answer: the prior knows most
GATED_SPREAD = 0.045  # and a third of that as a difference between the lively and the silent
BEND_SPREAD = 0.14
BOLDER = (1.0, 0.5, 2.0)  # beliefs by the times of these spreads: which foretells best is found out
ECHO_SPREAD = 0.3  # the prior's own log-odds are believed to within a third
BIAS_SPREAD = 1.0
DRIFT = 0.2  # a weight's variance grows by a fifth of its first variance each year
POPULATION_DRIFT = 0.5
LOSS_MEMORY_YEARS = 1.0  # half-life of a voice's record
HANDICAP = 1.0  # nats that a learned voice must have gained on a simpler one before it speaks as loud
SEASONS_FROM = 400 * DAY  # a season is told from a trend only where some of the year was seen twice
SHAKEN_YEARS = 5.0  # a drift that is found brings all of the first doubt back (5 years at a fifth a year),
SHAKEN_DRIFT = 10.0  # and for a horizon after, time counts so many times
YOUTH = 3  # horizons: what a model errs in them is youth and no drift
_YEAR = 365.0 * DAY
STRAIGHT = 5  # fields of a population whose clock is not bent
_LEAD = 2 + len(KNOTS)  # bias, echo, bends
_WATCHED = np.array([INDEX[name] for name in WATCHED])


class _Kept(Struct):
    weights: list[float]
    cov: list[float]


class _State(Struct):
    """Everything that a trainer is, as plain numbers."""

    lessons: int
    since: Micros
    time: Micros
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
    gains: list[float] = []
    others: list[_Kept] = []  # the beliefs of the bank after the first
    spread_loss: list[float] = []
    powers: list[float] = []  # of the population, after the fields that a first release reads
    powers_cov: list[float] = []  # of all its fields
    unit: float = 0.0
    loss: list[float] = []  # before there were gains: of rules, prior and logistic, in hindsight


class Trainer:
    """Learns from lessons, in the order in which they are answered."""

    def __init__(self) -> None:
        self.lessons = 0
        self._since: Micros = 0
        self._time: Micros = 0
        self._gains = [0.0, 0.0]  # nats of the learned voices over the rules, of the logistic over the prior
        self._scale = Scale(WIDTH)
        variances = [np.array(_spreads(bolder)) ** 2 for bolder in BOLDER]
        start = np.zeros(len(variances[0]))
        start[1] = 1.0
        self._bank = Bank(start, variances, DRIFT)
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
        learned = self._bank.learn(row, inactive, OVERLAP)
        if self.contest.champion == "sgd":
            learned = logit(sigmoid(float(row @ self._steps.weights)))
        self._steps.learn(row, inactive)
        self._judge(lesson, prior, learned)
        self.contest.learn(lesson.voices, inactive, OVERLAP)
        if int(lesson.asked_at) >= self._calm_from:
            self.watch.note(lesson.predicted, inactive, told[_WATCHED].tolist())

    def _judge(self, lesson: Lesson, prior: float, learned: float) -> None:
        """Note who gained on whom; prior and logistic give log-odds as believed just before this answer was learned.

        Of those two the present belief counts: they are equally old. The rules learn nothing, so against them counts
        what the two had said when asked, or hindsight alone would win in a shop that lives by the season.
        """
        share = sigmoid(self._gains[1] - HANDICAP)
        told = (prior, learned)
        if len(lesson.voices) > len(LEARNERS):  # else asked before there was a model
            told = lesson.voices[len(LEARNERS)], lesson.voices[LEARNERS.index(self.contest.champion)]
        both = (1.0 - share) * told[0] + share * told[1]
        for n, (simpler, z) in enumerate(((logit(lesson.rules), both), (prior, learned))):
            self._gains[n] += OVERLAP * (log_loss(simpler, lesson.inactive) - log_loss(z, lesson.inactive))

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
            if self._population.belief is not None:
                self._population.belief.age(felt)
            kept = 0.5 ** (years / LOSS_MEMORY_YEARS)
            self._bank.age(felt, kept)
            self._gains = [kept * gain for gain in self._gains]
            self._time = now

    def say(self) -> tuple[float, float, float]:
        """How much each voice weighs."""
        learned, logistic = (sigmoid(gain - HANDICAP) for gain in self._gains)
        return 1.0 - learned, learned * (1.0 - logistic), learned * logistic

    def snapshot(self, champion: str = AUTO) -> Model:
        """What scores with all that is learned so far; who speaks as the learned voice may be named."""
        if not self.lessons:
            return UNTRAINED
        before = self.contest.champion
        if self.contest.elect(champion):
            why = "by the evidence" if champion == AUTO else "as the policy says"
            self._news.append(f"champion: {before} to {self.contest.champion}, {why}")
        told = {"kalman": self._spelt("kalman", self._bank.mean()), "sgd": self._spelt("sgd", self._steps.weights)}
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
            format=FORMAT,
        )
        return msgspec.structs.replace(model, version=version_of(model))

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
        first, *others = self._bank.beliefs
        state = _State(
            lessons=self.lessons,
            since=self._since,
            time=self._time,
            seen=self._scale.seen,
            column_mean=self._scale.mean.tolist(),
            column_variance=self._scale.variance.tolist(),
            weights=first.mean.tolist(),
            cov=first.cov.ravel().tolist(),
            population=[] if belief is None else belief.mean[:STRAIGHT].tolist(),
            population_cov=[] if belief is None else belief.cov[:STRAIGHT, :STRAIGHT].ravel().tolist(),
            features_version=FEATURES_VERSION,
            steps=self._steps.weights.tolist(),
            step_squares=self._steps.squares.tolist(),
            contest=self.contest,
            watch=self.watch,
            drifted=self.drifted,
            shaken_until=self._shaken_until,
            calm_from=self._calm_from,
            gains=self._gains,
            others=[_Kept(one.mean.tolist(), one.cov.ravel().tolist()) for one in others],
            spread_loss=self._bank.loss.tolist(),
            powers=[] if belief is None else belief.mean[STRAIGHT:].tolist(),
            powers_cov=[] if belief is None else belief.cov.ravel().tolist(),
            unit=self._population.unit,
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
        if state.loss:
            rules, prior, logistic = state.loss
            trainer._gains = [rules - min(prior, logistic), prior - logistic]
        trainer._gains = state.gains or trainer._gains
        trainer._scale.seen = state.seen
        trainer._scale.mean = np.array(state.column_mean)
        trainer._scale.variance = np.array(state.column_variance)
        first = _Kept(state.weights, state.cov)
        others = state.others or [first] * (len(BOLDER) - 1)  # before there was a bank: all believe what the first did
        for belief, kept in zip(trainer._bank.beliefs, [first, *others], strict=True):
            belief.mean = np.array(kept.weights)
            belief.cov = np.array(kept.cov).reshape(len(kept.weights), -1)
        trainer._bank.loss = np.array(state.spread_loss or [0.0] * len(BOLDER))
        trainer._steps.weights = np.array(state.steps or state.weights)
        if state.step_squares:
            trainer._steps.squares = np.array(state.step_squares)
        trainer.contest, trainer.watch, trainer.drifted = state.contest, state.watch, state.drifted
        trainer._shaken_until, trainer._calm_from = state.shaken_until, state.calm_from
        if state.population:
            cov = state.powers_cov or state.population_cov
            trainer._population.restore([*state.population, *state.powers], cov, state.unit)
        return trainer


def _spreads(bolder: float) -> list[float]:
    """Of all weights; words are few and of few, and the same few are asked again and again: nobody is bold about them."""
    told = [SPREAD * bolder] * WORDS + [SPREAD * min(bolder, 1.0)] * (WIDTH - WORDS)
    bends, gated = BEND_SPREAD * bolder, GATED_SPREAD * bolder
    return [BIAS_SPREAD, ECHO_SPREAD, *[bends] * len(KNOTS), *told, *[gated] * RHYTHM]

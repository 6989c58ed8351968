"""Learns the risk model from lessons, one answer at a time, in the order in which they are answered.

A `Trainer` is plain numbers: encoded and decoded at any lesson, it goes on to the same models. It knows no clock, no topic
and no file.
"""

import msgspec
import numpy as np
from msgspec import Struct, field

from scorers.contract.events import DAY, Duration, Micros
from scorers.contract.lessons import LEARNERS, MEMBERS, Lesson
from scorers.policy.tables import AUTO
from scorers.risk import design
from scorers.risk.belief import Floats
from scorers.risk.champion_challenger import ChampionChallenger
from scorers.risk.columns import FEATURES_VERSION, INDEX, SEASON_COS, SEASON_SIN, SIGNALS, WIDTH
from scorers.risk.learners import AdaGrad, AdaGradState, Ensemble, EnsembleState, Uncertainty
from scorers.risk.log_odds import logit
from scorers.risk.mixture import HALF_LIFE_YEARS, Certainty, Mixture
from scorers.risk.model import UNTRAINED, Model, version_of
from scorers.risk.population import PopulationBelief, PopulationState
from scorers.risk.watch.accuracy import Accuracy
from scorers.risk.watch.drift import DRIFTS, WATCHED, DriftDetector

OVERLAP = 0.25  # weight of an answer: a question is asked every quarter of the horizon, so four share what it tells
SPREAD = 0.14  # of a weight before any answer, per standard deviation of its column: the prior knows most
GATED_SPREAD = 0.045  # a third of that, as a difference between active and silent customers
BEND_SPREAD = 0.14
BOLDNESS = (1.0, 0.5, 2.0)  # beliefs with these times the spreads; which predicts best is learned
PRIOR_SPREAD = 0.3  # the prior's own log-odds are believed to within a third
INTERCEPT_SPREAD = 1.0
DRIFT = 0.2  # a weight's variance grows by a fifth of its first variance each year
POPULATION_DRIFT = 0.5
SEASONS_FROM = 400 * DAY  # a season and a trend look alike until part of the year was seen twice
REACTION_YEARS = 5.0  # a drift restores the first uncertainty (5 years at a fifth a year),
FAST_AGING = 10.0  # and for a horizon after it, time counts so many times
YOUTH = 3  # horizons: errors of a model as young as this are no drift
_YEAR = 365.0 * DAY
_SEASON = slice(SEASON_SIN, SEASON_COS + 1)
_WATCHED = np.array([INDEX[name] for name in WATCHED])


class TrainerState(Struct):
    """A trainer as plain numbers."""

    features_version: str
    lessons: int
    since: Micros
    time: Micros
    scaler: design.ScalerState
    population: PopulationState
    kalman: EnsembleState
    sgd: AdaGradState
    mixture: Mixture
    selection: ChampionChallenger
    drift: DriftDetector
    drifted: Micros
    fast_until: Micros
    watched_from: Micros
    certainty: Certainty = field(default_factory=Certainty)
    uncertainty: Uncertainty = field(default_factory=Uncertainty)
    accuracy: Accuracy = field(default_factory=Accuracy)


class Trainer:
    """Learns from lessons and makes models.

    Every part learns an answer after it has made its own forecast of it, so that parts are compared by forecasts alone.
    """

    def __init__(self) -> None:
        self.lessons = 0
        self._since: Micros = 0  # of the first answer
        self._time: Micros = 0  # of the answer that closed the last day
        self._scaler = design.Scaler(WIDTH)
        self._population = PopulationBelief(POPULATION_DRIFT)
        start = design.start()
        self._kalman = Ensemble(start, [_spreads(boldness) ** 2 for boldness in BOLDNESS], DRIFT)
        self._sgd = AdaGrad(start)
        self._mixture = Mixture()
        self._certainty = Certainty()
        self._uncertainty = Uncertainty()
        self.selection = ChampionChallenger()
        self.drift = DriftDetector()
        self.accuracy = Accuracy()
        self.drifted: Micros = 0
        self._fast_until: Micros = 0
        self._watched_from: Micros = 0  # answers to earlier questions are no sign of drift
        self._notices: list[str] = []

    def learn(self, lesson: Lesson) -> None:
        """Learn an answer; a lesson of other features or members is ignored."""
        if not _is_ours(lesson):
            return
        self._advance(int(lesson.answered_at), lesson.horizon)
        self.lessons += 1
        inactive = lesson.inactive
        prior = self._population.learn(lesson.features, inactive, OVERLAP)
        standardized = self._standardize(lesson)
        row = design.row(prior, standardized)
        by_learner = {
            "kalman": self._kalman.learn(row, inactive, OVERLAP),
            "sgd": self._sgd.learn(row, inactive),
        }
        self._uncertainty.learn(prior, self._kalman.variance)
        self._judge(lesson, prior, by_learner[self.selection.champion])
        self.selection.learn(lesson.voices[: len(LEARNERS)], inactive, OVERLAP)
        self.accuracy.learn(lesson.predicted, inactive, int(lesson.asked_at))
        if int(lesson.asked_at) >= self._watched_from:
            self.drift.add(lesson.predicted, inactive, standardized[_WATCHED].tolist())

    def _standardize(self, lesson: Lesson) -> Floats:
        columns = np.array(lesson.features)
        if self._time - self._since < SEASONS_FROM:
            columns[_SEASON] = 0.0
        self._scaler.learn(columns)
        return self._scaler.apply(columns)

    def _judge(self, lesson: Lesson, prior: float, logistic: float) -> None:
        """Compare the components, given the log-odds of prior and logistic just before they learned the answer."""
        learned = when_asked = (prior, logistic)
        if lesson.voices:
            asked = dict(zip(MEMBERS, lesson.voices, strict=True))
            when_asked = asked["prior"], asked[self.selection.champion]
        by_rules, inactive = logit(lesson.rules), lesson.inactive
        together = by_rules if not lesson.voices else self._mixture.together(by_rules, *when_asked)
        self._certainty.learn(together, inactive, OVERLAP)
        self._mixture.learn(lesson.rules, learned, when_asked, inactive, OVERLAP)

    def _advance(self, now: Micros, horizon: Duration) -> None:
        """Close a day with the first answer that comes a day or more after the last one was closed."""
        if not self._time:
            self._since = self._time = now
            self._watched_from = now + YOUTH * horizon
        elif now >= self._time + DAY:
            self._close_day(now, horizon)

    def _close_day(self, now: Micros, horizon: Duration) -> None:
        """Let weights drift and evidence fade by the time that has passed, and look for drift in the answers."""
        years = (now - self._time) / _YEAR
        aging = years * FAST_AGING if now < self._fast_until else years
        found = self.drift.end_day(OVERLAP)
        if found:
            self._notices.append(f"drift: {', '.join(found)}")
        if DRIFTS.intersection(found):
            aging += REACTION_YEARS
            self.drifted, self._fast_until, self._watched_from = now, now + horizon, now
            self.drift.reset()
        kept = 0.5 ** (years / HALF_LIFE_YEARS)
        self._population.age(aging)
        self._kalman.age(aging, kept)
        self._mixture.age(years)
        self._certainty.age(kept)
        self.selection.age((now - self._time) / DAY)
        self.accuracy.age((now - self._time) / DAY)
        self._time = now

    def weights(self) -> tuple[float, float, float]:
        """The weights of rules, prior and logistic."""
        return self._mixture.weights()

    def snapshot(self, champion: str = AUTO) -> Model:
        """The model of all that is learned so far; `champion` may name a learner."""
        if not self.lessons:
            return UNTRAINED
        before = self.selection.champion
        if self.selection.select(champion):
            why = "by the evidence" if champion == AUTO else "as the policy says"
            self._notices.append(f"champion: {before} to {self.selection.champion}, {why}")
        rows = {
            "kalman": self._kalman.weights(),
            "sgd": self._sgd.weights(),
        }
        learners = {name: design.linear_model(name, row, self._scaler) for name, row in rows.items()}
        learners["kalman"] = msgspec.structs.replace(learners["kalman"], kept=self._uncertainty.kept())
        model = Model(
            version="",
            weights=self.weights(),
            population=self._population.population(),
            champion=learners.pop(self.selection.champion),
            challengers=tuple(learners.values()),
            means=tuple(self._scaler.mean.tolist()),
            drifted=self.drifted,
            bounds=self._certainty.bounds(),
        )
        return msgspec.structs.replace(model, version=version_of(model))

    @property
    def is_adapting(self) -> bool:
        """Whether the model forgets faster for a while, because a drift was found."""
        return self._time < self._fast_until

    def take_notices(self) -> list[str]:
        """Changes of champion and drifts since the last call, for a log."""
        notices, self._notices = self._notices, []
        return notices

    def encode(self) -> bytes:
        """The trainer as bytes; notices that were not taken are left out."""
        state = TrainerState(
            features_version=FEATURES_VERSION,
            lessons=self.lessons,
            since=self._since,
            time=self._time,
            scaler=self._scaler.state(),
            population=self._population.state(),
            kalman=self._kalman.state(),
            sgd=self._sgd.state(),
            mixture=self._mixture,
            selection=self.selection,
            drift=self.drift,
            drifted=self.drifted,
            fast_until=self._fast_until,
            watched_from=self._watched_from,
            certainty=self._certainty,
            uncertainty=self._uncertainty,
            accuracy=self.accuracy,
        )
        return msgspec.msgpack.encode(state)

    @classmethod
    def decode(cls, data: bytes) -> "Trainer":
        """The trainer that `encode` wrote; ValueError if it is none or of other features."""
        try:
            state = msgspec.msgpack.decode(data, type=TrainerState)
            if state.features_version != FEATURES_VERSION:
                raise ValueError(f"features version {state.features_version}, this is {FEATURES_VERSION}")
            trainer = cls()
            trainer._restore(state)
        except ValueError as error:  # msgspec's errors are ValueErrors
            raise ValueError(f"not a trainer's state: {error}; start again from the lessons") from error
        return trainer

    def _restore(self, state: TrainerState) -> None:
        self.lessons, self._since, self._time = state.lessons, state.since, state.time
        self._scaler.restore(state.scaler)
        self._population.restore(state.population)
        self._kalman.restore(state.kalman)
        self._sgd.restore(state.sgd)
        self._mixture, self.selection, self.drift = state.mixture, state.selection, state.drift
        self._certainty, self._uncertainty = state.certainty, state.uncertainty
        self.accuracy = state.accuracy
        self.drifted, self._fast_until, self._watched_from = state.drifted, state.fast_until, state.watched_from


def _is_ours(lesson: Lesson) -> bool:
    """Whether a lesson has our features, and the log-odds of all members or, asked of an untrained model, of none."""
    return (
        lesson.features_version == FEATURES_VERSION
        and len(lesson.features) == WIDTH
        and len(lesson.voices) in (0, len(MEMBERS))
    )


def _spreads(boldness: float) -> Floats:
    """The spread of each weight before any answer.

    Signals get no more than the usual spread: few customers send any, and the same few are asked again and again.
    """
    features = np.full(WIDTH, SPREAD * boldness)
    features[SIGNALS.start :] = SPREAD * min(boldness, 1.0)
    return design.spreads(
        intercept=INTERCEPT_SPREAD,
        prior=PRIOR_SPREAD,
        bends=BEND_SPREAD * boldness,
        features=features,
        gated=GATED_SPREAD * boldness,
    )

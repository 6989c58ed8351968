"""One run of the core over a shop: the risk told at each origin, what each component alone would have said, and the lessons.

The same partition, figures and trainer as in `streams.replay.replay`; a test holds that both tell the same risk.
"""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from scorers.contract.events import DAY, Micros
from scorers.contract.lessons import Lesson
from scorers.contract.wire import Rejection, decode
from scorers.customer.parts.verdicts import MILLION
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.in_force.figures import FigureBook
from scorers.partition.partition import Partition
from scorers.policy.tables import AUTO, Policy
from scorers.risk.columns import pack_floats, unpack_floats
from scorers.risk.features import features
from scorers.risk.model import COMPONENTS, UNTRAINED, Model
from scorers.risk.rules import rules_risk
from scorers.risk.training import Trainer
from scorers.subjects.horizons import risk_by_horizon
from scorers.timeline.facts import Ref
from scorers.timeline.timeline import AnyTimeline
from tests.quality.judge import Floats


class Tape(Trainer):
    """A trainer that remembers what it was taught, and how much of that each of its models knows."""

    def __init__(self) -> None:
        super().__init__()
        self.taught: list[tuple[Lesson, Floats]] = []  # the columns apart, as 57 small numbers are a large tuple
        self.known = {UNTRAINED.version: 0}

    def learn(self, lesson: Lesson) -> None:
        self.taught.append((msgspec.structs.replace(lesson, features=()), np.array(lesson.features)))
        super().learn(lesson)

    def snapshot(self, champion: str = AUTO) -> Model:
        model = super().snapshot(champion)
        self.known.setdefault(model.version, len(self.taught))
        return model


class Asked(msgspec.Struct):
    """The questions of one origin: who was asked about, their columns, what the rules say, and the model in force."""

    at: Micros
    who: list[str]
    columns: Floats
    rules: Floats
    model: Model
    others: dict[int, Floats]  # the risk within other horizons, by their days

    def risks(self, model: Model, columns: Floats | None = None) -> Floats:
        """What a model says."""
        rows = self.columns if columns is None else columns
        return np.array([model.risk(x, r) for x, r in zip(rows.tolist(), self.rules.tolist(), strict=True)])

    def component(self, name: str) -> Floats:
        """The risk by one component alone."""
        if not self.model.is_trained:
            return self.risks(self.model)
        alone = tuple(float(component == name) for component in COMPONENTS)
        return self.risks(msgspec.structs.replace(self.model, weights=alone))


def run(
    lines: Iterable[bytes], policy: Policy, origins: Sequence[Micros], others: Sequence[int] = ()
) -> tuple[list[Asked], Tape]:
    """Fold lines of events and ask about everybody at each origin, also within so many other days."""
    ctx, monitors, tape = Context(policy, UNTRAINED), dict[str, AnyTimeline](), Tape()
    partition = Partition(ctx, monitors, FigureBook(policy), tape)
    due, told = sorted(origins, reverse=True), []

    def ask_before(at: Micros | None) -> None:
        while due and (at is None or due[-1] < at):
            when = due.pop()
            for _ in partition.tick(when):
                pass
            told.append(_ask(monitors, when, ctx, others))

    for number, line in enumerate(lines, 1):
        event = decode(line)
        if isinstance(event, Rejection):
            raise ValueError(f"line {number}: {event.detail}")
        if int(event.time) > partition.clock:
            ask_before(int(event.time))
        for _ in partition.feed(event, Ref(event.source, event.id, "quality", 0, number)):
            pass
    ask_before(None)
    return told, tape


def _ask(monitors: dict[str, AnyTimeline], now: Micros, ctx: Context, others: Sequence[int]) -> Asked:
    horizon, base = ctx.policy.risk.horizon, ctx.figures(now).base
    states = [monitors[name].state for name in sorted(monitors)]
    buyers = [c for c in states if isinstance(c, Customer) and c.purchases.count]  # sites and stores are watched too
    return Asked(
        now,
        [c.id for c in buyers],
        np.array([features(c, now, horizon, base) for c in buyers]),
        np.array([rules_risk(c, now, horizon, base) for c in buyers]),
        ctx.model(now),
        _within(buyers, now, ctx, others) if others else {},
    )


def _within(buyers: list[Customer], now: Micros, ctx: Context, days: Sequence[int]) -> dict[int, Floats]:
    told = [risk_by_horizon(c, now, ctx, [n * DAY for n in days]) for c in buyers]
    return {n: np.array([risks[n * DAY] for risks in told]) for n in days}


def relearned(tape: Tape, asked: Sequence[Asked], keep: Floats, trainer: Trainer | None = None) -> list[Floats]:
    """What another trainer would have said at each origin, or ours had some columns been always 0.

    It lives through the same days: each lesson gets its risk again from the model that was in force when it was asked.
    """
    trainer, models, done = trainer or Trainer(), {UNTRAINED.version: UNTRAINED}, 0
    for version, upto in tape.known.items():
        for lesson, x in tape.taught[done:upto]:
            columns, model = tuple((x * keep).tolist()), models[lesson.model_version]
            trainer.learn(
                msgspec.structs.replace(
                    lesson,
                    features=columns,
                    predicted=round(model.risk(columns, lesson.rules) * MILLION) / MILLION,
                    voices=unpack_floats(pack_floats(model.member_log_odds(columns))),
                )
            )
        done = upto
        models[version] = trainer.snapshot()
    return [question.risks(models[question.model.version], question.columns * keep) for question in asked]

"""The metrics of a trainer: the learners, and how good the told risk was. Read at the moment of a scrape; all zero while it stands by."""

import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from scorers.contract.events import SECOND
from scorers.contract.lessons import LEARNERS
from vigia.runtime.metrics.table import gauges, plain


class Teaching(Protocol):
    """What the metrics read of a trainer."""

    rejected: int
    saved: Any
    learner: Any


class TrainerMetrics(Collector):
    """The metrics of a trainer."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.registry = CollectorRegistry()
        self._trainer: Teaching | None = None
        self._now = now
        self.registry.register(self)

    def watch(self, trainer: Teaching) -> None:
        """This trainer serves from now on."""
        self._trainer = trainer

    def collect(self) -> Iterator[Metric]:
        """The values at the moment of a scrape."""
        trainer = self._trainer
        saved = None if trainer is None else trainer.saved
        learner = None if trainer is None else trainer.learner
        yield plain("vigia_trainer_lessons", sum(saved.lessons.values()) if saved else 0)
        yield plain("vigia_trainer_snapshots", saved.number if saved else 0)
        yield plain("vigia_trainer_refused", trainer.rejected if trainer else 0)
        published = saved.model_in_force if saved else 0
        yield gauges("vigia_model_time_seconds", [((), published / SECOND)] if published else [])
        yield from self._of_learners(learner)
        yield from self._of_the_told_risk(learner)

    def _of_learners(self, learner: Any) -> Iterator[Metric]:
        selection, drift = (learner.selection, learner.drift) if learner else (None, None)
        yield plain("vigia_trainer_drifts", drift.drifts if drift else 0)
        yield plain("vigia_trainer_shifts", drift.shifts if drift else 0)
        yield plain("vigia_trainer_shaken", int(learner.is_adapting) if learner else 0)
        yield plain("vigia_trainer_elections", selection.changes if selection else 0)
        lately = selection.mean_loss() if selection else {}
        yield gauges("vigia_trainer_loss", [((name,), lately.get(name, 0.0)) for name in LEARNERS])
        gains = {name: one.mean() for name, one in selection.evidence.items()} if selection else {}
        yield gauges("vigia_trainer_gain", [((name,), gains.get(name, 0.0)) for name in LEARNERS])
        champion = selection.champion if selection else ""
        yield gauges("vigia_trainer_champion", [((name,), float(name == champion)) for name in LEARNERS])

    def _of_the_told_risk(self, learner: Any) -> Iterator[Metric]:
        """Nothing is shown of a quality that is not known: 0 would be a perfect loss."""
        accuracy = learner.accuracy if learner else None
        yield plain("vigia_model_answers", accuracy.weight if accuracy else 0.0)
        known = accuracy if accuracy and accuracy.is_known else None
        yield gauges("vigia_model_log_loss", [((), known.log_loss())] if known else [])
        yield gauges("vigia_model_auc", [((), known.auc())] if known else [])
        yield gauges("vigia_model_calibration_error", [((), known.calibration_error())] if known else [])
        asked = accuracy.newest_asked if accuracy else 0
        yield gauges("vigia_model_label_age_seconds", [((), self._now() - asked / SECOND)] if asked else [])

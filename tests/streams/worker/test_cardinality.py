"""D15: the number of series depends on closed lists, never on the number of customers, alarms or senders."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from alerts.pipeline.metrics import NotifierMetrics
from scorers.contract.events import DAY, MINUTE, Instant
from scorers.in_force.control import Tick
from scorers.policy.tables import Policy
from streams.clock.clock import Clock
from streams.engine.rows import Rows
from streams.gateway.gateway import Gateway, Tokens
from streams.gateway.intake import Intake
from streams.metrics.clock import ClockMetrics
from streams.metrics.trainer import TrainerMetrics
from streams.metrics.worker import WorkerMetrics
from streams.records.sealed_control import Headers
from streams.worker.partition_processor import PartitionProcessor
from streams.worker.rows.stored_row import CODEC
from tests.support.desk import MAY, Memory, Record
from tests.support.driver import purchase, record
from tests.support.hashes import HASHES
from tests.support.seals import KEYS, SECRET, signed_record
from vigia.readmodel.redis_address import RedisAddress
from vigia.readmodel.redis_board import Board
from vigia.runtime.broker import Broker
from vigia.runtime.metrics.table import LABELS
from vigia.runtime.settings import Settings


def series(registry: CollectorRegistry) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    """All series of a scrape, each by its name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in registry.collect()
        for sample in family.samples
    }


def worked(customers: int) -> CollectorRegistry:
    """The metrics of a worker that has folded a month of so many customers, with complaints, dead letters and silence."""
    metrics = WorkerMetrics()
    rows: Rows[Any] = Rows(0, Memory(), CODEC)
    processor = PartitionProcessor(rows, Policy(), lambda plain: plain, metrics, HASHES, KEYS)
    number = 0

    def fold(topic: str, key: str | None, value: bytes, headers: Headers = ()) -> None:
        nonlocal number
        number += 1
        one = Record(topic, number, None if key is None else key.encode(), value, headers=headers)
        assert rows.begin(topic, number, one.key)
        processor.fold(one)

    for who in range(customers):
        name = f"customer-{who}"
        fold("purchases", name, purchase(MAY + who * MINUTE, name))
        if who % 3 == 0:
            fold("complaints", name, record("complaint.opened", MAY + DAY, name, complaint_id=f"K{who}"))
        if who % 7 == 0:
            fold("contacts", name, f'{{"type": "{name}"}}'.encode())
            fold("contacts", f"{name} ", purchase(MAY, name))
    fold("clock", None, *signed_record(Tick(until=Instant(MAY + 60 * DAY))))
    return metrics.registry


def test_more_customers_make_no_more_series() -> None:
    """Many times as many customers have the same series, name by name and label by label."""
    few, many = series(worked(30)), series(worked(500))
    assert few == many
    assert len(few) < 2_000, "each kind of alarm with each severity and change, and with each answer, from the start"
    signed_record = {name: value for name, labels in few for label, value in labels if label == "kind"}
    assert signed_record, "no alarm was raised: nothing is shown"


@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_no_label_can_name_a_customer() -> None:
    """The values of every label are known beforehand; a new label is explained in the table of metrics."""
    settings, broker = Settings(seal=SECRET), Broker()
    gateway = Gateway(Intake(broker), Tokens(()))
    board = CollectorRegistry()
    Board(RedisAddress("redis://127.0.0.1:1/0"), broker, HASHES, board)
    registries = [
        *(worked(30), NotifierMetrics().registry, gateway.registry, board),
        ClockMetrics(Clock(broker, settings, Policy(), follows=True, every=1.0)).registry,
        TrainerMetrics().registry,
    ]
    names = {
        label
        for registry in registries
        for collector in set(registry._names_to_collectors.values())
        for label in getattr(collector, "_labelnames", ())
    }
    names |= {label for registry in registries for _, labels in series(registry) for label, _ in labels}
    assert len(names) > 10
    assert names <= LABELS.keys()

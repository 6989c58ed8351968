"""The table of metrics is what the processes expose, and the reverse; no process makes a metric of its own."""

import ast
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from alerts.pipeline.metrics import NotifierMetrics
from scorers.policy.group_tables import Iceberg
from scorers.policy.tables import Policy
from streams.clock.clock import Clock
from streams.gateway.gateway import Gateway
from streams.gateway.intake import Intake
from streams.gateway.tokens import Tokens
from streams.metrics.clock import ClockMetrics
from streams.metrics.trainer import TrainerMetrics
from streams.metrics.worker import WorkerMetrics
from tests.support.hashes import HASHES
from tests.support.paths import ROOT
from tests.support.seals import SECRET
from vigia.console.figures import BaseFigures
from vigia.readmodel.redis_address import RedisAddress
from vigia.readmodel.redis_board import Board
from vigia.readmodel.store.following import Follower
from vigia.readmodel.store.model import ReadModel
from vigia.readmodel.store.sqlite.store import SqliteStore
from vigia.runtime.broker import Broker
from vigia.runtime.health import serving_health
from vigia.runtime.metrics.definition import Process
from vigia.runtime.metrics.table import LABELS, METRICS
from vigia.runtime.settings import Settings

MADE_BY = {"prometheus_client", "prometheus_client.core"}
MAKERS = {"Counter", "Gauge", "Histogram", "Summary", "Info", "Enum"}
OURS = "vigia/runtime/metrics/table.py"


def registries(folder: Path) -> dict[Process, CollectorRegistry]:
    """What each process exposes when it has just started."""
    clock = Clock(Broker("127.0.0.1:1"), Settings(partitions=1, seal=SECRET), Policy(), follows=True, every=1)
    board, console = CollectorRegistry(), CollectorRegistry()
    Board(RedisAddress("redis://127.0.0.1:1"), Broker(), HASHES, board)
    model = ReadModel(SqliteStore(folder / "readmodel.sqlite"))
    Follower(model, Broker(), HASHES, console)
    BaseFigures(model, Iceberg(), console)
    return {
        "worker": WorkerMetrics().registry,
        "trainer": TrainerMetrics().registry,
        "clock": ClockMetrics(clock).registry,
        "notifier": NotifierMetrics().registry,
        "gateway": Gateway(Intake(Broker("127.0.0.1:1")), Tokens([])).registry,
        "board": board,
        "console": console,
    }


async def exposed(registry: CollectorRegistry) -> dict[str, tuple[str, str, set[str]]]:
    """Type, description and labels of each metric that a scrape of a process brings."""
    async with (
        serving_health(registry, 0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as web,
        web.get("/metrics") as answer,
    ):
        families = list(text_string_to_metric_families(await answer.text()))
    return {
        family.name: (family.type, family.documentation, {label for one in family.samples for label in one.labels})
        for family in families
    }


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("process", sorted({one.process for one in METRICS.values()} - {"every"}))
async def test_a_process_exposes_what_the_table_says(process: Process, tmp_path: Path) -> None:
    """Each name of the table and no other, with its type and meaning, and with no label that it does not name."""
    found = await exposed(registries(tmp_path)[process])
    known = {name: one for name, one in METRICS.items() if one.process in (process, "every")}
    assert found.keys() == known.keys()
    for name, one in known.items():
        type, meaning, labels = found[name]
        assert (type, meaning) == (one.type, one.meaning), name
        assert labels <= {*one.labels, "le"}, name


def made_elsewhere() -> Iterator[str]:
    """Modules of ours that take what makes metrics from the library."""
    for package in ("scorers", "streams", "alerts", "vigia"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    made = node.func.id in MAKERS or node.func.id.endswith("MetricFamily")
                    if made and node.args and isinstance(node.args[0], ast.Constant):
                        yield path.relative_to(ROOT).as_posix()


def test_no_process_makes_a_metric_of_its_own() -> None:
    """All are made by the functions of the table, so the page that is generated from it names all."""
    assert set(made_elsewhere()) == set()


def test_the_definitions_are_sound() -> None:
    """Names begin alike and end in their unit, each label is explained and used, and each metric says what it means."""
    used = {label for one in METRICS.values() for label in one.labels}
    assert used | {"le"} == LABELS.keys()
    for name, one in METRICS.items():
        assert name.startswith("vigia_"), name
        assert not name.endswith("_total"), name
        assert one.meaning.endswith("."), name
        assert (one.unit == "seconds") <= name.endswith("_seconds"), name
        assert (one.unit == "bytes") <= name.endswith("_bytes"), name
        assert (one.unit == "minor units") == name.endswith("_minor"), name
        assert (one.unit == "minor units") <= ("currency" in one.labels), name
        assert one.type != "counter" or one.together == "sum", name

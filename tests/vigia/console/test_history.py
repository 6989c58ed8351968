"""The pictures of the page of the processes: the queries of the dashboards, put together from what the processes expose."""

import json
import re

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from tests.support.paths import ROOT
from vigia.console import pictures
from vigia.console.history import EVERY, FIGURES, KEPT, LINES, Figure, History, instants
from vigia.console.texts import TEXTS
from vigia.runtime.metrics import table

BOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
EVENTS = next(figure for figure in FIGURES if figure.metric == "vigia_events")


def queries() -> set[str]:
    """Every query of the dashboards, without the choices of variables and the width of the rate."""
    found = set()
    for path in BOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", ()):
                found.add(re.sub(r"\{[^}]*\}|\[\$__rate_interval\]", "", target["expr"]))
    return found


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.metric)
def test_each_picture_is_a_query_of_the_dashboards(figure: Figure) -> None:
    """Whoever sees a picture here finds the same line in Grafana; each title is said in Spanish."""
    assert figure.query in queries()
    assert figure.title in TEXTS["es"].texts


def exposed(counts: dict[str, float]) -> str:
    """What a worker exposes that has folded so many events of each topic."""
    registry = CollectorRegistry()
    events = table.counter("vigia_events", registry)
    for topic, count in counts.items():
        events.labels(topic, "any").inc(count)
    return generate_latest(registry).decode()


def test_counters_are_rates_over_all_processes_also_after_a_restart() -> None:
    """Two workers add up; one that was restarted begins at 0 again, one that is new is not counted as a jump, one that is away is missing."""
    history = History()
    history.take(0.0, {"one": exposed({"purchases": 100.0}), "two": exposed({"purchases": 50.0})})
    history.take(EVERY, {"one": exposed({"purchases": 130.0}), "two": exposed({"purchases": 80.0})})
    history.take(2 * EVERY, {"one": exposed({"purchases": 15.0})})
    history.take(3 * EVERY, {"one": exposed({"purchases": 15.0}), "two": exposed({"purchases": 9_000.0})})
    assert history.over_time(EVENTS) == {
        "purchases": [(int(EVERY * 1e6), 4.0), (int(2 * EVERY * 1e6), 1.0), (int(3 * EVERY * 1e6), 0.0)]
    }
    quiet = next(figure for figure in FIGURES if figure.metric == "vigia_model_log_loss")
    assert history.over_time(quiet) == {}


def test_a_history_is_bounded() -> None:
    """An hour of looks, and the highest lines."""
    history = History()
    for n in range(KEPT + 50):
        history.take(n * EVERY, {"one": exposed({f"t{topic}": n * (topic + 1.0) for topic in range(12)})})
    lines = history.over_time(EVENTS)
    assert list(lines) == [f"t{topic}" for topic in range(11, 11 - LINES, -1)]
    assert {len(points) for points in lines.values()} == {KEPT}
    first, last = instants(lines.values())
    assert last - first == (KEPT - 1) * EVERY * 1_000_000
    ends = [pictures.Label(first, "09:00"), pictures.Label(last, "10:00")]
    drawn = pictures.over_time({"<b>": lines["t11"], "t10": lines["t10"]}, ends, "0.8", "Events")
    assert drawn.count('<path class="curve"') == 4
    assert "<b>" not in drawn
    assert "&lt;b&gt;" in drawn

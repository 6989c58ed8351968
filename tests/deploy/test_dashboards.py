"""What people watch: dashboards, rules and the composition, held against the code and against a real Prometheus."""

import asyncio
import importlib.util
import json
import os
import re
import shutil
import subprocess
import time
import tomllib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
import yaml
from aiohttp import web

from scorers.contract.events import Instant
from tests.support.paths import ROOT
from tests.support.running_metrics import Running
from vigia.lab.local_kafka import free_port
from vigia.runtime import health
from vigia.runtime.metrics.table import METRICS

DEPLOY = ROOT / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
RULES = DEPLOY / "prometheus" / "rules" / "vigia.yml"
MEND = "is not on the PATH: apt install prometheus"
NOW = Instant(1_704_067_200_000_000)


def needs(program: str) -> None:
    """Skip by name where a program is missing; in the CI nothing may be."""
    if shutil.which(program) is None:
        if os.environ.get("CI"):
            pytest.fail(f"{program} {MEND}")
        pytest.skip(f"{program} {MEND}")


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """Those that show something."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[tuple[str, str]]:
    """Every query of every panel, with where it stands."""
    for path in DASHBOARDS:
        for panel in panels(json.loads(path.read_text())):
            yield from ((f"{panel['title']}/{target['refId']}", target["expr"]) for target in panel["targets"])


def names_in(text: str) -> set[str]:
    """The metrics that a query names."""
    return set(re.findall(r"(?<![:\w])vigia_\w+", re.sub(r'"[^"]*"', "", text)))


def test_every_metric_that_is_shown_exists() -> None:
    """Dashboards and rules name no metric that the code does not tell."""
    known = {name for one in METRICS.values() for name in one.series()}
    shown = {name for _, expression in expressions() for name in names_in(expression)}
    rules = {name for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
             for name in names_in(rule["expr"])}  # fmt: skip
    assert len(shown) > 15
    assert len(rules) > 5
    assert (shown | rules) - known == set()


def test_an_unknown_metric_is_seen() -> None:
    """The comparison looks into every corner of a query, and not at its strings."""
    assert names_in('sum(rate(vigia_x_total{job=~"vigia_y"}[5m])) / on (job) job:vigia_z:rate5m - vigia_w') == {
        "vigia_x_total",
        "vigia_w",
    }


def plain_name(name: str) -> str:
    """The name of a metric in the table, from that of a series."""
    return next(
        (base for base in (name, name.removesuffix("_total"), name.removesuffix("_bucket")) if base in METRICS), name
    )


def generator(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script that draws the dashboards."""
    monkeypatch.syspath_prepend(DEPLOY / "grafana")
    found = importlib.util.spec_from_file_location("generate", DEPLOY / "grafana" / "generate.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_dashboards_are_what_the_script_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has edited the JSON by hand, and each dashboard is a ConfigMap of Kubernetes too."""
    script = generator(monkeypatch)
    assert {path.stem for path in DASHBOARDS} == script.BOARDS.keys()
    for path in DASHBOARDS:
        assert path.read_text(encoding="utf-8") == script.text(path.stem), "run python deploy/grafana/generate.py"
    (mapped,) = yaml.safe_load((DEPLOY / "grafana" / "kustomization.yaml").read_text())["configMapGenerator"]
    assert sorted(mapped["files"]) == [f"dashboards/{path.name}" for path in DASHBOARDS]


def test_amounts_are_in_units_of_their_currency() -> None:
    """A yen has no hundredths and a Kuwaiti dinar has thousandths; no query adds currencies."""
    for name, expression in expressions():
        if "_minor{" in expression:
            assert expression.count(" / 100 or ") == 1, name
            assert re.search(r'=~"[^"]*JPY[^"]*"}\) or ', expression), name
            assert re.search(r'=~"[^"]*KWD[^"]*"}\) / 1000 or ', expression), name
            assert len(re.findall(r"by \([^)]*currency\)", expression)) == 4, name


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_fits_everywhere(path: Path) -> None:
    """Whatever the data source and the jobs are called: no fixed source, each panel with words, unit and place."""
    board = json.loads(path.read_text())
    assert (board["schemaVersion"], board.get("id"), bool(board["uid"]), bool(board["tags"])) == (41, None, True, True)
    names = [one["name"] for one in board["templating"]["list"]]
    assert names == ["datasource", "job", "instance", "tier", "stage", "store", "console"]
    assert [one["name"] for one in board["annotations"]["list"]] == ["policy", "model", "deployment"]
    assert [(one["type"], one["url"]) for one in board["links"]] == [("dashboards", ""), ("link", "${console}")]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    for panel in panels(board):
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"]["uid"] == "${datasource}"
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}"
            assert "$job" in target["expr"]
            assert "$instance" in target["expr"]
            assert set(re.findall(r"rate\([^[]*\[([^]]+)\]", target["expr"])) <= {"$__rate_interval"}
            for label in ("tier", "stage", "store"):
                shown = [METRICS[base] for name in names_in(target["expr"]) if (base := plain_name(name)) in METRICS]
                assert (f"${label}" in target["expr"]) == any(label in one.labels for one in shown), panel["title"]


def test_the_image_carries_what_the_project_says() -> None:
    """The image is made from the lock, for a Python that the project supports, and not as root."""
    text = (DEPLOY / "Dockerfile").read_text()
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    found = re.search(r"^FROM python:(\d+\.\d+)\.\d+-slim", text, flags=re.MULTILINE)
    assert found
    assert [*map(int, found[1].split("."))] >= [*map(int, needed.split("."))]
    assert "--require-hashes" in text
    assert re.search(r"^USER (?!root)", text, flags=re.MULTILINE)


async def asked(session: aiohttp.ClientSession, expression: str) -> list[Any]:
    """What Prometheus answers to a query of a panel."""
    known = {
        "$__rate_interval": "5s",
        "$__range": "1m",
        "$tier": ".*",
        "$stage": ".*",
        "$store": ".*",
        "$job": ".*",
        "$instance": ".*",
    }
    for name, value in known.items():
        expression = expression.replace(name, value)
    async with session.get("/api/v1/query", params={"query": expression}) as answer:
        told = await answer.json()
    assert told["status"] == "success", f"{expression}: {told}"
    found: list[Any] = told["data"]["result"]
    return [one for one in found if one["value"][1] != "NaN"]


async def until(
    true: Callable[[], Awaitable[bool]], process: subprocess.Popen[bytes], missing: Callable[[], object]
) -> None:
    """Wait for it to be so, as long as the process lives; say what is missing where it never is."""
    end = time.monotonic() + 60
    while not await true():
        assert process.poll() is None, "Prometheus has ended"
        assert time.monotonic() < end, f"without data: {missing()}"
        await asyncio.sleep(0.1)


async def test_every_panel_has_data_in_a_real_prometheus(tmp_path: Path) -> None:
    """Prometheus scrapes running registries, and every query of every panel finds something there."""
    needs("prometheus")
    running, port, certificate = Running(tmp_path), free_port(), tmp_path / "console.pem"
    trustme.CA().cert_pem.write_to_path(certificate)
    app = web.Application()
    for n, registry in enumerate(running.registries):
        part = web.Application()
        part.add_routes(health.routes(registry, certificate=str(certificate)))
        app.add_subapp(f"/{n}", part)
    async with health.serving(app, "127.0.0.1", 0) as scraped:
        jobs = [
            {"job_name": f"vigia-{n}", "metrics_path": f"/{n}/metrics", "scrape_interval": "250ms", "scrape_timeout": "250ms",
             "static_configs": [{"targets": [f"127.0.0.1:{scraped}"]}]} for n in range(len(running.registries))
        ]  # fmt: skip
        config = tmp_path / "prometheus.yml"
        config.write_text(yaml.safe_dump({"scrape_configs": jobs}))
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}"]
        command.append(f"--web.listen-address=127.0.0.1:{port}")
        with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, stderr=log, stdout=log) as process:
            try:
                async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
                    left = dict(expressions())

                    async def all_told() -> bool:
                        await running.work()
                        try:
                            for name, expression in list(left.items()):
                                if await asked(session, expression):
                                    del left[name]
                        except aiohttp.ClientError:
                            pass  # not up yet
                        return not left

                    await until(all_told, process, lambda: sorted(left))
                    for path in DASHBOARDS:  # what is marked may not have happened yet
                        for mark in json.loads(path.read_text())["annotations"]["list"]:
                            await asked(session, mark["target"]["expr"])
            finally:
                process.terminate()

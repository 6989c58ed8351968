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
import yaml
from aiohttp import web
from prometheus_client import CollectorRegistry

from alerts.channels.contract import Channel, Notification
from alerts.pipeline.dispatch import Dispatcher
from alerts.pipeline.incident import Incident
from alerts.pipeline.metrics import NotifierMetrics
from alerts.pipeline.routes import read
from alerts.pipeline.store import Memory
from scorers.contract.alarms import Alarm
from scorers.contract.events import Instant
from scorers.worklist.ranking import DayList
from streams.gateway.gateway import Gateway
from streams.gateway.intake import Intake
from streams.gateway.tokens import Tokens
from streams.metrics import TrainerMetrics, WorkerMetrics
from tests.support.alarms import an_alarm
from tests.support.hashes import HASHES
from tests.support.list_maker import ENTRY
from tests.support.paths import ROOT
from vigia.cli import COMMANDS
from vigia.lab.local_kafka import free_port
from vigia.readmodel.redis_address import RedisAddress
from vigia.readmodel.redis_board import Board
from vigia.runtime import health
from vigia.runtime.broker import Broker

DEPLOY = ROOT / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
RULES = DEPLOY / "prometheus" / "rules" / "vigia.yml"
MEND = "is not on the PATH: apt install prometheus"
NOW = Instant(1_704_067_200_000_000)
SUFFIXES = ("", "_total", "_bucket", "_count", "_sum")


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


class Quiet:
    """A channel that takes everything."""

    async def send(self, notification: Notification) -> None:
        pass

    async def close(self) -> None:
        pass


def alarm(**changed: Any) -> Alarm:
    """An alarm that is worth something."""
    return an_alarm(NOW, value_at_risk_minor=5000, currency="EUR", **changed)


class Running:
    """As much of Vigía as tells figures: a worker's, a notifier's, a trainer's and a gateway's, all doing a little of everything."""

    def __init__(self) -> None:
        self.worker, self.notifier = WorkerMetrics(), NotifierMetrics()
        self.trainer = TrainerMetrics()
        self.gateway = Gateway(Intake(Broker("127.0.0.1:1"), 0.05), Tokens([]))
        Board(RedisAddress("redis://127.0.0.1:1"), Broker(), HASHES, self.gateway.registry)
        channels: dict[str, Channel] = self.notifier.counted({"desk": Quiet()})
        routes = read('[channel.desk]\ntype = "log"\n[[route]]\nname = "all"\nto = ["desk"]\n')
        self.dispatcher = Dispatcher(routes, channels, Memory(), hashes=HASHES)
        self.notifier.queues(self.dispatcher.queues)
        self.worker.customers(0, {("core_customer", "gold"): 3})
        self.worker.quality(
            0,
            {
                "answer:gone-quiet": {0: 1, 1: 2},
                "trial:": {1: 2, 3: 1},
                "left": {0: 3, 1: 1},
                "lead": {20: 3},
            },
        )
        self.worker.worklist(DayList(19_849, ENTRY.date, int(ENTRY.at) + 1_000_000, False, (ENTRY,), 0, 0))
        self.worker.lag("purchases", 0, 4)
        self.worker.clock(0, NOW)
        self.notifier.lag("alarms", 0, 1)
        self.notifier.incident("a1", Incident(alarm=alarm(), raised_at=NOW, true_since=NOW))
        self.turn = 0

    @property
    def registries(self) -> tuple[CollectorRegistry, ...]:
        """All that are scraped."""
        return self.worker.registry, self.notifier.registry, self.gateway.registry, self.trainer.registry

    async def work(self) -> None:
        """A little of everything."""
        self.turn += 1
        self.worker.event("purchases", "purchase.completed", "folded")
        self.worker.alarm(alarm())
        self.worker.rejected("bad_time")
        self.worker.step(0.0002)
        self.worker.commit(0.02)
        one = alarm(alarm_id=f"t{self.turn}")
        self.notifier.decided(await self.dispatcher.take(one, NOW))
        await self.dispatcher.deliver("desk", NOW)
        self.gateway._ack.observe(0.01)
        self.gateway._answers.labels("202").inc()
        self.gateway._rejects.labels("not_json").inc()


def names_in_code() -> set[str]:
    """Every name that a scrape can bring."""
    families = {family.name for registry in Running().registries for family in registry.collect()}
    return {family + suffix for family in families for suffix in SUFFIXES}


def names_in(text: str) -> set[str]:
    """The metrics that a query names."""
    return set(re.findall(r"(?<![:\w])vigia_\w+", re.sub(r'"[^"]*"', "", text)))


def test_every_metric_that_is_shown_exists() -> None:
    """Dashboards and rules name no metric that the code does not tell."""
    known = names_in_code()
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


def generator() -> Any:
    """The script that draws the dashboards."""
    found = importlib.util.spec_from_file_location("generate", DEPLOY / "grafana" / "generate.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_dashboard_is_what_the_script_draws() -> None:
    """Nobody has edited the JSON by hand."""
    (path,) = DASHBOARDS
    assert path.read_text(encoding="utf-8") == generator().text(), "run python deploy/grafana/generate.py"


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_fits_everywhere(path: Path) -> None:
    """Whatever the data source and the jobs are called: no fixed source, each panel with words, unit and place."""
    board = json.loads(path.read_text())
    assert (board["schemaVersion"], board.get("id"), bool(board["uid"]), bool(board["tags"])) == (41, None, True, True)
    assert [one["name"] for one in board["templating"]["list"]] == ["datasource", "job", "instance"]
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
            assert re.findall(r"rate\([^[]*\[([^]]+)\]", target["expr"]) == ["$__rate_interval"] * target["expr"].count(
                " (rate("
            )


def test_every_alert_says_what_to_do() -> None:
    """Each alert has its words, and its section in docs/operations.md."""
    text = (ROOT / "docs" / "operations.md").read_text()
    heads = {head.lower() for head in re.findall(r"^## (.+)$", text, flags=re.MULTILINE)}
    alerts = [
        rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"] if "alert" in rule
    ]
    assert len(alerts) > 5
    for rule in alerts:
        assert rule["labels"]["severity"] in ("critical", "error", "warning", "info")
        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
        assert rule["annotations"]["runbook_url"] == f"docs/operations.md#{rule['alert'].lower()}"
        assert rule["alert"].lower() in heads


def test_the_rules_do_what_they_say() -> None:
    """Prometheus' own tests of the rules: when each alert is told, and when not."""
    needs("promtool")
    done = subprocess.run(
        ["promtool", "test", "rules", DEPLOY / "prometheus" / "tests" / "vigia.yml"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration_of_prometheus_is_one() -> None:
    """Prometheus' own check of the scrape configuration and of what it names."""
    needs("promtool")
    config = DEPLOY / "prometheus" / "prometheus.yml"
    done = subprocess.run(["promtool", "check", "config", config], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_composition_fits_together() -> None:
    """Files that are mounted exist, what is scraped is a service on its port, and each process is a command."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for name, service in services.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert not source.startswith(".") or (ROOT / source).exists(), f"{name}: {volume}"
        for other in service.get("depends_on", {}):
            assert other in services, name
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    for target in [target for job in scraped for config in job["static_configs"] for target in config["targets"]]:
        host, _, port = target.partition(":")
        command = services[host]["command"]
        assert port in command or port in (DEPLOY / "Dockerfile").read_text(), target
    known = {name.partition(" ")[0] for name in COMMANDS}
    ours = {
        name: service["command"][0]
        for name, service in services.items()
        if "command" in service and service.get("image") == "vigia"
    }
    assert len(ours) > 3
    assert set(ours.values()) <= known


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
    known = {"$__rate_interval": "5s", "$job": ".*", "$instance": ".*"}
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
    running, port = Running(), free_port()
    app = web.Application()
    for n, registry in enumerate(running.registries):
        part = web.Application()
        part.add_routes(health.routes(registry))
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
            finally:
                process.terminate()

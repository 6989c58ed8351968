"""The rules of Prometheus and the routes of Alertmanager, held against their own tools, the code and the runbooks."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.paths import ROOT

PROMETHEUS = ROOT / "deploy" / "prometheus"
ALERTMANAGER = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
RUNBOOKS = ROOT / "docs" / "runbooks"
ADDRESS = "{{ $externalLabels.runbooks }}"
TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))


def run(*command: str | Path) -> str:
    """What a program says; it ends well. Where it is missing the test is skipped by name; in the CI promtool may not be missing."""
    if shutil.which(str(command[0])) is None:
        why = f"{command[0]} is not on the PATH: apt install prometheus prometheus-alertmanager"
        if os.environ.get("CI") and command[0] == "promtool":
            pytest.fail(why)
        pytest.skip(why)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rules() -> list[dict[str, Any]]:
    """Every rule."""
    files = [yaml.safe_load(path.read_text()) for path in sorted((PROMETHEUS / "rules").glob("*.yml"))]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def alerts() -> dict[str, list[dict[str, Any]]]:
    """The rules of each alert, by its name."""
    found: dict[str, list[dict[str, Any]]] = {}
    for rule in rules():
        if "alert" in rule:
            found.setdefault(rule["alert"], []).append(rule)
    return found


def expected(tests: Path) -> Iterator[tuple[str, bool]]:
    """The alerts that a file of tests names, and whether it expects them to be told."""
    for test in yaml.safe_load(tests.read_text())["tests"]:
        for one in test.get("alert_rule_test", ()):
            yield one["alertname"], bool(one.get("exp_alerts"))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_the_rules_do_what_they_say(path: Path) -> None:
    """Prometheus' own tests of the rules: faults, quiet nights, restarts, and series that are not there."""
    run("promtool", "test", "rules", path)


def test_the_configuration_of_prometheus_is_one() -> None:
    """Prometheus' own check of the scrape configuration and of the rules that it names."""
    assert f"{len(rules())} rules found" in run("promtool", "check", "config", PROMETHEUS / "prometheus.yml")


def test_every_alert_is_told_in_a_test() -> None:
    """Each alert fires in some test of promtool; and a test names no alert that does not exist."""
    named = list(chain.from_iterable(map(expected, TESTS)))
    assert {name for name, _ in named} <= alerts().keys()
    assert {name for name, is_told in named if is_told} == alerts().keys()


def test_every_alert_has_its_runbook() -> None:
    """Its address is the one setting and its name; each page belongs to an alert, and the table lists them with their severity."""
    pages = {path.stem: path.read_text() for path in RUNBOOKS.glob("Vigia*.md")}
    assert pages.keys() == alerts().keys()
    table = re.findall(
        r"^\| \[(\w+)\]\((\w+)\.md\) \| ([\w, ]+) \|", (RUNBOOKS / "README.md").read_text(), re.MULTILINE
    )
    assert {name for name, _, _ in table} == pages.keys()
    listed = {name: severities.split(", ") for name, page, severities in table if name == page}
    for name, found in alerts().items():
        assert listed[name] == [rule["labels"]["severity"] for rule in found], name
        assert pages[name].startswith(f"# {name}\n\nSeverity: {' or '.join(listed[name])}."), name
        assert "\n**Lost:** " in pages[name], name
        assert re.search(r"^1\. ", pages[name], re.MULTILINE), name
        for rule in found:
            assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
            assert rule["annotations"]["runbook_url"] == f"{ADDRESS}/{name}"


def test_the_address_of_the_runbooks_is_set_once() -> None:
    """In an external label, which is no label of the alerts that are sent."""
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    assert config["global"]["external_labels"]["runbooks"].startswith("https://")
    assert config["alerting"]["alert_relabel_configs"] == [{"action": "labeldrop", "regex": "runbooks"}]


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (["severity=critical", "alertname=VigiaDown", "job=vigia-worker"], "on-call"),
        (["severity=error", "alertname=VigiaWorklistOld"], "on-call"),
        (["severity=warning", "alertname=VigiaTooLate"], "office"),
        (["severity=info", "alertname=Other"], "nobody"),
    ],
    ids=lambda given: given if isinstance(given, str) else given[0],
)
def test_alerts_go_to_whom_they_concern(labels: list[str], receiver: str) -> None:
    """By Alertmanager's own reading of the routes."""
    assert run("amtool", "config", "routes", "test", f"--config.file={ALERTMANAGER}", *labels).strip() == receiver


def test_the_routes_of_alertmanager_can_be_read() -> None:
    """And each severity of the rules has a route of its own; warnings alone wait for the morning."""
    run("amtool", "check-config", ALERTMANAGER)
    routes = yaml.safe_load(ALERTMANAGER.read_text())["route"]["routes"]
    known = {severity: route for route in routes for severity in re.findall(r"severity = (\w+)", *route["matchers"])}
    assert known.keys() == {rule["labels"]["severity"] for found in alerts().values() for rule in found}
    assert [severity for severity, route in known.items() if "mute_time_intervals" in route] == ["warning"]


def test_what_inhibits_and_is_inhibited_exists() -> None:
    """The names in the inhibitions of Alertmanager are alerts."""
    text = ALERTMANAGER.read_text()
    assert set(re.findall(r"\bVigia[A-Z]\w+", text)) <= alerts().keys()

"""The manifests: what the API's published schemas allow, and commands, ports, rights and files that exist."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import typer
import yaml

from alerts.pipeline import routes
from scorers.policy.reading import parse_policy
from tests.release.built import version
from vigia.cli import app
from vigia.console import config
from vigia.runtime.rights.acls import acls
from vigia.runtime.rights.table import PROCESSES
from vigia.runtime.settings import read
from vigia.runtime.topics import TOPICS

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
SHOP = KUBERNETES / "overlays" / "shop"
VERSIONS = ("1.31", "1.37")  # the oldest and the newest that were looked at
FOREIGN = {"KafkaTopic", "KafkaUser", "ScaledObject", "PodMonitor", "Kustomization"}  # of operators and tools
PORTS = {"worker": 9101, "notifier": 9102, "trainer": 9103, "clock": 9104, "gateway": 9105, "console": 9106}


def documents(folder: Path = KUBERNETES) -> Iterator[dict[str, Any]]:
    """Every manifest."""
    for path in sorted(folder.rglob("*.yaml")):
        yield from yaml.safe_load_all(path.read_text())


def containers(kind: str = "containers") -> Iterator[dict[str, Any]]:
    """Every container of the processes."""
    for one in documents(KUBERNETES / "base"):
        if one["kind"] in ("Deployment", "StatefulSet", "Job"):
            yield from one["spec"]["template"]["spec"].get(kind, ())


def generator() -> Any:
    """The script that writes the manifests, as a module."""
    found = importlib.util.spec_from_file_location("generate_kubernetes", KUBERNETES / "generate.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_nobody_edits_what_is_generated() -> None:
    """And no file is left over from an earlier table."""
    written = dict(generator().files())
    for path, text in written.items():
        assert path.read_text(encoding="utf-8") == text, "run python deploy/kubernetes/generate.py"
    assert {path for folder in ("base", "strimzi") for path in (KUBERNETES / folder).iterdir()} == set(written)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_api_knows_every_field(version: str) -> None:
    """By its schemas, in which a field that is unknown is an error."""
    seen = 0
    for one in documents():
        if one["kind"] not in FOREIGN:
            kubernetes_validate.validate(one, version, strict=True)
            seen += 1
    assert seen > 20
    broken = next(one for one in documents(KUBERNETES / "base") if one["kind"] == "StatefulSet")
    broken["spec"]["replica"] = 3
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(broken, version, strict=True)


def test_every_command_and_option_exists() -> None:
    """Of the processes, of what goes before them, and of the unit of systemd."""
    unit = (DEPLOY / "systemd" / "vigia.service").read_text()
    (started,) = re.findall(r"^ExecStart=\S+/vigia (.*)$", unit, re.MULTILINE)
    commands = [one["args"] for kind in ("containers", "initContainers") for one in containers(kind)]
    assert len(commands) == len(PORTS) + 2
    for args in [*commands, started.split()]:
        command: Any = typer.main.get_command(app)
        while args and args[0] in getattr(command, "commands", ()):
            command, args = command.commands[args[0]], args[1:]
        known = {name for option in command.params for name in option.opts}
        assert {arg for arg in args if arg.startswith("--")} <= known, command.name


def test_ports_and_probes_are_those_of_the_contract() -> None:
    """Each process serves its metrics and probes where the docs say."""
    for one in containers():
        if one["name"] != "topics":
            ports = {port["name"]: port["containerPort"] for port in one["ports"]}
            assert ports["metrics"] == PORTS[one["name"]]
            assert str(ports["metrics"]) in one["args"]
            assert one["startupProbe"]["httpGet"] == {"path": "/healthz", "port": "metrics"}


def test_no_container_may_do_more_than_run() -> None:
    """No root, no right of the kernel, no file system to write to; a stop has the time of a drain."""
    for one in documents(KUBERNETES / "base"):
        if one["kind"] in ("Deployment", "StatefulSet", "Job"):
            spec = one["spec"]["template"]["spec"]
            assert spec["securityContext"]["runAsNonRoot"]
            assert spec["automountServiceAccountToken"] is False
            if one["kind"] != "Job":
                assert spec["terminationGracePeriodSeconds"] > read({}).drain
    for container in [*containers(), *containers("initContainers")]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_the_variables_are_settings() -> None:
    """What the ConfigMap names, a process reads."""
    named = set(re.findall(r"VIGIA_[A-Z_]+", (DEPLOY.parent / "docs" / "settings.md").read_text()))
    named |= set(re.findall(r"VIGIA_[A-Z_]+", (DEPLOY.parent / "docs" / "operations.md").read_text()))
    (settings,) = [one for one in documents(KUBERNETES / "base") if one["kind"] == "ConfigMap"]
    overlay = yaml.safe_load((SHOP / "kustomization.yaml").read_text())
    literals = [one.partition("=")[0] for one in overlay["configMapGenerator"][0]["literals"]]
    assert {*settings["data"], *literals} <= named


def test_the_files_of_the_overlay_can_be_read() -> None:
    """By those who read them in the pods."""
    assert parse_policy((SHOP / "policy.toml").read_text()).time.zone == "Europe/Madrid"
    assert routes.load(SHOP / "routes.toml").channels
    assert config.read(SHOP / "console.toml").is_encrypted


def test_users_of_kafka_have_the_rights_of_the_table() -> None:
    """And topics their settings."""
    users = {one["metadata"]["name"]: one for one in documents(KUBERNETES / "strimzi") if one["kind"] == "KafkaUser"}
    for who, rights in PROCESSES.items():
        granted = {
            (rule["resource"]["type"], rule["resource"].get("name", "kafka-cluster"), operation)
            for rule in users[f"vigia-{who}"]["spec"]["authorization"]["acls"]
            for operation in rule["operations"]
        }
        assert granted == set(acls(rights))
    topics = {one["metadata"]["name"]: one for one in documents(KUBERNETES / "strimzi") if one["kind"] == "KafkaTopic"}
    assert set(topics) == {topic.name for topic in TOPICS}
    for topic in TOPICS:
        assert topic.settings().items() <= topics[topic.name]["spec"]["config"].items()


@pytest.mark.parametrize("overlay", ["shop", "production"])
def test_overlays_are_built(overlay: str) -> None:
    """By kubectl, which names a file that is missing, a patch without a target, and a name that stands twice."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not on the PATH")
    built = subprocess.run(
        ["kubectl", "kustomize", str(KUBERNETES / "overlays" / overlay)], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    found = list(yaml.safe_load_all(built.stdout))
    images = re.findall(r"image: (\S+)", built.stdout)
    assert set(images) == {f"registry.example.com/vigia:{version()}"}
    assert {one["metadata"].get("namespace") for one in found if one["kind"] == "StatefulSet"} == {"vigia"}


def test_systemd_knows_the_unit(tmp_path: Path) -> None:
    """Where systemd is at hand; the program stands in for ours, which is not installed there."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not on the PATH")
    unit = tmp_path / "vigia.service"
    unit.write_text((DEPLOY / "systemd" / "vigia.service").read_text().replace("/opt/vigia/bin/vigia", "/bin/true"))
    checked = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "Unknown" not in checked.stderr

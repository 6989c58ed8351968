"""What a build is made of: exact tags, hashes, confined containers, and the tools that list, audit and pin it."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from streams.gateway.settings import read as read_gateway
from streams.gateway.settings import text_of
from streams.gateway.tokens import Tokens
from streams.records.signing import keyring
from vigia.console.config import PROCESSES
from vigia.console.config import read as read_console
from vigia.lab.local_kafka import JARS, SETTINGS, changed_jars
from vigia.runtime.privacy.keyed_hash import keyed_hash
from vigia.runtime.settings import read

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
LOCKS = [*sorted(ROOT.glob("requirements*.lock")), ROOT / "tests/bench/requirements-quix.txt"]
PUBLIC = {"VIGIA_ADDRESS"}  # what may have a default
DIGEST = "sha256:" + "0123456789abcdef" * 4


def script(name: str) -> ModuleType:
    """A script of deploy/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "deploy" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def executable(path: Path, body: str) -> Path:
    """A program that does what a line of shell says."""
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def images() -> list[str]:
    """Every image that is not built here."""
    docker = re.findall(r"^FROM (\S+)", (ROOT / "deploy/Dockerfile").read_text(), flags=re.MULTILINE)
    return [*docker, *(service["image"] for service in COMPOSE.values() if "build" not in service)]


def test_images_have_exact_tags() -> None:
    """A tag names a release with three numbers: what `redis:8` is changes under the same name."""
    assert len(images()) >= 7
    assert [
        image for image in images() if not re.search(r":v?\d+\.\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?$", image)
    ] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_package_of_a_lock_has_its_hashes(lock: Path) -> None:
    """And an exact version."""
    entries = [one for one in re.split(r"\n(?=\S)", lock.read_text()) if not one.startswith("#")]
    assert len(entries) > 10
    assert [one.split()[0] for one in entries if "==" not in one or "--hash=sha256:" not in one] == []


@pytest.mark.parametrize("name", ["Makefile", "deploy/Dockerfile", ".ci/run"])
def test_nothing_is_installed_without_a_hash(name: str) -> None:
    """pip installs from locks, or this project itself without dependencies and without fetching what builds it."""
    lines = [line for line in (ROOT / name).read_text().splitlines() if re.search(r"(pip\b.*|PIP\)) install\b", line)]
    ours = ("--no-deps --no-build-isolation --editable .", "--no-deps --no-build-isolation .")
    assert [line for line in lines if "--require-hashes" not in line and not line.strip().endswith(ours)] == []


def test_no_secret_has_a_default_value() -> None:
    """What is secret comes from a file or from the operator; nothing that everybody can read here opens anything."""
    settings = [(name, str(value)) for one in COMPOSE.values() for name, value in one.get("environment", {}).items()]
    of_secrets = [(name, value) for name, value in settings if re.search(r"SEAL|KEY|PASSWORD|TOKEN|SECRET", name)]
    assert len(of_secrets) > 10
    wrong = [
        name
        for name, value in of_secrets
        if not (value.startswith("/var/lib/vigia/secrets/") and name.endswith("_FILE"))
        and not re.fullmatch(r"\$\{\w+:-\}", value)
    ]
    assert wrong == []
    assert {name for name, value in settings if re.search(r"\$\{\w+:-[^}]+\}", value)} == PUBLIC


def test_secrets_are_generated_once(tmp_path: Path) -> None:
    """The processes can use them, a second start changes none, the environment replaces one, and two folders share none."""
    make = script("make_secrets").make
    here, there = tmp_path / "here", tmp_path / "there"
    make(here, {})
    make(there, {"VIGIA_SEAL": ""})
    first = {path.name: path.read_text() for path in here.iterdir()}
    assert first.keys() == {"seal", "privacy.key", "link", "owner", "grafana", "token", "gateway.toml"}
    assert not {path.read_text() for path in there.iterdir()} & set(first.values())
    others = {path.name for path in here.iterdir() if path.stat().st_mode & 0o077}
    assert others == {"grafana"}
    make(here, {"GRAFANA_PASSWORD": "of the operator"})
    assert {path.name: path.read_text() for path in here.iterdir()} == {**first, "grafana": "of the operator\n"}

    given = {
        f"VIGIA_{name}_FILE": str(here / file) for name, file in (("SEAL", "seal"), ("PRIVACY_KEY", "privacy.key"))
    }
    settings = read(given)
    keyring(settings.seal, settings.seal_trust).require("trainer")
    assert keyed_hash(settings.privacy_key, tmp_path).of("C1")
    tokens = Tokens(read_gateway(text_of(here / "gateway.toml"), "gateway.toml").tokens())
    assert getattr(tokens.find(f"Bearer {first['token'].strip()}"), "name", "") == "compose"


def test_the_console_is_told_its_address(tmp_path: Path) -> None:
    """With the address in the environment, at each start; the proxy alone is believed."""
    make = script("make_secrets").make
    for address in ("localhost", "vigia.example.com"):
        make(tmp_path, {"VIGIA_ADDRESS": address, "VIGIA_PROXY": "172.31.71.2"})
        config = read_console(tmp_path / "console.toml")
        assert (config.public_url, config.proxy, config.is_encrypted) == (f"https://{address}", ("172.31.71.2",), True)
    assert set(config.processes) == set(PROCESSES)


def test_a_policy_says_how_to_report_and_what_is_supported() -> None:
    """The three headings that people look for."""
    heads = re.findall(r"^## (.+)$", (ROOT / "SECURITY.md").read_text(), flags=re.MULTILINE)
    assert heads[:3] == ["Reporting a weakness", "Supported versions", "What is in scope"]


def test_jars_are_compared_with_their_digests(tmp_path: Path) -> None:
    """A jar that is changed, missing or not listed is named."""
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    for name in ("same.jar", "changed.jar", "foreign.jar"):
        (tmp_path / name).write_bytes(b"other" if name == "changed.jar" else b"")
    listed = "".join(f"{empty}  {name}\n" for name in ("same.jar", "changed.jar", "missing.jar"))
    assert changed_jars(tmp_path, listed) == ["changed.jar", "foreign.jar", "missing.jar"]


@pytest.mark.skipif(not (JARS / "complete").exists(), reason="no jars were fetched here")
def test_the_jars_that_tests_run_are_those_that_are_listed() -> None:
    """The list is that of the versions in deploy/kafka/pom.xml."""
    assert changed_jars(JARS, (SETTINGS / "jars.sha256").read_text()) == []


AUDITS = {
    "none": (
        """echo '{"dependencies": [{"name": "a", "version": "1", "vulns": []}]}'""",
        0,
        "no known vulnerability in 1",
    ),
    "some": (
        """echo '{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2"]}]}]}'; exit 1""",
        1,
        "a 1: X-1, fixed in 2",
    ),
    "no answer": (
        "echo 'ERROR: cannot connect' >&2; exit 1",
        3,
        "NOT AUDITED, because no vulnerability service answers",
    ),
    "skipped": (
        """echo '{"dependencies": [{"name": "a", "version": "1", "skip_reason": "gone"}]}'""",
        3,
        "NOT AUDITED are 1 of 1 packages",
    ),
}


@pytest.mark.parametrize("case", AUDITS)
def test_an_audit_without_an_answer_has_its_own_status(tmp_path: Path, case: str) -> None:
    """Nobody takes a service that is away for packages without a fault, nor for packages with one."""
    body, status, said = AUDITS[case]
    program = executable(tmp_path / "pip-audit", body)
    found, lines = script("audit").audit("requirements.lock", str(program))
    assert found == status
    assert any(said in line for line in lines)


def pinned(tmp_path: Path, docker: str) -> tuple[subprocess.CompletedProcess[str], str, str]:
    """Run the script over copies of the real files with a docker of our own; what it said, and the files."""
    compose, dockerfile = tmp_path / "docker-compose.yml", tmp_path / "Dockerfile"
    shutil.copy(ROOT / "docker-compose.yml", compose)
    shutil.copy(ROOT / "deploy/Dockerfile", dockerfile)
    executable(tmp_path / "docker", docker)
    done = subprocess.run(
        [sys.executable, str(ROOT / "deploy/pin_images.py"), str(compose), str(dockerfile)],
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    return done, compose.read_text(), dockerfile.read_text()


def test_digests_are_written_beside_tags(tmp_path: Path) -> None:
    """Each image that is not built here gets the digest of its tag, and nothing else changes."""
    done, compose, dockerfile = pinned(tmp_path, f"echo {DIGEST}")
    assert done.returncode == 0, done.stderr
    services = yaml.safe_load(compose)["services"]
    assert all(one["image"].endswith(f"@{DIGEST}") for one in services.values() if "build" not in one)
    assert all(one["image"] == "vigia" for one in services.values() if "build" in one)
    assert dockerfile.count(f"@{DIGEST}") == 2
    before = re.sub(r"@sha256:[0-9a-f]{64}", "", (ROOT / "docker-compose.yml").read_text())
    assert compose.replace(f"@{DIGEST}", "") == before


@pytest.mark.parametrize("docker", ["echo 'no route to host' >&2; exit 1", "echo nonsense"])
def test_without_a_registry_no_digest_is_written(tmp_path: Path, docker: str) -> None:
    """The status is 3, and the files are as they were."""
    done, compose, dockerfile = pinned(tmp_path, docker)
    assert (done.returncode, "nothing was written" in done.stderr) == (3, True)
    assert compose == (ROOT / "docker-compose.yml").read_text()
    assert dockerfile == (ROOT / "deploy/Dockerfile").read_text()

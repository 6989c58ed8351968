"""What a release builds: the same bytes each time, with all that the commands need, and nothing else."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

from scorers.contract.events import DAY
from tests.release.built import PACKAGES, ROOT, Built, build, tracked, version
from tests.support.desk import MAY
from tests.support.driver import record


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(tmp_path_factory.mktemp("first"), 1_500_000_000)


def test_two_builds_have_the_same_bytes(built: Built, tmp_path: Path) -> None:
    """Built in another folder, from files of another date."""
    again = build(tmp_path, 1_700_000_000)
    assert again.wheel.name == built.wheel.name
    assert again.wheel.read_bytes() == built.wheel.read_bytes()
    assert again.sdist.read_bytes() == built.sdist.read_bytes()


def test_a_release_has_one_version(built: Built) -> None:
    """The package, the newest entry of the changelog, and the image that Kubernetes is told to start."""
    (image,) = yaml.safe_load(
        (ROOT / "deploy" / "kubernetes" / "overlays" / "shop" / "kustomization.yaml").read_text()
    )["images"]
    newest = re.findall(r"^## \[(\d\S+)\] - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0]
    assert {version(), newest, image["newTag"], built.wheel.name.split("-")[1]} == {version()}


def test_the_wheel_has_every_file_of_the_packages(built: Built) -> None:
    names = {name for name in zipfile.ZipFile(built.wheel).namelist() if ".dist-info/" not in name}
    assert names == {*tracked(*PACKAGES), "vigia/defaults/policy.toml", "vigia/defaults/routes.toml"}


def test_the_sdist_builds_the_same_wheel(built: Built, tmp_path: Path) -> None:
    with tarfile.open(built.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "out")],
        cwd=source,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (wheel,) = (tmp_path / "out").iterdir()
    assert wheel.read_bytes() == built.wheel.read_bytes()


def test_the_wheel_works_outside_the_checkout(built: Built, tmp_path: Path) -> None:
    """Help and a replay, from the files of the wheel alone."""
    site = tmp_path / "site"
    zipfile.ZipFile(built.wheel).extractall(site)
    environment = os.environ | {"PYTHONPATH": str(site)}

    def vigia(*words: str) -> str:
        command = [sys.executable, "-P", "-m", "vigia", *words]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True, timeout=120
        )
        return done.stdout

    where = [sys.executable, "-P", "-c", "import vigia, scorers; print(vigia.__path__[0], scorers.__path__[0])"]
    found = subprocess.run(where, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True).stdout
    assert found.split() == [str(site / "vigia"), str(site / "scorers")]
    assert "partitions" in vigia("--help")
    assert "[silence]" in vigia("policy", "show")
    events = tmp_path / "events.jsonl"
    lines = [record("purchase.completed", MAY + n * 7 * DAY, "ana", amount_minor=900, currency="EUR") for n in range(9)]
    events.write_bytes(b"\n".join(lines) + b"\n")
    vigia("replay", str(events), "--out", "out", "--until", "2025-01-01T00:00:00Z")
    assert b"gone-quiet" in (tmp_path / "out" / "alarms.jsonl").read_bytes()

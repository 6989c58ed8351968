"""The built wheel in an environment of its own, outside the checkout, as `pipx install` makes one: the demo runs from it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.release.built import ROOT, build

pytestmark = pytest.mark.faults


def test_the_demo_runs_from_the_wheel(tmp_path: Path) -> None:
    """All packages come by their hashes from the lock of the demo, Vigía from its wheel."""
    wheel = build(tmp_path / "build", 1_500_000_000).wheel
    home, python = tmp_path / "home", tmp_path / "home" / "bin" / "python"
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}

    def run(*words: str, within: float) -> str:
        done = subprocess.run(words, cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=within)
        assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    run(sys.executable, "-m", "venv", str(home), within=120)
    pip = (str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install")
    run(*pip, "--require-hashes", "--requirement", str(ROOT / "requirements-demo.lock"), within=900)
    run(*pip, "--no-deps", "--no-index", str(wheel), within=120)
    where = run(str(python), "-c", "import vigia; print(vigia.__file__)", within=60)
    assert str(home) in where
    said = run(str(home / "bin" / "vigia"), "demo", "--customers", "40", "--days", "60", within=600)
    assert "alarm" in said

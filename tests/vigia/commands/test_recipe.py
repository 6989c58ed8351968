"""The recipe "A new command" of CONTRIBUTING.md, followed in a copy of the checkout."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from tests.support.paths import ROOT

COPIED = ("vigia", "tests/support", "tests/vigia/commands/test_cli.py", "README.md", "pyproject.toml")
LINKED = ("scorers", "streams", "alerts", "deploy")
README_TEST = "tests/vigia/commands/test_cli.py::test_every_command_has_help_and_stands_in_the_readme"


def recipe() -> tuple[str, str, str]:
    """The file, the line and the row that CONTRIBUTING.md shows."""
    section = (ROOT / "CONTRIBUTING.md").read_text().split("## A new command\n")[1].split("\n## ")[0]
    file, line, row = re.findall(r"^   ```\w+\n(.*?)^   ```$", section, flags=re.MULTILINE | re.DOTALL)
    return dedent(file), dedent(line), dedent(row)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the checkout with the command's file, and its line in cli.py, but without its row."""
    for name in COPIED:
        here, there = ROOT / name, tmp_path / name
        there.parent.mkdir(parents=True, exist_ok=True)
        if here.is_dir():
            shutil.copytree(here, there, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(here, there)
    for name in LINKED:
        (tmp_path / name).symlink_to(ROOT / name)
    file, line, _ = recipe()
    (tmp_path / "vigia/commands/files/count.py").write_text(file)
    after_the_first_line(tmp_path / "vigia/cli.py", "COMMANDS = {\n", f"    {line}")
    return tmp_path


def after_the_first_line(path: Path, before: str, text: str) -> None:
    """Put text behind the only place where `before` is found."""
    head, found, tail = path.read_text().partition(before)
    assert found
    path.write_text(head + found + text + tail)


def run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the copy."""
    env = {**os.environ, "PYTHONPATH": str(checkout), "COLUMNS": "100"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=checkout, env=env, capture_output=True, text=True, check=False)


def test_a_command_is_one_file_one_line_and_one_row(checkout: Path) -> None:
    """With file and line the command works; the test of the README fails until the row is there."""
    shown = run(checkout, "-m", "vigia", "count", "--help")
    assert shown.returncode == 0, shown.stderr
    assert "Count the lines of files of events." in shown.stdout
    (checkout / "shop.jsonl").write_text("{}\n{}\n")
    assert run(checkout, "-m", "vigia", "count", "shop.jsonl").stdout == "2\n"

    def test() -> subprocess.CompletedProcess[str]:
        return run(checkout, "-m", "pytest", "-q", "-p", "no:cacheprovider", README_TEST)

    without = test()
    assert without.returncode == 1
    assert "'count'" in without.stdout
    after_the_first_line(checkout / "README.md", "| command | does |\n|---|---|\n", recipe()[2])
    with_row = test()
    assert with_row.returncode == 0, with_row.stdout

"""The recipe "A new channel" of CONTRIBUTING.md, followed step by step in a copy of the source."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

from tests.support.paths import ROOT


def run(copy: Path, *arguments: str) -> str:
    """What `python` with these arguments prints in the copy."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_recipe_makes_a_channel(tmp_path: Path) -> None:
    """One file and one line: routes take the channel, `vigia channels` lists and tests it, the shared checks run on it."""
    for name in ("alerts", "scorers", "streams", "vigia", "tests", "deploy", "docs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    text = (ROOT / "CONTRIBUTING.md").read_text()
    recipe = re.split(r"^## ", text.split("## A new channel\n")[1], flags=re.MULTILINE)[0]
    file, line = map(dedent, re.findall(r"^   ```\w+\n(.*?)^   ```$", recipe, flags=re.MULTILINE | re.DOTALL))

    (tmp_path / "alerts" / "channels" / "file.py").write_text(file)
    catalogue = tmp_path / "alerts" / "channels" / "catalogue.py"
    catalogue.write_text(catalogue.read_text().replace("NAMES = (\n", f"NAMES = (\n    {line}"))
    operations = tmp_path / "docs" / "operations.md"
    table = run(tmp_path, "-m", "alerts.channels.catalogue")
    old = run(ROOT, "-m", "alerts.channels.catalogue")
    operations.write_text(operations.read_text().replace(old, table))

    routes = tmp_path / "routes.toml"
    routes.write_text('[channel.desk]\ntype = "file"\npath = "sent.txt"\n[[route]]\nname = "all"\nto = ["desk"]\n')
    assert run(tmp_path, "-m", "vigia", "channels", "list", "--routes", str(routes)).split()[:3] == [
        *("desk", "file", "sent.txt")
    ]
    run(tmp_path, "-m", "vigia", "channels", "test", "--routes", str(routes))
    assert (tmp_path / "sent.txt").read_text() == "Test of Vigía: this channel works\n"
    checks = run(
        tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/alerts/channels/test_every_channel.py"
    )
    names = run(tmp_path, "-m", "pytest", "-q", "--collect-only", "tests/alerts/channels/test_every_channel.py")
    assert names.count("[file]") == 6
    assert "failed" not in checks

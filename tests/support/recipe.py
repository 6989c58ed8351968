"""Follows a recipe of docs/recipes in a copy of the source, so that no recipe can say what does not work.

A block of code is a whole file after "Write `path`:", and lines to insert after "above `line` in `path`:" or "below `line` in
`path`:". Other blocks are only read.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tests.support.paths import ROOT

PLACE = re.compile(r"(?:[Ww]rite|(?P<where>[Aa]bove|[Bb]elow)\s+`(?P<line>[^`]+)`\s+in)\s+`(?P<path>[^`]+)`")
BLOCK = re.compile(r"^   ```\w+\n(.*?)^   ```$", flags=re.MULTILINE | re.DOTALL)


class Edit(NamedTuple):
    """A file to write where `line` is empty, else lines to insert above or below the line that is so."""

    path: str
    line: str
    where: str
    text: str


def section(title: str) -> str:
    """The text of one recipe."""
    texts = [path.read_text() for path in (ROOT / "docs" / "recipes").glob("*.md")]
    (found,) = [text for text in texts if text.startswith(f"# {title}\n")]
    return found


def edits(title: str) -> list[Edit]:
    """What a recipe writes and inserts, in its order."""
    found, text, end = [], section(title), 0
    for block in BLOCK.finditer(text):
        places = list(PLACE.finditer(text, end, block.start()))
        end = block.end()
        if places:
            place, body = places[-1], re.sub(r"^   ", "", block[1], flags=re.MULTILINE)
            found.append(Edit(place["path"], place["line"] or "", (place["where"] or "").lower(), body))
    return found


class Checkout:
    """A copy of the source in which a recipe is followed."""

    def __init__(self, root: Path, copied: Iterable[str], linked: Iterable[str] = ()) -> None:
        self.root = root
        for name in copied:
            here, there = ROOT / name, root / name
            there.parent.mkdir(parents=True, exist_ok=True)
            if here.is_dir():
                shutil.copytree(here, there, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(here, there)
        for name in linked:
            (root / name).symlink_to(ROOT / name)

    def apply(self, edit: Edit) -> None:
        """Make one edit; what it relies on must be there, once."""
        path = self.root / edit.path
        if not edit.line:
            assert not path.exists(), edit.path
            path.write_text(edit.text)
            return
        lines = path.read_text().splitlines(keepends=True)
        places = [n for n, line in enumerate(lines) if line.strip() == edit.line]
        assert len(places) == 1, f"{edit.path} has the line {edit.line!r} {len(places)} times"
        lines.insert(places[0] + (edit.where == "below"), edit.text)
        path.write_text("".join(lines))

    def replace(self, path: str, old: str, new: str) -> None:
        """Change a file where a text is found, which must be there."""
        text = (self.root / path).read_text()
        assert old in text, f"{path} has no {old!r}"
        (self.root / path).write_text(text.replace(old, new))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python` with these arguments in the copy."""
        env = {**os.environ, "PYTHONPATH": str(self.root), "COLUMNS": "100"}
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=self.root, env=env, capture_output=True, text=True, check=False)

    def python(self, *arguments: str) -> str:
        """What `python` prints with these arguments; it must succeed."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def failures(self, *arguments: str) -> set[str]:
        """The names of the tests that fail in the copy."""
        done = self.run(
            "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=", "--tb=line", "-rfE", *arguments
        )
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return set(re.findall(r"^(?:FAILED|ERROR) \S+?::(\S+)", done.stdout, flags=re.MULTILINE))

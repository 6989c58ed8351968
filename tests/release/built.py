"""Wheel and sdist as a release builds them, from a copy of the tracked files."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGES = ("alerts", "scorers", "streams", "vigia")


class Built(NamedTuple):
    """The two files of a build."""

    wheel: Path
    sdist: Path


def version() -> str:
    """The version of the project."""
    project: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["version"]


def tracked(*under: str) -> list[str]:
    """The files that are in the repository, or in its copy if there is none."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(["git", "ls-files", *under], cwd=ROOT, check=True, capture_output=True, text=True)
        return [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]
    found = (path for name in under or (".",) for path in (ROOT / name).rglob("*"))
    return sorted(str(path.relative_to(ROOT)) for path in found if path.is_file() and "__pycache__" not in path.parts)


def build(folder: Path, modified: int) -> Built:
    """Build in a folder of its own, where all files were modified at an instant, in seconds since 1970."""
    source, out = folder / "source", folder / "dist"
    for name in (*tracked(*PACKAGES, "deploy"), "pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
        os.utime(source / name, (modified, modified))
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(out)],
        cwd=source,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    return Built(wheel, sdist)

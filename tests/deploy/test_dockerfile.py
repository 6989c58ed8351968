"""The Dockerfile: a linter finds nothing, and its steps give a root that works, as far as they can be run without an engine."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
HADOLINT = Path(sys.executable).parent / "hadolint"


def lint(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HADOLINT, "--no-color", str(path)], capture_output=True, text=True, timeout=60)


def test_a_linter_finds_nothing() -> None:
    """Whatever it finds counts, information too."""
    done = lint(DOCKERFILE)
    assert (done.stdout, done.returncode) == ("", 0)


def test_a_fault_is_found(tmp_path: Path) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text(DOCKERFILE.read_text().replace("USER 10001", "USER vigia").replace("slim-bookworm AS", "latest AS"))
    assert "DL3066" in lint(path).stdout


def steps(stage: str) -> list[tuple[str, str]]:
    """The instructions of a stage and their words."""
    lines = re.sub(r"\\\n\s*", " ", stage).splitlines()
    return [
        (word, rest) for line in lines if line and not line.startswith("#") for word, _, rest in [line.partition(" ")]
    ]


@pytest.mark.faults
@pytest.mark.timeout(3600)  # it installs every package
def test_its_steps_give_a_root_that_works(tmp_path: Path) -> None:
    """The paths of both stages lie in a folder, COPY takes what it names and no more, and the result is moved as a stage moves it."""
    built, root = tmp_path / "build", tmp_path / "root"
    first, last = DOCKERFILE.read_text().split("FROM ")[1:]
    (built / "opt").mkdir(parents=True)
    work = built
    around = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}

    def inside(text: str) -> str:
        """The words with their absolute paths in the folder."""
        return re.sub(r"(?<![\w./$])/(?=opt|src|var|etc)", f"{built}/", text)

    for instruction, rest in steps(first.partition("\n")[2]):
        if instruction == "RUN":
            command = inside(rest).replace("python -m venv", f"{sys.executable} -m venv")
            done = subprocess.run(
                command, shell=True, cwd=work, env=around, capture_output=True, text=True, timeout=900
            )
            assert done.returncode == 0, f"{rest}: {done.stderr[-2000:]}"
        elif instruction == "WORKDIR":
            work = built / rest.lstrip("/")
            work.mkdir(parents=True)
        elif instruction == "ENV":
            around["PATH"] = inside(rest.removeprefix("PATH=").replace("$PATH", around["PATH"]))
        elif instruction == "COPY":
            *sources, to = rest.split()
            for source in sources:
                if (ROOT / source).is_dir():
                    without = shutil.ignore_patterns("__pycache__")
                    shutil.copytree(ROOT / source, work / to, ignore=without)
                else:
                    shutil.copy(ROOT / source, work / to)
    for instruction, rest in steps(last.partition("\n")[2]):
        if instruction == "COPY" and not rest.startswith("--from"):
            *sources, to = rest.split()
            (root / to.lstrip("/")).mkdir(parents=True, exist_ok=True)
            for source in sources:
                shutil.copy(ROOT / source, root / to.lstrip("/"))
    shutil.rmtree(built / "src")
    python = next((built / "opt" / "vigia" / "bin").glob("python3"))
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    policy = str(root / "etc" / "vigia" / "policy.toml")
    for words in (["--help"], ["policy", "check", policy]):
        done = subprocess.run(
            [str(python), "-P", str(built / "opt" / "vigia" / "bin" / "vigia"), *words],
            cwd=tmp_path,
            env=clean,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr

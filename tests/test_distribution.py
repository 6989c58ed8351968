"""The distribution has one name, and no text installs the project of somebody else."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.test_docs import tracked
from vigia.runtime import distribution

ROOT = Path(__file__).parent.parent


FOREIGN = re.compile(
    r"""\b(?:pip|pipx|pip3|uv|uvx|poetry|pdm|conda|rye)\b[^\n`]*?  # an installer, with its verb and options
        (?<![\w./-])vigia(?![\w./-]|\s*:)""",  # the name alone or with extras: not a path, not vigia-lookout
    re.VERBOSE,
)


def test_no_text_installs_the_project_of_another() -> None:
    """On PyPI `vigia` is somebody else's: no text of the checkout names it to an installer."""
    files = [
        path for path in tracked() if path != Path(__file__) and path.suffix not in {".lock", ".gz", ".svg", ".png"}
    ]
    assert len(files) > 300
    wrong = [
        f"{path.relative_to(ROOT)}: {found[0]}" for path in files if (found := FOREIGN.search(path.read_text("utf-8")))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("pip install 'vigia[demo]'", True),
        ("pip install vigia", True),
        ("python -m pip install --upgrade vigia==0.1", True),
        ("uv tool install vigia", True),
        ("uvx vigia demo", True),
        ("pip install 'vigia-lookout[demo]'", False),
        ("pip install --editable . && vigia demo", True),  # one command a line, or the check cannot tell them apart
        ("pip install --prefix /opt/vigia", False),
        ("pip install vigia.whl", False),
    ],
)
def test_a_text_that_installs_another_project_is_seen(text: str, wrong: bool) -> None:
    """With extras, a version or options, and by any usual installer."""
    assert bool(FOREIGN.search(text)) is wrong


def test_the_distribution_has_one_name() -> None:
    """What messages tell people to install is what this project is called, with extras that it has."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["name"] == distribution.NAME == "vigia-lookout"
    assert project["scripts"] == {"vigia": "vigia.cli:main"}
    extras = set(project["optional-dependencies"])
    said = [
        extra
        for path in tracked("*.py", "*.md")
        for named in re.findall(r"vigia-lookout\[([\w,]+)\]|\binstall\(((?:'\w+'(?:, )?)+)\)", path.read_text())
        for extra in re.findall(r"\w+", "".join(named))
    ]
    assert len(said) >= 5
    assert set(said) <= extras

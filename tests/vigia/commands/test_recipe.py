"""The recipe "A new command" of docs/recipes, followed in a copy of the checkout."""

import re
from pathlib import Path
from textwrap import dedent

import pytest

from tests.support.recipe import Checkout, edits, section

COPIED = ("vigia", "tests/support", "tests/vigia/commands/test_cli.py", "README.md", "pyproject.toml")
LINKED = ("scorers", "streams", "alerts", "deploy")
README_TEST = "tests/vigia/commands/test_cli.py::test_every_command_has_help_and_stands_in_the_readme"
HEAD = "| command | does |\n|---|---|\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A copy of the checkout with the command's file, and its line in cli.py, but without its row."""
    copy = Checkout(tmp_path, COPIED, LINKED)
    for edit in edits("A new command"):
        copy.apply(edit)
    return copy


def test_a_command_is_one_file_one_line_and_one_row(checkout: Checkout) -> None:
    """With file and line the command works; the test of the README fails until the row is there."""
    assert "Count the lines of files of events." in checkout.python("-m", "vigia", "count", "--help")
    (checkout.root / "shop.jsonl").write_text("{}\n{}\n")
    assert checkout.python("-m", "vigia", "count", "shop.jsonl") == "2\n"

    without = checkout.run("-m", "pytest", "-q", "-p", "no:cacheprovider", README_TEST)
    assert without.returncode == 1
    assert "'count'" in without.stdout
    row = re.findall(r"^   ```text\n(.*?)^   ```$", section("A new command"), flags=re.MULTILINE | re.DOTALL)[-1]
    checkout.replace("README.md", HEAD, HEAD + dedent(row))
    assert checkout.failures(README_TEST) == set()

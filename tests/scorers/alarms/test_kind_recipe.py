"""The recipe "A new kind of alarm" of docs/recipes, followed in a copy; and what the shared checks say of a kind that lacks a part."""

from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.recipe import Checkout, edits

RECIPE = edits("A new kind of alarm")
KIND, STORY = "scorers/alarms/loyalty/competitor_near.py", "tests/scenarios/competitor-near.txt"
CATALOGUE = "scorers/alarms/catalogue.py"
NEIGHBOUR = "tests/scenarios/competitor-but-loyal.txt"
COPIED = (
    "scorers",
    "tests/support",
    "tests/scorers",
    "tests/scenarios",
    "tests/conftest.py",
    "deploy",
    "pyproject.toml",
)
CHECKS, STORIES = "tests/scorers/alarms/test_kinds.py", "tests/scorers/alarms/test_scenarios.py"
POLICY = "tests/scorers/policy/test_policy.py"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A copy with the new kind in it."""
    copy = Checkout(tmp_path_factory.mktemp("kind"), COPIED, ("streams", "alerts", "vigia"))
    for edit in RECIPE:
        copy.apply(edit)
    assert copy.failures(STORIES, "--goldens", "-k", "competitor") == set()
    return copy


def test_the_recipe_makes_a_kind(checkout: Checkout) -> None:
    """The kind is raised and settled in its story, its neighbour is silent, and every shared check holds."""
    told = (checkout.root / STORY).read_text().partition("\n---\n")[2].splitlines()
    assert [line for line in told if "competitor-near" in line] == [
        "2024-02-28T09:00:00Z raised competitor-near C1 at 2024-02-28T09:00:00Z info",
        "2024-03-05T09:00:00Z settled competitor-near C1 at 2024-02-28T09:00:00Z info returned",
    ]
    assert checkout.failures(CHECKS, STORIES, "-k", "competitor or once") == set()
    assert checkout.failures(POLICY) == set()
    checkout.python("-m", "ruff", "check", "-q", "--fix", "scorers", "tests")
    checkout.python("-m", "mypy", "--cache-dir", str(ROOT / ".mypy_cache" / "recipes"), KIND, CATALOGUE)


@pytest.mark.parametrize(
    ("path", "old", "new", "check"),
    [
        pytest.param(STORY, "2024-02-14T09:00:00Z C1 competitor Corner", "", "test_a_story_raises_it", id="no story"),
        pytest.param(
            NEIGHBOUR, "C1 competitor Corner", "C1 survey 4", "test_it_has_a_silent_neighbour", id="no neighbour"
        ),
        pytest.param(KIND, "else over\n", "else NEVER\n", "test_waits_agree_with_brute_force", id="no wait"),
        pytest.param(
            KIND, "else over\n", "else over + 86_400_000_000\n", "test_waits_agree_with_brute_force", id="a late wait"
        ),
        pytest.param(
            KIND, '"{who} looks at a competitor"', '"A competitor"', "test_it_has_words", id="no name in the headline"
        ),
        pytest.param(
            KIND,
            "bought nothing since.",
            "bought nothing since",
            "test_it_has_words",
            id="a reason that is no sentence",
        ),
        pytest.param(KIND, '("L6",)', "()", "test_it_has_words", id="no rule"),
    ],
)
def test_a_kind_that_lacks_a_part_is_refused(checkout: Checkout, path: str, old: str, new: str, check: str) -> None:
    """The shared check that names the missing part fails."""
    whole = (checkout.root / path).read_text()
    try:
        checkout.replace(path, old, new)
        assert f"{check}[competitor-near]" in checkout.failures(CHECKS, "-k", f"{check} and competitor-near")
    finally:
        (checkout.root / path).write_text(whole)


def test_a_threshold_that_operators_cannot_see_is_refused(checkout: Checkout) -> None:
    """A key of the tables that deploy/policy.toml leaves out fails its check."""
    shipped = checkout.root / "deploy/policy.toml"
    whole = shipped.read_text()
    try:
        shipped.write_text("\n".join(line for line in whole.splitlines() if "patience" not in line) + "\n")
        assert "test_the_shipped_policy_names_every_key" in checkout.failures(POLICY, "-k", "every_key")
    finally:
        shipped.write_text(whole)


def test_a_kind_outside_the_catalogue_is_not_asked(checkout: Checkout) -> None:
    """Its story then stays silent, and the story's check fails."""
    whole = (checkout.root / CATALOGUE).read_text()
    try:
        checkout.replace(CATALOGUE, "    competitor_near.KIND,\n", "")
        name = f"test_a_story_raises_these_alarms_and_no_other[{Path(STORY).stem}]"
        assert name in checkout.failures(STORIES, "-k", "competitor-near")
    finally:
        (checkout.root / CATALOGUE).write_text(whole)

"""The recipe "A new event type" of docs/recipes, followed in a copy of the source."""

import json

import pytest

from tests.support.paths import ROOT
from tests.support.recipe import Checkout, edits

COPIED = (
    "scorers",
    "tests/support",
    "tests/scorers",
    "tests/scenarios",
    "tests/vigia",
    "tests/conftest.py",
    "pyproject.toml",
)
EVOLVE = "scorers/customer/facts/evolve.py"
STORIES = "tests/scorers/alarms/test_scenarios.py"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A copy with the new type in it, but without its case in `evolve`."""
    copy = Checkout(tmp_path_factory.mktemp("event"), COPIED, ("streams", "alerts", "vigia", "deploy"))
    for edit in edits("A new event type"):
        if edit.path != EVOLVE:
            copy.apply(edit)
    return copy


def mypy(checkout: Checkout) -> str:
    """What mypy says of the index of facts."""
    return checkout.run("-m", "mypy", "--cache-dir", str(ROOT / ".mypy_cache" / "recipes"), EVOLVE).stdout


def test_the_recipe_makes_an_event_type(checkout: Checkout) -> None:
    """Without its case mypy names `assert_never`; with it the story is told, and wire and schemas know the type."""
    without = mypy(checkout)
    assert 'Argument 1 to "assert_never" has incompatible type "AppointmentMissed"' in without
    for edit in edits("A new event type"):
        if edit.path == EVOLVE:
            checkout.apply(edit)
    assert "Success" in mypy(checkout)

    assert checkout.failures(STORIES, "--goldens", "-k", "appointment") == set()
    told = (checkout.root / "tests/scenarios/appointment-missed.txt").read_text()
    assert "2024-01-10T09:00:00Z raised single-failure C1" in told
    assert checkout.failures("tests/scorers/contract/test_wire_back.py", "-k", "appointment") == set()
    assert checkout.failures("tests/vigia/commands/test_schema.py", "-k", "appointment or topic") == set()
    checkout.python("-m", "vigia", "schema", "--out", "schema")
    schema = json.loads((checkout.root / "schema" / "appointment.missed.json").read_text())
    assert "staff_id" in json.dumps(schema)

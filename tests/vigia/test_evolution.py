"""The published schemas only grow: whoever writes to a released contract can go on."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.evolution import BASELINE, narrowed
from vigia.schema import json_schemas

Schema = dict[str, Any]


@pytest.mark.parametrize("name", json.loads(BASELINE.read_text(encoding="utf-8")))
def test_a_released_type_is_not_narrowed(name: str) -> None:
    """Every type of the released schemas is there, and accepts what it accepted."""
    released = json.loads(BASELINE.read_text(encoding="utf-8"))[name]
    assert narrowed(released, json_schemas()[name]) == []


def _own(schema: Schema) -> Schema:
    """The properties of a sale."""
    found: Schema = schema["properties"]
    return found


NARROWER: list[tuple[str, Callable[[Schema], object]]] = [
    ("$.channel is removed", lambda s: _own(s).pop("channel")),
    ("$.channel is required now", lambda s: s["required"].append("channel")),
    ("$.amount_minor has a narrower maximum", lambda s: _own(s)["amount_minor"].update(maximum=10)),
    ("$.amount_minor has a narrower minimum", lambda s: _own(s)["amount_minor"].update(minimum=1)),
    ("$.currency has another pattern", lambda s: _own(s)["currency"].update(pattern="^EUR$")),
    ("$.type has lost a value", lambda s: _own(s)["type"].update(enum=["purchase.done"])),
    ("$.id is no more string", lambda s: _own(s).update(id={"type": "integer"})),
    ("$.margin_minor is no more null", lambda s: _own(s).update(margin_minor={"type": "integer"})),
    ("$.items[items].quantity is removed", lambda s: s["$defs"]["Item"]["properties"].pop("quantity")),
]


@pytest.mark.parametrize(("told", "change"), NARROWER)
def test_what_is_narrower_is_told(told: str, change: Callable[[Schema], object]) -> None:
    """With its path."""
    new = copy.deepcopy(json_schemas()["purchase.completed"])
    change(new)
    assert told in narrowed(json_schemas()["purchase.completed"], new)


def test_what_is_wider_is_left() -> None:
    """A new field, a value more, a field that may be left out, a wider bound, and anything."""
    old = json_schemas()["purchase.completed"]
    new = copy.deepcopy(old)
    _own(new)["gift"] = {"type": "boolean"}
    _own(new)["amount_minor"].pop("maximum")
    _own(new)["id"] = {}
    new["required"].remove("currency")
    assert narrowed(old, new) == []
    assert narrowed({"enum": ["a"]}, {"enum": ["a", "b"]}) == []
    assert narrowed({"type": "integer"}, {"type": "number"}) == []
    assert narrowed({"enum": ["a", "b"]}, {"enum": ["a"]}) == ["$ has lost a value"]

"""A JSON Schema of the policy, for editors that check and complete a TOML file while it is written.

It is made from the tables that `vigia policy check` reads, with the meaning of each key. What the schema rejects, the check rejects
too; not the reverse, because a schema cannot compare two keys. `python -m vigia.policies.schema` prints it.
"""

import json
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import msgspec
from msgspec import Struct, structs

from scorers.contract.lessons import LEARNERS
from scorers.policy.business_calendar import WEEKDAYS
from scorers.policy.spans import Span
from scorers.policy.tables import AUTO, Policy
from vigia.policies.guide import guide
from vigia.policies.values import leaves, written

Schema = dict[str, Any]
NAME = "policy.schema.json"
SPAN: Schema = {
    "type": "string",
    "pattern": r"^\s*(\d+(\.\d+)?\s*[smhdw]\s*)+$",
    "description": "A length of time, like '30d', '4h' or '1d 12h'.",
}
CLOSED: dict[str, list[str]] = {"risk.champion": [AUTO, *LEARNERS]}
"""Keys with a closed list that the type does not state."""
ITEMS = dict.fromkeys(WEEKDAYS, r"^\d\d?:\d\d-\d\d?:\d\d$") | {"holidays": r"^[0-9W-]{8,10}$"}
"""The form of the items of a list, by the last word of its key."""


def policy_schema() -> Schema:
    """The JSON Schema (2020-12, which drafts 4 to 7 read alike) of a policy file.

    >>> policy_schema()["properties"]["tiers"]["properties"]["dwell"]["default"]
    '14d'
    """
    values = {key: _plain(value) for key, value in leaves(Policy())}
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:vigia:policy:1",
        "title": "Policy of Vigía",
    }
    return head | _table(Policy, "", values)


def _table(kind: Any, above: str, values: dict[str, Any]) -> Schema:
    """A table of the file; any key may be left out."""
    keys = {one.encode_name: _key(one.type, above + one.encode_name, values) for one in structs.fields(kind)}
    return {"type": "object", "additionalProperties": False, "properties": keys}


def _key(kind: Any, key: str, values: dict[str, Any]) -> Schema:
    if get_origin(kind) in (Union, UnionType):  # a key of a store that may be left out; TOML has no null
        kind = next(one for one in get_args(kind) if one is not NoneType)
    if isinstance(get_origin(kind) or kind, type) and issubclass(get_origin(kind) or kind, Struct):
        return _table(kind, f"{key}.", values)
    if get_origin(kind) is dict:
        found: Schema = {"type": "object", "additionalProperties": _table(get_args(kind)[1], "", {})}
    else:
        found = dict(msgspec.json.schema(kind, schema_hook=_span))
    if key in values:
        meaning, told = guide()[key], {key: written(values[key]).strip('"')}
        found |= {"description": f"{meaning.told(told)} [{' '.join(meaning.rules)}]", "default": values[key]}
    if key in CLOSED:
        found["enum"] = CLOSED[key]
    if pattern := ITEMS.get(key.rpartition(".")[2]):
        found["items"] = {"type": "string", "pattern": pattern}
    return found


def _span(kind: type) -> Schema:
    if kind is Span:
        return dict(SPAN)
    raise NotImplementedError(kind.__name__)


def _plain(value: Any) -> Any:
    """A value as JSON."""
    if isinstance(value, Span):
        return written(value).strip('"')
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def schema_text() -> str:
    """The schema as the text of its file."""
    return json.dumps(policy_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")  # noqa: T201

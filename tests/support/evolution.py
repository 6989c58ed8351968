"""Whether a schema still accepts whatever an older one accepted: a field may be added, none removed or narrowed.

`python -m tests.support.evolution` writes the schemas of a release to tests/data/schemas.json, with which later ones are compared.
"""

import json
from collections.abc import Iterator
from typing import Any

from tests.support.paths import DATA
from vigia.schema import json_schemas

BASELINE = DATA / "schemas.json"
Schema = dict[str, Any]

LOWER, UPPER = (
    ("minimum", "exclusiveMinimum", "minLength", "minItems"),
    ("maximum", "exclusiveMaximum", "maxLength", "maxItems"),
)
AS_BEFORE = ("pattern", "format", "not")
_INNER = ("items", "additionalProperties")


def narrowed(old: Schema, new: Schema) -> list[str]:
    """What of a schema is removed or narrowed by a newer one, by its path."""
    return list(_compared(old, new, old, new, "$"))


def _compared(old: Any, new: Any, old_root: Schema, new_root: Schema, path: str) -> Iterator[str]:
    old, new = _resolved(old, old_root), _resolved(new, new_root)
    if new in ({}, True):
        return
    if old in ({}, True):
        yield f"{path} was anything"
        return
    olds, news = _alternatives(old), _alternatives(new)
    if len(olds) > 1 or len(news) > 1:
        for one in olds:
            tries = [list(_compared(one, other, old_root, new_root, path)) for other in news]
            if all(tries):
                yield min(tries, key=len)[0]
        return
    yield from _of_value(old, new, path)
    yield from _of_object(old, new, old_root, new_root, path)


def _of_value(old: Schema, new: Schema, path: str) -> Iterator[str]:
    before, after = _types(old), _types(new)
    if after and not before <= after:
        yield f"{path} is no more {' or '.join(sorted(before - after)) or 'anything'}"
    listed, before_listed = _listed(new), _listed(old)
    if listed is not None and (before_listed is None or any(one not in listed for one in before_listed)):
        yield f"{path} has lost a value"
    for keys, is_narrower in ((LOWER, lambda a, b: b > a), (UPPER, lambda a, b: b < a)):
        for key in keys:
            if key in new and (key not in old or is_narrower(old[key], new[key])):
                yield f"{path} has a narrower {key}"
    for key in AS_BEFORE:
        if key in new and new[key] != old.get(key):
            yield f"{path} has another {key}"


def _of_object(old: Schema, new: Schema, old_root: Schema, new_root: Schema, path: str) -> Iterator[str]:
    for name, one in old.get("properties", {}).items():
        if name in new.get("properties", {}):
            yield from _compared(one, new["properties"][name], old_root, new_root, f"{path}.{name}")
        else:
            yield f"{path}.{name} is removed"
    for name in sorted(set(new.get("required", [])) - set(old.get("required", []))):
        yield f"{path}.{name} is required now"
    for key in _INNER:
        if key in new and key in old:
            yield from _compared(old[key], new[key], old_root, new_root, f"{path}[{key}]")


def _resolved(schema: Any, root: Schema) -> Any:
    while isinstance(schema, dict) and "$ref" in schema:
        node: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            node = node[step]
        schema = {**node, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def _alternatives(schema: Schema) -> list[Schema]:
    return schema.get("anyOf") or schema.get("oneOf") or [schema]


def _types(schema: Schema) -> set[str]:
    if "type" not in schema:
        return {_name(one) for one in _listed(schema) or []}
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return {*kinds, *(["integer"] if "number" in kinds else [])}


def _name(value: object) -> str:
    return {str: "string", int: "integer", bool: "boolean", type(None): "null"}.get(type(value), "number")


def _listed(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


if __name__ == "__main__":
    BASELINE.write_text(json.dumps(json_schemas(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

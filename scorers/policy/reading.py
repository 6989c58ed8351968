"""Reads a policy from TOML; whatever is wrong becomes one sentence with the file, the line, the key and the correction."""

import tomllib
from typing import Any, get_args, get_origin

import msgspec
from msgspec import Struct

from scorers.policy.constraints import violations
from scorers.policy.spans import Span, parse_span
from scorers.policy.tables import Policy
from scorers.policy.toml_errors import Path, TomlText, did_you_mean, split, unknown_key, value_at, wrong_value

GONE: dict[Path, str] = {
    ("calendar", "utc_offset"): "write [time] zone, the name of a time zone, like zone = 'Europe/Madrid'",
    (
        "silence",
        "quiet_quantile",
    ): "write [silence] false_a_year, how often a year a faithful customer may be called quiet",
}
"""Keys of earlier policies, and the keys that took their place."""


class PolicyError(ValueError):
    """A policy that cannot be used; the message names the file, the line, the key and the correction."""


def parse_policy(text: str, source: str = "policy") -> Policy:
    """The policy that a TOML text states; keys that are left out keep their defaults.

    >>> parse_policy("[risk]\\nhorizon = '28d'").risk.horizon == parse_span("28d")
    True
    >>> parse_policy("[risk]\\nhorizn = '28d'", "policy.toml")
    Traceback (most recent call last):
    ...
    scorers.policy.reading.PolicyError: policy.toml, line 2: risk.horizn is not a known key; did you mean 'horizon'?
    """
    toml = TomlText(text, source)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(toml.syntax_error(error)) from None
    for path, mend in GONE.items():
        if value_at(tables, path) is not None:
            raise PolicyError(toml.error(path, f"is gone; {mend}"))
    try:
        policy = msgspec.convert(_with_defaults(tables, Policy()), Policy, dec_hook=_read_span)
    except msgspec.ValidationError as error:
        raise PolicyError(_wrong_shape(error, tables, toml)) from None
    for keys, why in violations(policy):
        paths = [tuple(key.split(".")) for key in keys]
        stated = next((path for path in paths if value_at(tables, path) is not None), paths[0])
        raise PolicyError(toml.error(stated, why))
    return policy


def _with_defaults(tables: dict[str, Any], defaults: Struct) -> dict[str, Any]:
    """The tables of a file, with the default for each key that they leave out."""
    filled = dict(tables)
    for name in defaults.__struct_fields__:
        default, stated = getattr(defaults, name), tables.get(name)
        if isinstance(default, Struct) and isinstance(stated, dict):
            filled[name] = _with_defaults(stated, default)
        else:
            filled.setdefault(name, default)
    return filled


def _read_span(wanted: type, value: Any) -> Any:
    if wanted is not Span:
        raise NotImplementedError(wanted)
    if isinstance(value, Span):
        return value  # a default
    if isinstance(value, str):
        return parse_span(value)
    raise ValueError(f"{value!r} is not a length of time: write it like '30d' or '4h', in quotes")


def _wrong_shape(error: msgspec.ValidationError, tables: dict[str, Any], toml: TomlText) -> str:
    """One sentence about the first value that has the wrong type or is out of range."""
    said, place = split(error)
    path = _without_index(place)
    if key := unknown_key(said):
        if get_origin(_table_at(path)) is dict:  # msgspec does not name the table of a table of tables
            path = (*path, next(name for name, table in value_at(tables, path).items() if key in table))
        return toml.error((*path, key), f"is not a known key; {did_you_mean(key, _keys_of(path))}")
    return toml.error(path, wrong_value(said, value_at(tables, path)))


def _without_index(path: Path) -> Path:
    return next((path[:n] for n, word in enumerate(path) if isinstance(word, int)), path)


def _keys_of(path: Path) -> list[str]:
    """The keys that the table at a path may have."""
    return [field.name for field in msgspec.structs.fields(_table_at(path))]


def _table_at(path: Path) -> Any:
    table: Any = Policy
    for key in path:
        if get_origin(table) is dict:  # a table of tables, such as the calendars of stores
            table = get_args(table)[1]
        else:
            table = next(field.type for field in msgspec.structs.fields(table) if field.name == key)
    return table

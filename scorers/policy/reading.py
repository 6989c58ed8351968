"""Reads a policy from TOML; whatever is wrong becomes one sentence with the file, the line, the key and the correction."""

from typing import Any

from msgspec import Struct

from scorers.policy.constraints import violations
from scorers.policy.spans import Span, parse_span
from scorers.policy.tables import Policy
from scorers.policy.toml_errors import Path, TomlText, value_at

GONE: dict[Path, str] = {
    ("calendar", "utc_offset"): "write [time] zone, the name of a time zone, like zone = 'Europe/Madrid'",
    (
        "silence",
        "quiet_quantile",
    ): "write [silence] false_a_year, how often a year a faithful customer may be called quiet",
    ("lifecycle", "core_marks"): "write [loyalty] answers_at_least, how many answers satisfaction is judged by",
    ("loyalty", "apostle_satisfaction"): "write [loyalty] apostle_from, how loyal an apostle is at least, from 0 to 1",
    (
        "loyalty",
        "low_recommendation",
    ): "write [loyalty] low_mark, the mark (1 to 5) from which downwards commitment is very low",
    ("value", "life_horizons"): "write [value] life, a length of time like '730d'",
}
"""Keys of earlier policies, and the keys that took their place."""


class PolicyError(ValueError):
    """A policy that cannot be used; the message names the file, the line, the key and the correction."""


class PolicyText(TomlText, frozen=True):
    """The text of a policy."""

    fault = PolicyError
    shows_values = True

    @staticmethod
    def hook(kind: type, value: Any) -> Any:
        """The value as a length of time."""
        if kind is not Span:
            raise NotImplementedError(kind)
        if isinstance(value, Span):
            return value  # a default
        if isinstance(value, str):
            return parse_span(value)
        raise ValueError(f"{value!r} is not a length of time; write it like '30d' or '4h', in quotes")


def parse_policy(text: str, source: str = "policy") -> Policy:
    """The policy that a TOML text states; keys that are left out keep their defaults.

    >>> parse_policy("[risk]\\nhorizon = '28d'").risk.horizon == parse_span("28d")
    True
    >>> parse_policy("[risk]\\nhorizn = '28d'", "policy.toml")
    Traceback (most recent call last):
    ...
    scorers.policy.reading.PolicyError: policy.toml, line 2: risk.horizn is not a known key; did you mean 'horizon'?
    """
    toml = PolicyText(text, source)
    tables = toml.parse()
    for path, mend in GONE.items():
        if value_at(tables, path) is not None:
            raise toml.wrong(path, f"is gone; {mend}")
    policy = toml.convert(_with_defaults(tables, Policy()), Policy)
    for keys, why in violations(policy):
        paths = [tuple(key.split(".")) for key in keys]
        stated = next((path for path in paths if value_at(tables, path) is not None), paths[0])
        raise toml.wrong(stated, why)
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

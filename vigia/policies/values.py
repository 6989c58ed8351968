"""The keys of a policy with their values, as the file writes them, and what differs between two policies."""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from scorers.policy.spans import Span, format_span
from scorers.policy.tables import Policy


def leaves(table: Struct, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every key of a policy with its value.

    >>> dict(leaves(Policy()))["tiers.platinum_share"]
    0.05
    """
    for name in table.__struct_fields__:
        value = getattr(table, name)
        if isinstance(value, Struct):
            yield from leaves(value, f"{before}{name}.")
        else:
            yield before + name, value


def differences(before: Policy, after: Policy) -> Iterator[tuple[str, Any, Any]]:
    """Yield each key whose values differ, with both values."""
    for (key, old), (_, new) in zip(leaves(before), leaves(after), strict=True):
        if old != new:
            yield key, old, new


def written(value: Any) -> str:
    """Format a value as in the file.

    >>> written(Span(36 * 3600 * 1_000_000)), written(("09:00-13:00",))
    ('"1d 12h"', '["09:00-13:00"]')
    """
    if isinstance(value, Span):
        return f'"{format_span(value)}"'
    if isinstance(value, tuple):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, Struct):
        value = {name: stated for name in value.__struct_fields__ if (stated := getattr(value, name)) is not None}
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{name}" = {written(one)}' for name, one in value.items()) + "}"
    return f'"{value}"' if isinstance(value, str) else str(value)

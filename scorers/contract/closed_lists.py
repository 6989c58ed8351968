"""The closed list of values that a type allows at a path, for errors that name it."""

import types
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from scorers.contract.events import AnyEvent


def values_at(kind: Any, path: Sequence[str | int]) -> tuple[str, ...]:
    """The values of the `Literal` at a path inside a type; none if there is no closed list.

    >>> from scorers.contract.events import ComplaintOpened
    >>> values_at(ComplaintOpened, ("severity",))
    ('minor', 'major', 'critical')
    """
    if get_origin(kind) is Annotated:
        return values_at(get_args(kind)[0], path)
    if get_origin(kind) in (Union, types.UnionType):
        return next((found for part in get_args(kind) if (found := values_at(part, path))), ())
    if not path:
        return tuple(map(str, get_args(kind))) if get_origin(kind) is Literal else ()
    step, rest = path[0], path[1:]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        inner = next((field.type for field in msgspec.structs.fields(kind) if field.encode_name == step), None)
        return values_at(inner, rest) if inner is not None else ()
    return next((found for part in get_args(kind) if (found := values_at(part, rest))), ())


_EVENTS = {str(event.__struct_config__.tag): event for event in get_args(AnyEvent)}


@lru_cache(256)
def event_values(kind: str, path: str) -> tuple[str, ...]:
    """The values of a closed list in an event of a type; the path as msgspec writes it, like `items[0].sku`."""
    event = _EVENTS.get(kind)
    steps = [step.strip("[]") for step in path.replace("[", ".[").split(".") if step]
    return () if event is None else values_at(event, steps)

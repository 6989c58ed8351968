"""A sale and other records of the wire contract, whole and spoilt."""

import json
from typing import Any, get_args

from scorers.contract.events import AnyEvent

EVENT_TYPES = get_args(AnyEvent)
SALE: dict[str, Any] = {
    "type": "purchase.completed",
    "id": "e1",
    "source": "till-1",
    "time": "2024-05-06T07:08:09Z",
    "customer_id": "c42",
    "amount_minor": 1999,
    "currency": "EUR",
}


def sale(**changes: Any) -> bytes:
    """A good sale with some fields changed; a field given as `...` is left out."""
    return json.dumps({k: v for k, v in (SALE | changes).items() if v is not ...}).encode()


def raw_sale(extra: str) -> bytes:
    """A good sale with a piece of JSON text before its end."""
    return sale()[:-1] + b", " + extra.encode("utf-8", "surrogatepass") + b"}"


def of_type(event_type: str, **fields: Any) -> bytes:
    """An event of another type with what all events need."""
    return sale(type=event_type, amount_minor=..., currency=..., **fields)


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth

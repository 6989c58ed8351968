"""Reads a body into events, item by item, with pauses so that other requests are answered meanwhile.

The work is bounded: by the bytes and items of a body, and by the rejected items that are looked for when one is enough to
refuse them all.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Raw, Struct

from scorers.contract.events import DAY, SECOND
from scorers.contract.wire import MAX_BYTES, Rejection, decode
from streams.gateway.cloud_events import BATCH, STRUCTURED, of_headers, unwrapped
from streams.gateway.intake import Fact
from streams.gateway.tokens import Token

MAX_BATCH = 4 * 1024 * 1024
MAX_ITEMS = 50_000  # more than a body of the shortest events holds
MAX_COMMAS = 10 * MAX_ITEMS  # of an array: finding its items must not cost more than of a good one
MAX_NAMED = 100  # rejected items that an answer names; what follows is not looked at
SLICE = 32 * 1024  # bytes decoded between two pauses
AHEAD = DAY  # how far an event may be ahead of this machine's clock
CLOUD = (STRUCTURED, BATCH)
ONE, LINES = ("application/json",), ("application/x-ndjson", "application/jsonl", "application/ndjson")

_array = msgspec.json.Decoder(list[Raw]).decode


class TooLarge(ValueError):
    """A body, or what is in it, is too much; the text says what is allowed."""


class Bad(Struct, frozen=True):
    """An item that is not taken: its place among the items, its line, the status that it alone would have, and why."""

    index: int
    line: int
    status: int
    code: str
    detail: str


class Read(Struct, frozen=True):
    """What a body holds: facts and bad items with their places; `unread` items were not looked at."""

    facts: list[tuple[int, Fact]]
    bad: list[Bad]
    unread: int = 0


Item = tuple[int, bytes | Rejection]
"""The line of an item (of an array its place), and its bytes, or why it is none."""


def items(content_type: str, headers: Mapping[str, str], body: bytes) -> list[Item]:
    """The items of a body, CloudEvents unwrapped. Raises `TooLarge`."""
    if content_type in LINES:
        if body.count(b"\n") > MAX_ITEMS:
            raise TooLarge(f"more than {MAX_ITEMS} lines")
        return [(line, raw) for line, text in enumerate(body.split(b"\n"), 1) if (raw := text.strip())]
    if content_type in ONE and "ce-specversion" in headers:
        return [(1, of_headers(headers, _one(body)))]
    found = _values(body)
    if content_type in CLOUD:
        return [(place, unwrapped(raw)) for place, raw in found]
    return [*found]


def _one(body: bytes) -> bytes:
    if len(body) > MAX_BYTES:
        raise TooLarge(f"more than {MAX_BYTES} bytes of one event")
    return body


def _values(body: bytes) -> list[tuple[int, bytes]]:
    """The values of an array, or the single value."""
    one = body.strip()
    if not one.startswith(b"["):
        _one(body)
        return [(1, one)] if one else []
    if one.count(b",") > MAX_COMMAS:
        raise TooLarge(f"more than {MAX_COMMAS} commas in an array")
    try:
        parts = _array(one)
    except Exception:
        return [(1, one[:MAX_BYTES])]  # no array of JSON values: the decoder says why
    if len(parts) > MAX_ITEMS:
        raise TooLarge(f"more than {MAX_ITEMS} events")
    return [(place, bytes(part)) for place, part in enumerate(parts, 1)]


async def read(parts: Sequence[Item], token: Token, *, every: bool) -> Read:
    """The events of the items that the token may send; `every` item is looked at, or as many as are needed to refuse."""
    facts: list[tuple[int, Fact]] = []
    bad: list[Bad] = []
    latest = int(time.time() * SECOND) + AHEAD
    done = 0
    for index, (line, raw) in enumerate(parts):
        found = _look(raw, token, latest)
        if isinstance(found, Fact):
            facts.append((index, found))
        else:
            bad.append(Bad(index, line, *found))
            if len(bad) >= MAX_NAMED and not every:
                return Read(facts, bad, len(parts) - index - 1)
        done += len(raw if isinstance(raw, bytes) else b"") + 256
        if done >= SLICE:
            done = 0
            await asyncio.sleep(0)
    return Read(facts, bad)


def _look(raw: bytes | Rejection, token: Token, latest: int) -> Fact | tuple[int, str, str]:
    """The fact in an item that the token may send; else status, code and detail."""
    if isinstance(raw, Rejection):
        return (400, raw.code, raw.detail)
    event = decode(raw)
    if isinstance(event, Rejection):
        return (400, event.code, event.detail)
    if event.time > latest:
        return (400, "bad_time", "time is more than a day ahead of the gateway's clock")
    if outside := token.allows(event):
        return (403, "out_of_scope", f"the token may not send this {outside}")
    return Fact(event, raw)

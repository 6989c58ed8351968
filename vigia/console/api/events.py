"""Alarms as they come: server-sent events, one for each record of `alarms`, in the form of the topic.

The id of an event is the number of the record in the read model, so a client that comes back is sent what it has missed.
"""

from collections.abc import AsyncIterator
from functools import partial

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from vigia.console.context import Console, console_of
from vigia.readmodel.store.items import Change
from vigia.readmodel.store.queries import Queries

PING = 15.0  # seconds
MOST_MISSED = 5_000
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


async def stream(request: Request) -> Response:
    """An endless answer; with `Last-Event-ID` it begins after that one, else with what comes next."""
    console, given = console_of(request), request.headers.get("last-event-id", "")
    newest = await console.model.ask(lambda db: db.alarms.last_change())
    known = min(int(given), newest) if given.isascii() and given.isdigit() and len(given) < 16 else newest
    return StreamingResponse(
        _events(console, max(known, newest - MOST_MISSED)), media_type="text/event-stream", headers=HEADERS
    )


async def _events(console: Console, known: int) -> AsyncIterator[bytes]:
    yield b"retry: 3000\n\n"
    while not console.stopping():
        found = await console.model.ask(partial(_after, number=known))
        for one in found:
            known = one.number
            yield b"id: %d\nevent: alarm\ndata: %s\n\n" % (one.number, one.raw.replace(b"\n", b" "))
        if not found and not await console.model.change(PING) and not console.stopping():
            yield b": still here\n\n"


def _after(db: Queries, number: int) -> list[Change]:
    return db.alarms.changes_after(number)

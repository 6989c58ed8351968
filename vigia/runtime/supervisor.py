"""Several parts of Vigía in one process: all work until told to stop, then each ends in its turn.

A part that ends unasked ends all, and is named. It refuses to know what a part does.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

log = logging.getLogger(__name__)

DRAIN = 30.0  # seconds that a part may take to end


class Part(NamedTuple):
    """A part: its name, and what works until the event is set."""

    name: str
    run: Callable[[asyncio.Event], Awaitable[object]]


class PartEnded(RuntimeError):
    """A part has ended that should have gone on; its cause, if there is one, is the error that ended it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the {name} has ended")
        self.name = name

    def __str__(self) -> str:
        why = self.__cause__
        told = f": {str(why) or type(why).__name__}" if why is not None else ""
        return f"the {self.name} has ended{told}"


async def run_together(parts: Sequence[Part], stop: asyncio.Event, drain: float = DRAIN) -> None:
    """Let all parts work until told to stop, then end them one after the other, in the order given.

    Raises `PartEnded` if one of them ended by itself.
    """
    stops = [asyncio.Event() for _ in parts]
    tasks = [asyncio.ensure_future(part.run(end)) for part, end in zip(parts, stops, strict=True)]
    told = asyncio.create_task(stop.wait())
    ended: PartEnded | None = None
    try:
        await asyncio.wait([told, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for part, task in zip(parts, tasks, strict=True):
            if task.done() and ended is None:
                ended = PartEnded(part.name)
                ended.__cause__ = task.exception()
    finally:
        told.cancel()
        for part, task, end in zip(parts, tasks, stops, strict=True):
            end.set()
            fault = await _wait_for_end(part.name, task, drain)
            if fault is not None and (ended is None or fault is not ended.__cause__):
                log.error("the %s failed", part.name, exc_info=fault)
    if ended is not None:
        raise ended


async def _wait_for_end(name: str, task: "asyncio.Future[object]", drain: float) -> BaseException | None:
    """Wait until a part has ended, and return its fault; one that takes too long is cut off."""
    if not (await asyncio.wait([task], timeout=drain))[0]:
        log.error("the %s has not ended within %g s and is cut off", name, drain)
        task.cancel()
        await asyncio.wait([task])
    return None if task.cancelled() else task.exception()

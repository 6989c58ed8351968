"""Run several parts of Vigía in one process, and stop them in order.

A part that ends by itself stops all others and is named in the error.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

log = logging.getLogger(__name__)

DRAIN = 30.0  # seconds for a part to end


class Part(NamedTuple):
    """A part: its name, and a coroutine function that runs until the event is set."""

    name: str
    run: Callable[[asyncio.Event], Awaitable[object]]


class PartEnded(RuntimeError):
    """A part ended before it was stopped; the cause of this error, if any, is the error of the part."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the {name} has ended")
        self.name = name

    def __str__(self) -> str:
        why = self.__cause__
        reason = f": {str(why) or type(why).__name__}" if why is not None else ""
        return f"the {self.name} has ended{reason}"


async def run_together(parts: Sequence[Part], stop: asyncio.Event, drain: float = DRAIN) -> None:
    """Run all parts until `stop` is set, then stop them one after the other in the order given.

    Raises `PartEnded` if a part ended by itself.
    """
    stops = [asyncio.Event() for _ in parts]
    tasks = [asyncio.ensure_future(part.run(end)) for part, end in zip(parts, stops, strict=True)]
    stopped = asyncio.create_task(stop.wait())
    ended: PartEnded | None = None
    try:
        await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for part, task in zip(parts, tasks, strict=True):
            if task.done() and ended is None:
                ended = PartEnded(part.name)
                ended.__cause__ = task.exception()
    finally:
        stopped.cancel()
        for part, task, end in zip(parts, tasks, stops, strict=True):
            end.set()
            fault = await _wait_for_end(part.name, task, drain)
            if fault is not None and (ended is None or fault is not ended.__cause__):
                log.error("the %s failed", part.name, exc_info=fault)
    if ended is not None:
        raise ended


async def _wait_for_end(name: str, task: "asyncio.Future[object]", drain: float) -> BaseException | None:
    """Wait until a part has ended and return its error; a part that takes longer than `drain` is cancelled."""
    if not (await asyncio.wait([task], timeout=drain))[0]:
        log.error("the %s has not ended within %g s and is cancelled", name, drain)
        task.cancel()
        await asyncio.wait([task])
    return None if task.cancelled() else task.exception()

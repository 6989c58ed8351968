"""Publishes files of events to Kafka: read ahead in a thread, sent in order, each line acknowledged or reported.

Several files are merged by the time of their next line, as in a replay: a file of complaints sent after a year of
purchases would be a year late. Reading has a thread of its own, so a pipe that falls silent delays neither what was read
before nor its acknowledgement.
"""

import asyncio
import threading
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import NamedTuple

from msgspec import Struct, field

from scorers.contract.wire import Rejection
from streams.gateway.intake import Fact, Intake, KafkaAway
from vigia.runtime.files.event_lines import History, Lateness, Order, read

AHEAD = 5_000  # lines read before they are sent
IN_FLIGHT = 5_000  # events sent before the first of them must be acknowledged


class Line(NamedTuple):
    """A line of a file: a fact, or the reason why it is none."""

    file: str
    number: int
    content: Fact | Rejection


class Published(Struct):
    """The results of a run."""

    topics: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)  # by code

    @property
    def events(self) -> int:
        """How many events Kafka has acknowledged."""
        return self.topics.total()


async def publish(intake: Intake, lines: Iterator[Line], reject: Callable[[Line, Rejection], None]) -> Published:
    """Send every event in order and return when all are acknowledged; a line that is no event goes to `reject`."""
    done = Published()
    waiting: deque[tuple[Line, Fact, asyncio.Future[object]]] = deque()
    try:
        async for line in ahead(lines):
            if isinstance(line.content, Rejection):
                done.rejected[line.content.code] += 1
                reject(line, line.content)
                continue
            waiting.append((line, line.content, await intake.enqueue(line.content)))
            while waiting and (len(waiting) > IN_FLIGHT or waiting[0][2].done()):
                await _acknowledged(intake, done, *waiting.popleft())
        while waiting:
            await _acknowledged(intake, done, *waiting.popleft())
    finally:
        for *_, future in waiting:
            future.cancel()
    return done


async def _acknowledged(
    intake: Intake, done: Published, line: Line, fact: Fact, future: "asyncio.Future[object]"
) -> None:
    try:
        if not future.done():
            async with asyncio.timeout(intake.deadline):
                await future
        future.result()
    except Exception as fault:
        why = f"{line.file}:{line.number} was not acknowledged ({type(fault).__name__}); {done.events} events before it were"
        raise KafkaAway(why) from fault
    done.topics[fact.topic] += 1


def lines(
    sources: Sequence[str],
    progress: Callable[[int], None] | None = None,
    order: Order | None = None,
    lateness: Lateness | None = None,
    history: History | None = None,
) -> Iterator[Line]:
    """The lines of all files as `event_lines.read` reads them; `lateness` counts what comes too late."""
    names = ["stdin" if source == "-" else source for source in sources]  # whole, so that an editor finds the line
    for line in read(sources, progress, order, names, history):
        event = line.event
        if lateness is not None and not isinstance(event, Rejection):
            lateness.look(event)
        yield Line(line.file, line.number, event if isinstance(event, Rejection) else Fact(event, line.raw))


async def ahead(lines: Iterator[Line]) -> AsyncIterator[Line]:
    """The lines, read by a thread; raises what reading raised."""
    loop, arrived = asyncio.get_running_loop(), asyncio.Event()
    box: deque[Line | BaseException | None] = deque()
    room = threading.Semaphore(AHEAD)

    def put(one: Line | BaseException | None) -> None:
        box.append(one)
        if len(box) == 1:
            loop.call_soon_threadsafe(arrived.set)

    def read() -> None:
        try:
            for line in lines:
                room.acquire()
                put(line)
            put(None)
        except BaseException as fault:
            put(fault)

    threading.Thread(target=read, name="reading", daemon=True).start()
    while True:
        while not box:
            arrived.clear()
            if not box:
                await arrived.wait()
        one = box.popleft()
        if one is None:
            return
        if isinstance(one, BaseException):
            raise one
        room.release()
        yield one

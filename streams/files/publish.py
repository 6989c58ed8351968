"""Publishes files of events to Kafka: read ahead in a thread, sent in order, each line acknowledged or reported.

Several files are merged by the time of their next line, as in a replay: a file of complaints sent after a year of
purchases would be a year late. Reading has a thread of its own, so a pipe that falls silent delays neither what was read
before nor its acknowledgement.
"""

import asyncio
import gzip
import heapq
import io
import sys
import threading
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, NamedTuple

from msgspec import Struct, field

from scorers.contract.wire import Rejection, decode
from streams.gateway.intake import Fact, Intake, KafkaAway

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
    rejected: int = 0

    @property
    def events(self) -> int:
        """How many events Kafka has acknowledged."""
        return self.topics.total()


async def publish(intake: Intake, lines: Iterator[Line], reject: Callable[[Line, Rejection], None]) -> Published:
    """Send every event in order and return when all are acknowledged; a line that is no event goes to `reject`."""
    done = Published()
    waiting: deque[tuple[Line, Fact, asyncio.Future[object]]] = deque()
    try:
        async for line in _ahead(lines):
            if isinstance(line.content, Rejection):
                done.rejected += 1
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


def lines(sources: Sequence[str], progress: Callable[[int], None] | None = None) -> Iterator[Line]:
    """The lines of all files, merged by time; `-` is standard input, gzip files are unpacked."""
    with ExitStack() as stack:
        files = [_timed(_of_file(source, stack, progress)) for source in sources]
        yield from (line for _, line in heapq.merge(*files, key=lambda timed: timed[0]))


def _timed(file: Iterator[Line]) -> Iterator[tuple[int, Line]]:
    """Each line with its time; one that is no event has the time of the event before it."""
    last = 0
    for line in file:
        if isinstance(line.content, Fact):
            last = int(line.content.event.time)
        yield last, line


def _of_file(source: str, stack: ExitStack, progress: Callable[[int], None] | None) -> Iterator[Line]:
    content: IO[bytes] = sys.stdin.buffer if source == "-" else stack.enter_context(Path(source).open("rb"))  # noqa: SIM115
    packed = source != "-" and content.peek(2)[:2] == b"\x1f\x8b"  # type: ignore[attr-defined]
    name, reported = ("stdin" if source == "-" else source), 0
    for number, raw in enumerate(io.BufferedReader(gzip.GzipFile(fileobj=content)) if packed else content, 1):
        if progress is not None and source != "-" and number % 1000 == 0:
            progress(content.tell() - reported)
            reported = content.tell()
        if bare := raw.strip():
            event = decode(bare)
            yield Line(name, number, event if isinstance(event, Rejection) else Fact(event, bare))


async def _ahead(lines: Iterator[Line]) -> AsyncIterator[Line]:
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

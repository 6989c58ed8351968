"""Ends a process that runs without working; the next start repairs the rest by reading again.

An event loop that stalled for long may wake up to partitions that belong to another worker by then (`Watchdog`); a
commit that does not move although records wait and Kafka answers will not move by itself (`Liveness`). Both exit at once
with a message: an orderly stop would wait for what does not move.
"""

import logging
import os
import signal
import threading
import time
from asyncio import get_running_loop
from collections.abc import Callable, Hashable, Mapping
from typing import Any, NoReturn

log = logging.getLogger(__name__)

EXIT_STATUS = 70  # exit status, as of any failure that the next start repairs
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # the one that goes on while a machine sleeps


def _now() -> float:
    return time.clock_gettime(_CLOCK)


def exit_process(why: str) -> NoReturn:
    """End the process now; the last line on standard error says why."""
    os.write(2, f"vigia: {why}; exiting with {EXIT_STATUS}, the next start goes on from what is committed\n".encode())
    os._exit(EXIT_STATUS)


class Watchdog:
    """Ends the process when its event loop has stalled for so long that its partitions may be another worker's.

    What it wrote then could be older than what the other worker has written. A thread detects a busy loop; a process
    that was stopped as a whole receives SIGCONT before anything else in it continues.
    """

    def __init__(self, limit: float, end: Callable[[str], object] = exit_process) -> None:
        self._limit, self._end = limit, end
        self._over = threading.Event()
        self._loop = get_running_loop()
        self._alive = _now()
        self._beat()
        self._previous_handler: Any = None
        if threading.current_thread() is threading.main_thread():
            self._previous_handler = signal.signal(signal.SIGCONT, self.check)
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def _beat(self) -> None:
        self.check()  # a loop that wakes up may come here before the thread has looked
        self._alive = _now()
        if not self._over.is_set():
            self._loop.call_later(self._limit / 10, self._beat)

    def check(self, *_: object) -> None:
        """End the process if its loop has stalled; called before anything that must not be done too late."""
        if (stalled := _now() - self._alive) > self._limit and not self._over.is_set():
            self._over.set()
            self._end(f"the event loop stood still for {stalled:.1f} s, and others may go on by now")

    def _watch(self) -> None:
        while not self._over.wait(self._limit / 10):
            self.check()

    def stop(self) -> None:
        """Stop watching."""
        self._over.set()
        if self._previous_handler is not None:
            signal.signal(signal.SIGCONT, self._previous_handler)
            self._previous_handler = None


class GuardedProducer:
    """A producer that checks the watchdog before it sends."""

    def __init__(self, producer: Any, watch: Watchdog) -> None:
        self._producer, self._check = producer, watch.check
        self.create_batch = producer.create_batch

    async def partitions_for(self, *arguments: Any, **named: Any) -> Any:
        """As the producer's; the caller is about to send, perhaps into a batch that is open already."""
        self._check()
        return await self._producer.partitions_for(*arguments, **named)

    async def send(self, *arguments: Any, **named: Any) -> Any:
        """As the producer's."""
        self._check()
        return await self._producer.send(*arguments, **named)

    async def send_batch(self, *arguments: Any, **named: Any) -> Any:
        """As the producer's."""
        self._check()
        return await self._producer.send_batch(*arguments, **named)


class Liveness:
    """Measures for how long each position that has to move has not moved.

    >>> now = 0.0
    >>> liveness = Liveness(60, lambda: now)
    >>> liveness.look({"purchases/0": 12})
    ''
    >>> now = 61.0
    >>> liveness.look({"purchases/0": 12})
    'purchases/0 stands at 12 for 61 s'
    >>> liveness.look({"purchases/0": 13})
    ''
    """

    def __init__(self, limit: float, now: Callable[[], float] = _now) -> None:
        self._limit, self._now = limit, now
        self._since: dict[str, tuple[Hashable, float]] = {}

    def look(self, moving: Mapping[str, Hashable]) -> str:
        """Say what has stood still for too long, given each position that has to move now; empty if nothing has."""
        now, before = self._now(), self._since
        self._since = {
            what: before[what] if what in before and before[what][0] == where else (where, now)
            for what, where in moving.items()
        }
        for what, (where, since) in self._since.items():
            if now - since > self._limit:
                return f"{what} stands at {where} for {now - since:.0f} s"
        return ""

    def forgive(self) -> None:
        """Start measuring again: the positions are unknown at present."""
        self._since = {}


class Recovery:
    """How far the rows of newly assigned partitions are recovered, for the log and for metrics.

    Rows are counted where they are written, because a recovery may be over before the first look.

    >>> recovery = Recovery(print)
    >>> recovery.look(0, None)
    >>> recovery.look(300, 700)
    300 1000
    >>> recovery.look(1000, None)
    1000 1000
    """

    LOG_EVERY = 5.0  # seconds

    def __init__(self, report: Callable[[int, int], object]) -> None:
        self._report = report
        self.total = self.done = 0
        self._written_before = 0  # rows of earlier recoveries
        self._logged_at = 0.0

    def look(self, written: int, remaining: int | None) -> None:
        """Rows written since the process started, and rows that remain; None when nothing is being recovered."""
        done, over = written - self._written_before, remaining is None
        if over and not done:
            return
        self.done, self.total = done, done + (remaining or 0)
        self._report(self.done, self.total)
        if over or _now() - self._logged_at > self.LOG_EVERY:
            self._logged_at = _now()
            log.info("%d of %d rows are recovered", self.done, self.total)
        if over:
            self._written_before, self._logged_at = written, 0.0

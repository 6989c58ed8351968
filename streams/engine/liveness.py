"""What ends a process that does not work although it runs; whatever starts it again repairs the rest by reading again.

A loop that stood still for long may wake up to partitions that are another worker's by then (`Watchdog`); a commit that
does not move although records wait and Kafka answers will not move by itself (`Liveness`). Both end the process at once
and by name: a stop in good order would have to wait for what does not move.
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
    """End the process now, with a last line that says why."""
    os.write(2, f"vigia: {why}; exiting with {EXIT_STATUS}, the next start goes on from what is committed\n".encode())
    os._exit(EXIT_STATUS)


class Watchdog:
    """Ends the process when its event loop has stood still for so long that its partitions may be another worker's.

    What it would write then could be older than what the other has written. A loop that is busy is seen by a thread; a
    process that was stopped as a whole is told so by SIGCONT, before anything else of it goes on.
    """

    def __init__(self, limit: float, end: Callable[[str], object] = exit_process) -> None:
        self._limit, self._end = limit, end
        self._over = threading.Event()
        self._loop = get_running_loop()
        self._alive = _now()
        self._beat()
        self._before: Any = None
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGCONT, self.check)
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def _beat(self) -> None:
        self.check()  # a loop that wakes up may come here before the thread has looked
        self._alive = _now()
        if not self._over.is_set():
            self._loop.call_later(self._limit / 10, self._beat)

    def check(self, *_: object) -> None:
        """End the process if its loop has stood still; called before what must not be done too late."""
        if (still := _now() - self._alive) > self._limit and not self._over.is_set():
            self._over.set()
            self._end(f"the event loop stood still for {still:.1f} s, and others may go on by now")

    def _watch(self) -> None:
        while not self._over.wait(self._limit / 10):
            self.check()

    def stop(self) -> None:
        """No more watching."""
        self._over.set()
        if self._before is not None:
            signal.signal(signal.SIGCONT, self._before)
            self._before = None


class GuardedProducer:
    """A producer that sends nothing for a loop that has stood still."""

    def __init__(self, producer: Any, watch: Watchdog) -> None:
        self._producer, self._check = producer, watch.check
        self.create_batch = producer.create_batch

    async def partitions_for(self, *arguments: Any, **named: Any) -> Any:
        """As the producer's; whoever asks is about to send, be it into a batch that waits already."""
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
    """Knows for how long each thing that has to move has not moved.

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
        """Where each thing stands that has to move now; what has stood still for too long, or nothing."""
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
        """Nothing could be known just now: begin anew."""
        self._since = {}


class Recovery:
    """How far the rows of newly given partitions are recovered, for the log and for metrics.

    Rows are counted where they are written: a recovery may be over before anybody has looked.

    >>> recovery = Recovery(print)
    >>> recovery.look(0, None)
    >>> recovery.look(300, 700)
    300 1000
    >>> recovery.look(1000, None)
    1000 1000
    """

    EVERY = 5.0  # seconds between two lines of log

    def __init__(self, tell: Callable[[int, int], object]) -> None:
        self._tell = tell
        self.total = self.done = 0
        self._before = 0  # rows that earlier recoveries had written
        self._said = 0.0

    def look(self, written: int, remaining: int | None) -> None:
        """So many rows were written since the process began, and remain; None when nothing is being recovered."""
        done, over = written - self._before, remaining is None
        if over and not done:
            return
        self.done, self.total = done, done + (remaining or 0)
        self._tell(self.done, self.total)
        if over or _now() - self._said > self.EVERY:
            self._said = _now()
            log.info("%d of %d rows are recovered", self.done, self.total)
        if over:
            self._before, self._said = written, 0.0

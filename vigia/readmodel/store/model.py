"""The read model as a console uses it: questions in threads, each of one snapshot, and how old the data is."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

from vigia.readmodel.store.queries import Queries
from vigia.readmodel.store.tables import Store

T = TypeVar("T")
READERS = 4
STALE_AFTER = 60.0
"""Seconds after which data that was not found current again counts as old."""


class ReadModel:
    """A read model in its store, and the state of whoever fills it.

    `now` gives the time of the business in microseconds: the wall clock, unless the data are of another time.
    """

    def __init__(self, store: Store, now: Callable[[], int] | None = None, *, is_live: bool = True) -> None:
        self.store, self.is_live = store, is_live
        self.now: Callable[[], int] = now or (lambda: time.time_ns() // 1000)
        self.fresh_at: float | None = None  # by the wall clock, when everything was read last
        self.problem = ""  # why nothing is read at present
        self._turns = asyncio.Semaphore(READERS)
        self._changed = asyncio.Event()
        self.next: dict[tuple[str, int], int] = {}  # the next offset of each partition, as committed to the store

    async def ask(self, question: Callable[[Queries], T]) -> T:
        """Answer a question in a thread; all of it sees one snapshot, if the store can keep one. Raises `Unavailable`."""
        async with self._turns:
            return await asyncio.to_thread(self._answer, question)

    def _answer(self, question: Callable[[Queries], T]) -> T:
        with self.store.snapshot() as queries:
            return question(queries)

    def close(self) -> None:
        """Close the connections that only read."""
        self.store.close()

    @property
    def age(self) -> float | None:
        """Seconds since everything was read last; None if it never was, 0 for data that cannot become old."""
        if not self.is_live:
            return 0.0
        return None if self.fresh_at is None else max(0.0, time.time() - self.fresh_at)

    @property
    def is_stale(self) -> bool:
        """Whether people have to be warned that the data are old, or not there."""
        age = self.age
        return age is None or age > STALE_AFTER

    def tell(self) -> None:
        """Wake everybody who waits for a change."""
        told, self._changed = self._changed, asyncio.Event()
        told.set()

    async def change(self, within: float) -> bool:
        """Wait for the next change; False if none came within so many seconds."""
        try:
            async with asyncio.timeout(within):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def reached(self, topic: str, partition: int, offset: int, within: float = 2.0) -> bool:
        """Wait until a record of a topic, named without prefix, is in the read model; False if it is not in time."""
        deadline = time.monotonic() + within
        while self.next.get((topic, partition), 0) <= offset:
            left = deadline - time.monotonic()
            if left <= 0 or not await self.change(left):
                return False
        return True

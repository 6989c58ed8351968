"""Kafka's answer about a batch, for which many requests wait, each until a time of its own.

A timer and a shield for each request would cost more than its record: here a request costs one future, and a batch one timer.
"""

import asyncio
from collections import deque
from typing import Any


class Acknowledgement:
    """`future` completes when Kafka has the batch. It is shared: whoever may be cancelled awaits `by` instead."""

    def __init__(self, future: "asyncio.Future[Any]") -> None:
        self.future = future
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[float, asyncio.Future[None]]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        future.add_done_callback(self._settled)

    def by(self, until: float) -> "asyncio.Future[None]":
        """A future of the caller's own, which fails with TimeoutError when the loop's clock has come so far.

        All callers wait for equally long, so they give up in the order in which they came.
        """
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append((until, waiter))
        if self.future.done():
            self._settled(self.future)
        elif self._timer is None:
            self._timer = self._loop.call_at(until, self._expired)
        return waiter

    def _expired(self) -> None:
        """Some have waited long enough; the timer is set for the next."""
        self._timer = None
        now = self._loop.time()
        while self._waiting and self._waiting[0][0] <= now:
            _, waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(TimeoutError())
        if self._waiting:
            self._timer = self._loop.call_at(self._waiting[0][0], self._expired)

    def _settled(self, future: "asyncio.Future[Any]") -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        fault = None if future.cancelled() else future.exception()
        for _, waiter in self._waiting:
            if waiter.done():
                continue
            if future.cancelled():
                waiter.cancel()
            elif fault is not None:
                waiter.set_exception(fault)
            else:
                waiter.set_result(None)
        self._waiting.clear()

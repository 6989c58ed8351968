"""Many requests wait for Kafka's answer about one batch: each gets it, or gives up by itself."""

import asyncio
from typing import Any

import pytest

from streams.gateway.sending.acknowledgement import Acknowledgement

FAR = 3600.0  # seconds that no test waits


async def test_who_gives_up_leaves_the_others_waiting() -> None:
    """One is cancelled and one is late; the third gets the answer, and so does who asks after it."""
    loop = asyncio.get_running_loop()
    kafka: asyncio.Future[Any] = loop.create_future()
    shared = Acknowledgement(kafka)
    late, ended, patient = shared.by(loop.time()), shared.by(loop.time() + FAR), shared.by(loop.time() + FAR)
    ended.cancel()
    with pytest.raises(TimeoutError):
        await late
    assert not patient.done()
    kafka.set_result("offset")
    await patient
    await shared.by(loop.time() + FAR)


async def test_each_of_the_late_gives_up_in_its_turn() -> None:
    """The timer is set again for the next, until nobody waits; an answer after that reaches nobody."""
    loop = asyncio.get_running_loop()
    kafka: asyncio.Future[Any] = loop.create_future()
    shared, now = Acknowledgement(kafka), loop.time()
    waiters = [shared.by(now + seconds) for seconds in (0.01, 0.02, 0.03)]
    for waiter in waiters:
        with pytest.raises(TimeoutError):
            await waiter
    kafka.set_result("offset")


async def test_a_refusal_reaches_all_who_wait() -> None:
    """The error of the batch is that of each request; a producer that was closed cancels them."""
    loop = asyncio.get_running_loop()
    refused, closed = loop.create_future(), loop.create_future()
    waiters = [Acknowledgement(refused).by(loop.time() + FAR) for _ in range(2)]
    refused.set_exception(OSError("refused"))
    for waiter in waiters:
        with pytest.raises(OSError, match="refused"):
            await waiter
    waiter = Acknowledgement(closed).by(loop.time() + FAR)
    closed.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter

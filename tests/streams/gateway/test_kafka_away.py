"""While Kafka is silent nobody waits for it: requests are refused at once, and taken again as soon as it answers."""

import asyncio
import socket
from collections.abc import Callable

from streams.engine.batching_producer import partition_of
from streams.gateway.intake import NOT_TAKEN, UNKNOWN
from tests.streams.gateway.test_gateway import standing
from tests.support.door import LINES, Door, batch, opened, purchase
from tests.support.stoppable_broker import StoppableBroker
from vigia.lab.embedded_kafka import PARTITIONS

NEVER = 3600.0  # seconds until the deadline: what is answered was not answered by it


async def until(true: Callable[[], object]) -> None:
    """Wait for it to be so."""
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.01)


async def status_of(door: Door, *customers: str) -> int:
    """The status of a body with a sale of each."""
    async with asyncio.timeout(60):
        return (await door.post(batch(*[purchase(customer=one) for one in customers]), LINES))[0]


async def test_while_kafka_is_silent_requests_are_refused_at_once_until_it_answers() -> None:
    """The first waits, those after it are answered 503 although the deadline is far, of other partitions too; then all is taken again."""
    one, other = (next(f"C{n}" for n in range(99) if partition_of(PARTITIONS, b"C%d" % n) == at) for at in (0, 1))
    with StoppableBroker() as broker:
        async with opened(broker.address, deadline=NEVER, patience=0.0) as door:
            assert await status_of(door, one) == 202
            batches = door.gateway.intake._batches
            assert batches is not None
            broker.fall_silent()
            waiting = asyncio.create_task(status_of(door, one))
            await until(lambda: len(batches._owed) == 1)
            assert await status_of(door, one) == 503
            assert await status_of(door, other, one) == 503  # as a whole: nothing of it is on its way
            for customer in (one, other) * 10:
                assert await status_of(door, customer) == 503
            assert (
                len(batches._owed) == 1
            )  # the other partition's sales were not handed to the producer: its broker was asked
            assert not waiting.done()
            broker.go_on()
            assert await waiting == 202
            await until(lambda: not batches._brokers.gone)
            assert await status_of(door, one, other) == 202
            assert await standing(broker.address) == 4


async def test_while_a_start_hangs_requests_are_refused_at_once() -> None:
    """Somebody accepts connections at Kafka's address and says nothing: the first request waits, the second does not."""
    nobody = socket.create_server(("127.0.0.1", 0))
    address = f"127.0.0.1:{nobody.getsockname()[1]}"
    async with opened(address, deadline=NEVER, patience=0.0) as door:
        waiting = asyncio.create_task(status_of(door, "C1"))
        await until(lambda: door.gateway.intake._start)
        assert await status_of(door, "C2") == 503
        assert not waiting.done()
        nobody.close()
        assert await waiting == 503


async def test_the_answer_says_whether_what_is_refused_may_be_written() -> None:
    """A sale that was handed over when its time was over is in Kafka later, as its answer said; those refused at once are not."""
    with StoppableBroker() as broker:
        async with opened(broker.address, deadline=1.0, patience=0.5) as door:
            assert await status_of(door, "C1") == 202
            broker.fall_silent()
            async with asyncio.timeout(60):
                status, answer = await door.post(batch(purchase(2)), LINES)
                assert (status, UNKNOWN in answer["error"]) == (503, True), answer
                status, answer = await door.post(batch(purchase(3)), LINES)
                assert (status, NOT_TAKEN in answer["error"]) == (503, True), answer
            broker.go_on()
            async with asyncio.timeout(60):
                while await standing(broker.address) != 2:
                    await asyncio.sleep(0.05)
            assert await standing(broker.address) == 2

"""What producers may do to the input topics: any compression, transactions that end well, are aborted or never end.

The producers are the Java client's, with the tools that come with Kafka, and aiokafka's where a transaction has to be
aborted or left open at a certain record.
"""

import asyncio
import json
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic

from streams.engine.batching_producer import partition_of
from tests.faults.proof import LATER, Proof, context, states
from tests.kafka.running import time_of
from vigia.lab.local_kafka import jars, require
from vigia.runtime import topic_reader

pytestmark = pytest.mark.kafka

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
HOME = next(
    f"till-{n}" for n in range(100) if partition_of(4, f"till-{n}".encode()) == 0
)  # the copier keeps partitions


def java(tool: str, *arguments: str) -> list[str]:
    return [
        require("java", "install Java 17"),
        "-Xmx256m",
        "-cp",
        f"{jars()}/*",
        f"org.apache.kafka.tools.{tool}",
        *arguments,
    ]


async def run(command: list[str], given: bytes = b"") -> None:
    done = await asyncio.to_thread(subprocess.run, command, input=given, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()[-2000:]


def purchases(customer: str, number: int, first_day: int = 1) -> list[bytes]:
    return [
        json.dumps({"id": f"{customer}-{first_day}-{n}", "source": "till", "type": "purchase.completed",
                    "time": f"2024-01-{first_day + n:02d}T10:00:00Z", "customer_id": customer,
                    "amount_minor": 1000, "currency": "EUR"}).encode()
        for n in range(number)
    ]  # fmt: skip


async def console(proof: Proof, lines: Iterable[bytes], codec: str) -> None:
    """Publish purchases with Kafka's own console producer, all in one batch."""
    keyed = b"".join(json.loads(line)["customer_id"].encode() + b"\t" + line + b"\n" for line in lines)
    options = ["--property", "parse.key=true", "--compression-codec", codec, "--timeout", "300"]
    where = ["--bootstrap-server", proof.broker.address, "--topic", proof.broker.name("purchases")]
    await run(java("ConsoleProducer", *where, *options), keyed)


async def copied(proof: Proof, lines: Iterable[bytes]) -> None:
    """Copy purchases with Kafka's transactional copier, which aborts transactions at random and tries them again."""
    staged = proof.broker.name("staged")
    await proof.admin.create_topics([NewTopic(staged, 1, 1)])
    for line in lines:
        await proof.producer.send(staged, line, key=HOME.encode(), partition=0)
    await proof.producer.flush()
    options = [
        "--transaction-size",
        "3",
        "--transactional-id",
        staged,
        "--consumer-group",
        staged,
        "--enable-random-aborts",
    ]
    topics = ["--input-topic", staged, "--input-partition", "0", "--output-topic", proof.broker.name("purchases")]
    await run(java("TransactionalMessageCopier", "--broker-list", proof.broker.address, *topics, *options))


async def transaction(proof: Proof, lines: Iterable[bytes]) -> AIOKafkaProducer:
    """Begin a transaction and write purchases in it."""
    producer = AIOKafkaProducer(transactional_id=f"shop-{uuid4().hex}", **proof.broker.client())
    await producer.start()
    await producer.begin_transaction()
    for line in lines:
        key = json.loads(line)["customer_id"].encode()
        await producer.send_and_wait(proof.broker.name("purchases"), line, key=key)
    return producer


async def counted(proof: Proof) -> dict[str, int]:
    """The purchases of each customer that the workers hold."""
    kept = await proof.rows()
    found = [states(rows, context(proof.policy, ())) for rows in kept.values()]
    return {name: state.purchases.count for heads in found for name, state in heads.items() if state.first_seen}


@pytest_asyncio.fixture
async def proof(kafka: str, tmp_path: Path) -> AsyncIterator[Proof]:
    async with Proof(kafka, f"producers-{uuid4().hex[:8]}-", tmp_path, 4) as proof:
        proof.start("a", VIGIA_MARGIN=LATER, VIGIA_STUCK="10")
        yield proof


async def test_every_compression_is_read(proof: Proof) -> None:
    """A batch in each of Kafka's compressions, by Java: all are folded by one worker that stays up."""
    proof.tick()
    for codec in CODECS:
        await console(proof, purchases(f"packed-{codec}", 4), codec)
    await proof.ticked(max(map(time_of, purchases("any", 4))))
    assert await counted(proof) == {f"packed-{codec}": 4 for codec in CODECS}
    assert await proof.letters() == []
    assert await proof.stop("a") == 0


async def test_only_what_was_committed_counts(proof: Proof) -> None:
    """Transactions by Java and Python, some aborted: each record counts once, an aborted one never; time goes on behind them."""
    proof.tick()
    lines = purchases(HOME, 20)
    await copied(proof, lines)
    ghosts = await transaction(proof, [*purchases("ghost", 3), *purchases(HOME, 3, 25)])
    await ghosts.abort_transaction()
    await ghosts.stop()
    sale = purchases("member", 3)
    members = await transaction(proof, sale)
    await members.commit_transaction()
    await members.stop()
    await proof.ticked(max(map(time_of, lines)))  # the ends of transactions, which are no records, hold up no tick
    assert await counted(proof) == {HOME: 20, "member": 3}
    assert await proof.letters() == []
    await asyncio.sleep(15)  # longer than a stuck worker is allowed: to have nothing to commit is not to be stuck
    proof.processes.check()

    shown = Counter[str]()
    await topic_reader.read(
        proof.broker, "purchases", lambda record: shown.update([json.loads(record.value)["customer_id"]])
    )
    assert shown == {HOME: 20, "member": 3}, "the commands show what was committed"
    assert await proof.stop("a") == 0


async def test_a_transaction_that_stays_open_stops_nothing_before_it(proof: Proof) -> None:
    """Records before an open transaction are folded and the worker does not end itself; what it holds counts when it ends."""
    await proof.publish(purchases("early", 4))
    open_one = await transaction(proof, purchases("late", 4))

    async def folded(expected: dict[str, int]) -> bool:
        return await counted(proof) == expected

    await proof.until(lambda: folded({"early": 4}))
    await asyncio.sleep(15)
    proof.processes.check()
    await open_one.commit_transaction()
    await open_one.stop()
    await proof.until(lambda: folded({"early": 4, "late": 4}))
    assert await proof.stop("a") == 0

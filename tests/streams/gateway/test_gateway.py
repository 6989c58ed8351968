"""The gateway over real HTTP, before a broker that is there, goes, and comes back."""

import asyncio
import gzip
import json
import re
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from io import BytesIO
from typing import Any

import aiohttp
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.partitioner import murmur2
from prometheus_client import generate_latest
from typer.testing import CliRunner

from scorers.contract.rejection import MAX_BYTES
from streams.gateway.body import MAX_BATCH
from tests.support.door import DIGEST, LINES, ONE, TOKEN, Door, batch, opened, purchase
from vigia.cli import app
from vigia.lab.embedded_kafka import PARTITIONS, EmbeddedKafka
from vigia.lab.local_kafka import free_port
from vigia.runtime.broker import INPUTS, Broker


@pytest.fixture
def kafka() -> Iterator[str]:
    """A broker with the input topics."""
    with EmbeddedKafka() as broker:
        broker.create(*INPUTS)
        yield broker.address


@pytest.fixture
async def door(kafka: str) -> AsyncIterator[Door]:
    """A gateway that knows one token."""
    async with opened(kafka, DIGEST) as door:
        yield door


async def on(kafka: str, count: int, *topics: str) -> list[Any]:
    """The first so many records on these topics."""
    consumer = AIOKafkaConsumer(*topics, bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    found = [await consumer.getone() for _ in range(count)]
    await consumer.stop()
    return found


async def standing(kafka: str) -> int:
    """How many records there are on all inputs."""
    consumer = AIOKafkaConsumer(*INPUTS, bootstrap_servers=kafka)
    await consumer.start()
    ends = await consumer.end_offsets(consumer.assignment())
    await consumer.stop()
    return sum(ends.values())


async def test_an_accepted_event_is_in_kafka(door: Door, kafka: str) -> None:
    """After 202 the bytes stand on the topic of the type, under the customer's key, in murmur2's partition."""
    sale = purchase(till_says="kept")
    assert await door.post(json.dumps(sale, indent=1).encode()) == (202, {"accepted": 1, "duplicates": 0})
    (record,) = await on(kafka, 1, "purchases")
    assert json.loads(record.value) == sale
    assert record.key == b"C1"
    assert record.partition == (murmur2(b"C1") & 0x7FFFFFFF) % PARTITIONS


async def test_a_batch_keeps_its_order_and_finds_its_topics(door: Door, kafka: str) -> None:
    """Each line goes to the topic of its type; one customer's lines stay in order; blank lines are none."""
    sales = [purchase(n) for n in range(300)]
    others = [
        {"type": "complaint.opened", "id": "k", "source": "desk", "time": "2024-05-06T07:08:09Z", "customer_id": "C1"}
        | {"complaint_id": "K1"},
        purchase(900, None),
    ]
    assert await door.post(batch(*sales, b"", *others, b" \r"), LINES) == (202, {"accepted": 302, "duplicates": 0})
    bought = [json.loads(r.value)["id"] for r in await on(kafka, 301, "purchases") if r.key == b"C1"]
    assert bought == [f"p{n}" for n in range(300)]
    (complaint,) = await on(kafka, 1, "complaints")
    assert complaint.key == b"C1"


async def test_a_batch_with_a_bad_line_is_not_taken(door: Door, kafka: str) -> None:
    """Nothing is sent, and each bad line is named with its reason."""
    bad = batch(purchase(), b"{", purchase(2, time="yesterday"), purchase(3), purchase(4, schema_version=9))
    status, told = await door.post(bad, LINES)
    assert status == 400
    assert [(line["line"], line["code"]) for line in told["lines"]] == [
        (2, "not_json"),
        (3, "bad_time"),
        (5, "schema_unknown"),
    ]
    assert told["rejected"] == 3
    assert "yesterday" not in json.dumps(told)
    assert await standing(kafka) == 0


@pytest.mark.parametrize(
    ("body", "headers", "token", "status"),
    [
        (batch(purchase()), ONE, "", 401),
        (batch(purchase()), ONE, "vigia_wrong", 401),
        (batch(purchase()), ONE, DIGEST, 401),
        (batch(purchase()), ONE, "\udce4", 401),
        (b"", ONE, "known", 400),
        (b"\n\n", LINES, "known", 400),
        (b"[" * 100_000, ONE, "known", 400),
        (batch(purchase(), purchase(2)), ONE, "known", 400),
        (batch(purchase()), {"Content-Type": "text/plain"}, "known", 415),
        (b" " * (MAX_BYTES + 1), ONE, "known", 413),
        (b"\n" * (MAX_BATCH + 1), LINES, "known", 413),
        (b"\n" * 50_001, LINES, "known", 413),
        (gzip.compress(b"\n" * (MAX_BATCH + 1)), LINES | {"Content-Encoding": "gzip"}, "known", 415),
        (batch(purchase()), ONE | {"Content-Encoding": "identity"}, "known", 415),
    ],
)
async def test_what_is_refused(
    door: Door, kafka: str, body: bytes, headers: dict[str, str], token: str, status: int
) -> None:
    """D8: without a known token, of another kind, too large or empty: each has its status, and nothing is sent."""
    token = TOKEN if token == "known" else token
    bearer = {"Authorization": f"Bearer {token}".encode("utf-8", "surrogateescape").decode("latin-1")} if token else {}
    async with door.session.post(f"{door.url}/v1/events", data=BytesIO(body), headers=headers | bearer) as answer:
        assert answer.status == status
    assert door.gateway.registry.get_sample_value("vigia_gateway_requests_total", {"status": str(status)}) == 1
    assert await standing(kafka) == 0


async def test_what_is_not_acknowledged_is_not_accepted() -> None:
    """While Kafka is away every try is answered 503 and readiness says so; when it is there, the same is accepted."""
    address = f"127.0.0.1:{free_port()}"
    async with opened(address, deadline=0.5) as door:
        assert (await door.post(batch(purchase())))[0] == 503
        assert "Kafka does not answer" in await door.gateway.intake.ready()
        assert (await door.get("/healthz"))[0] == 200
        with EmbeddedKafka() as broker:
            broker.create(*INPUTS)
            door.gateway.intake.broker = Broker(broker.address)
            assert (await door.post(batch(purchase())))[0] == 202
            assert await door.gateway.intake.ready() == ""
            assert await standing(broker.address) == 1


async def test_a_broker_that_dies_is_not_waited_for() -> None:
    """Kafka gone with the producer running: 503 within the deadline, and the gateway lives."""
    with EmbeddedKafka() as broker:
        broker.create(*INPUTS)
        async with opened(broker.address, deadline=0.5) as door:
            assert (await door.post(batch(purchase())))[0] == 202
            broker.stop()
            answers = await asyncio.gather(*[door.post(batch(purchase(n))) for n in range(2, 5)])
            assert {status for status, _ in answers} == {503}
            assert await door.gateway.intake.ready() != ""
            broker._owner = None


async def test_the_metrics_name_no_customer(door: Door) -> None:
    """D14: events by type and rejects by reason are counted, ids are nowhere."""
    await door.post(batch(purchase(1, "canary-7"), purchase(2)), LINES)
    await door.post(b'{"canary-7": 1}')
    text = generate_latest(door.gateway.registry).decode()
    assert 'vigia_gateway_events_total{topic="purchases",type="purchase.completed"} 2.0' in text
    assert 'vigia_gateway_rejects_total{code="missing_field"} 1.0' in text
    assert "canary" not in text


async def test_the_command_serves_and_ends_in_order(kafka: str) -> None:
    """Started as users start it, it takes events without Redis, says once that Redis is away, and ends with 0."""
    command = [
        sys.executable,
        "-m",
        "vigia",
        "gateway",
        "--kafka",
        kafka,
        "--port",
        "0",
        "--no-token",
        "--metrics-port",
        "0",
    ]
    command += ["--redis", f"redis://127.0.0.1:{free_port()}/0"]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    said = b""
    while b"/v1/events" not in said or b"no customer cards" not in said:
        line = await process.stderr.readline()
        assert line, said
        said += line
    found = re.search(rb"(http://\S+/v1/events)", said)
    assert found
    url = found[1].decode()
    async with aiohttp.ClientSession() as web, web.post(url, data=batch(purchase()), headers=ONE) as answer:
        assert answer.status == 202
    process.send_signal(signal.SIGTERM)
    said += await process.stderr.read()
    assert await process.wait() == 0
    assert said.count(b"no customer cards") == 1
    assert await standing(kafka) == 1


@pytest.mark.parametrize("arguments", [[], ["--no-token", "--host", "0.0.0.0"]])
def test_it_is_not_left_open_by_accident(arguments: list[str]) -> None:
    """Without a token it does not start, and never beyond this machine."""
    done = CliRunner().invoke(app, ["gateway", *arguments], env={"VIGIA_GATEWAY_TOKENS": ""})
    assert "VIGIA_GATEWAY_TOKENS is not set" in str(done.exception)


def test_a_digest_that_is_none_is_refused() -> None:
    """A token put where its digest belongs is told, and not repeated."""
    done = CliRunner().invoke(app, ["gateway"], env={"VIGIA_GATEWAY_TOKENS": TOKEN})
    assert "64 hexadecimal digits" in str(done.exception)
    assert TOKEN not in str(done.exception)

"""Publishing from a till: what is durable when `publish` returns, and what becomes of it while nobody answers."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from scorers.contract.wire import decode
from streams.engine.batching_producer import partition_of
from tests.support.door import TOKEN, purchase, token_named
from tests.support.paths import ROOT
from vigia.client import AsyncPublisher, InvalidEvent, NotAcknowledged, Publisher
from vigia.client.spool import Spool, SpoolFull
from vigia.lab.embedded_kafka import PARTITIONS, EmbeddedKafka
from vigia.runtime.broker import INPUTS, Broker
from vigia.runtime.topic_reader import read

NOWHERE = "127.0.0.1:9"


@pytest.fixture
def kafka() -> Iterator[str]:
    with EmbeddedKafka() as broker:
        broker.create(*INPUTS)
        yield broker.address


def ids(address: str, topic: str = "purchases") -> list[tuple[int, str]]:
    """Partition and id of each record of a topic, each partition in its order."""
    found: list[tuple[int, str]] = []

    def take(record: Any) -> None:
        found.append((record.partition, json.loads(record.value)["id"]))

    asyncio.run(read(Broker(address), topic, take))
    return sorted(found, key=lambda one: one[0])


# --- without a spool --------------------------------------------------------------------------------------------------


def test_without_a_spool_an_event_is_acknowledged_when_publish_returns(kafka: str) -> None:
    """In the partition that Java's clients choose; a dictionary, bytes and a struct are the same."""
    raw = json.dumps(purchase(2, "C2"), indent=1).encode()
    event = decode(json.dumps(purchase(3, "C3")).encode())
    with Publisher(kafka=kafka) as publisher:
        for one in (purchase(1, "C1"), raw, event):
            publisher.publish(one)  # type: ignore[arg-type]  # the struct may be a rejection for mypy
    wanted = {(partition_of(PARTITIONS, f"C{n}".encode()), f"p{n}") for n in (1, 2, 3)}
    assert set(ids(kafka)) == wanted


def test_what_is_no_event_is_refused_at_once_with_the_contracts_reason(tmp_path: Path) -> None:
    """It never reaches a spool, where it would wait for ever."""
    with Publisher(spool=tmp_path) as publisher:
        with pytest.raises(InvalidEvent, match="bad_value: amount_minor"):
            publisher.publish(purchase(amount_minor=-1))
        with pytest.raises(InvalidEvent, match="not_json"):
            publisher.publish({"id": object()})
        assert publisher.waiting == 0


def test_nobody_to_send_to_is_an_error_and_two_are() -> None:
    with pytest.raises(ValueError, match="where should events go"):
        Publisher()
    with pytest.raises(ValueError, match="not both"):
        Publisher(kafka="a:1", gateway="http://b")


def test_without_a_spool_a_kafka_that_is_away_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with Publisher(kafka=NOWHERE) as publisher, pytest.raises(NotAcknowledged, match="Kafka did not acknowledge"):
        publisher.publish(purchase())


# --- with a spool -----------------------------------------------------------------------------------------------------


def test_a_till_goes_on_while_kafka_is_away_and_all_is_sent_in_order_later(tmp_path: Path, kafka: str) -> None:
    """`publish` does not wait for Kafka; what waits is sent in the order of each customer, once."""
    with Publisher(kafka=NOWHERE, spool=tmp_path) as publisher:
        for number in range(40):
            publisher.publish(purchase(number, f"C{number % 4}"))
        assert publisher.flush(patience=0.2) == 40
        assert "Kafka" in publisher.problem
    with Publisher(kafka=kafka, spool=tmp_path) as publisher:
        publisher.publish(purchase(40, "C0"))
        assert publisher.flush() == 0
        assert publisher.problem == ""
    sent = ids(kafka)
    assert len(sent) == 41
    for customer in range(4):
        own = [name for _, name in sent if int(name[1:]) % 4 == customer]
        assert own == [f"p{number}" for number in range(41) if number % 4 == customer]


TILL = """
import sys
from vigia.client import Publisher
publisher = Publisher(kafka=sys.argv[1], spool=sys.argv[2])
for number in range(int(sys.argv[3]), 10_000):
    publisher.publish({"type": "purchase.completed", "id": f"p{number}", "source": "till", "time": "2024-05-06T07:08:09Z",
                       "amount_minor": 1, "currency": "EUR", "customer_id": f"C{number % 5}"})
    print(number, flush=True)
"""


def test_a_kill_loses_nothing_that_was_published(tmp_path: Path, kafka: str) -> None:
    """Killed three times at any moment, at first without Kafka: every event that `publish` returned for arrives, in order."""
    published = -1
    for address in (NOWHERE, kafka, kafka):
        till = subprocess.Popen(
            [sys.executable, "-c", TILL, address, str(tmp_path), str(published + 1)],
            stdout=subprocess.PIPE, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert till.stdout is not None
        least = published + 30
        for line in till.stdout:
            published = int(line)
            if published >= least:
                break
        till.send_signal(signal.SIGKILL)
        rest = till.stdout.read().split()
        published = int(rest[-1]) if rest and rest[-1].isdigit() else published
        till.wait()
        till.stdout.close()
    with Publisher(kafka=kafka, spool=tmp_path) as publisher:
        assert publisher.flush() == 0
    arrived = list(dict.fromkeys(name for _, name in ids(kafka)))
    assert set(arrived) >= {f"p{number}" for number in range(published + 1)}
    for customer in range(5):
        own = [int(name[1:]) for name in arrived if int(name[1:]) % 5 == customer]
        assert own == sorted(own)


async def test_several_publishers_share_a_spool_and_one_sends(tmp_path: Path, kafka: str) -> None:
    """Each of a row of tills adds; nothing is sent by two."""
    async with (
        AsyncPublisher(kafka=kafka, spool=tmp_path) as one,
        AsyncPublisher(kafka=kafka, spool=tmp_path) as two,
        AsyncPublisher(spool=tmp_path) as silent,
    ):
        await asyncio.gather(*[which.publish(purchase(n, f"C{n}")) for n, which in enumerate((one, two, silent) * 20)])
        assert await one.flush() == 0
    found = [name for _, name in await asyncio.to_thread(ids, kafka)]
    assert sorted(found) == sorted(f"p{n}" for n in range(60))


def test_a_spool_takes_events_of_many_threads(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: spool.add([b"%d" % n]), range(200)))
    assert sorted(int(one.event) for one in spool.first(1000, 1 << 20)) == list(range(200))
    spool.close()


def test_a_batch_is_bounded_by_bytes_and_a_large_event_goes_alone(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.add([b"x" * 10, b"y" * 10, b"z" * 100, b"w"])
    assert [len(one.event) for one in spool.first(10, 25)] == [10, 10]
    spool.done(spool.first(2, 25), {1: "no"})
    assert (spool.waiting, spool.refused) == (2, [(b"y" * 10, "no")])
    assert [len(one.event) for one in spool.first(10, 25)] == [100]
    spool.close()


def test_a_full_spool_says_so(tmp_path: Path) -> None:
    spool = Spool(tmp_path, most=2)
    spool.add([b"1", b"2"])
    with pytest.raises(SpoolFull, match="2 events wait already"):
        spool.add([b"3"])
    spool.close()


def test_a_spool_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    """It names customers."""
    Spool(tmp_path / "spool").close()
    assert (tmp_path / "spool").stat().st_mode & 0o077 == 0


def test_every_commit_is_synced(tmp_path: Path) -> None:
    """Else a power cut would lose what `publish` promised."""
    spool = Spool(tmp_path)
    found: sqlite3.Connection = spool._events
    assert found.execute("pragma synchronous").fetchone() == (2,)
    spool.close()


# --- to a gateway -----------------------------------------------------------------------------------------------------


async def test_a_gateway_takes_what_its_token_may_send_and_the_rest_is_kept_apart(tmp_path: Path, kafka: str) -> None:
    """An event that the gateway refuses does not hold up those behind it."""
    from streams.gateway.gateway import accepting
    from streams.gateway.intake import Intake
    from streams.gateway.tokens import Token, Tokens

    token, digest = token_named("narrow")
    tokens = Tokens([Token("narrow", digest, ("till",), None)])
    async with accepting(Intake(Broker(kafka)), tokens, "127.0.0.1", 0) as port:
        url = f"http://127.0.0.1:{port}"
        async with AsyncPublisher(gateway=url, token=token, spool=tmp_path) as publisher:
            for number, source in enumerate(("till", "web", "till")):
                await publisher.publish(purchase(number, "C1", source=source))
            assert await publisher.flush() == 0
            assert [json.loads(event)["id"] for event, _ in publisher.refused] == ["p1"]
            assert "source" in publisher.refused[0][1]
        async with AsyncPublisher(gateway=url, token=token) as publisher:
            with pytest.raises(InvalidEvent):
                await publisher.publish(purchase(3, source="web"))
        async with AsyncPublisher(gateway=url, token=TOKEN) as publisher:
            with pytest.raises(NotAcknowledged, match="the gateway answers 401: send Authorization"):
                await publisher.publish(purchase(4))
    assert [name for _, name in await asyncio.to_thread(ids, kafka)] == ["p0", "p2"]


# --- the command ------------------------------------------------------------------------------------------------------


def vigia(*words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "vigia", *words], cwd=ROOT, input=stdin, capture_output=True, check=False
    )


def test_publish_with_a_spool_ends_well_without_kafka_and_sends_later(tmp_path: Path, kafka: str) -> None:
    """It says what waits; a line that is no event is told; without files it sends what waits."""
    began = time.monotonic()
    lines = b"\n".join(json.dumps(purchase(n)).encode() for n in range(3)) + b"\nnonsense\n"
    kept = vigia("publish", "-", "--spool", str(tmp_path), "--kafka", NOWHERE, stdin=lines)
    assert kept.returncode == 0
    told = kept.stdout.decode().splitlines()
    assert told[:2] == [f"3 events -> {tmp_path}", f"0 events -> {NOWHERE}"]
    assert told[2].startswith(f"3 events wait in {tmp_path} (Kafka ")
    assert b"not_json" in kept.stderr
    assert time.monotonic() - began < 60
    sent = vigia("publish", "--spool", str(tmp_path), "--kafka", kafka)
    assert (sent.returncode, sent.stdout.decode().splitlines()) == (0, [f"3 events -> {kafka}"])
    assert [name for _, name in ids(kafka)] == ["p0", "p1", "p2"]

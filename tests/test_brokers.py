"""Brokers without Docker: the embedded one carries records, and what is missing for the real one is said by name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from streams import localkafka
from streams.embedded import PARTITIONS, EmbeddedKafka, EmbeddedUnavailable
from streams.localkafka import KafkaUnavailable, LocalKafka


async def test_the_embedded_broker_carries_records() -> None:
    """What one client writes another reads, and a topic has the promised number of partitions."""
    pytest.importorskip("confluent_kafka")
    with EmbeddedKafka() as broker:
        broker.create("events")
        producer = AIOKafkaProducer(bootstrap_servers=broker.address)
        await producer.start()
        await producer.send_and_wait("events", b"value", key=b"key")
        assert await producer.partitions_for("events") == set(range(PARTITIONS))
        await producer.stop()
        consumer = AIOKafkaConsumer("events", bootstrap_servers=broker.address, auto_offset_reset="earliest")
        await consumer.start()
        record = await consumer.getone()
        await consumer.stop()
    assert (record.key, record.value) == (b"key", b"value")


def test_a_missing_embedded_broker_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its package the message says what to install."""
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    with pytest.raises(EmbeddedUnavailable, match="pip install"):
        EmbeddedKafka()


def test_missing_java_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without Java the message says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KafkaUnavailable, match="java is not on the PATH: install Java 17"):
        LocalKafka(tmp_path / "kafka").start()


def test_missing_maven_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without Maven, and without jars of an earlier run, the message says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(localkafka, "JARS", tmp_path / "jars")
    with pytest.raises(KafkaUnavailable, match="mvn is not on the PATH: install Maven"):
        localkafka.jars()


def test_a_failpoint_ends_the_process_at_its_turn() -> None:
    """The named place lets pass until its turn; a name that does not exist is an error, not silence."""
    code = "from streams.failpoints import failpoint\nfor n in range(3): failpoint('store'); print(n, flush=True)"

    def run(point: str) -> tuple[int, str]:
        env = {**os.environ, "VIGIA_FAILPOINT": point}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
        return done.returncode, done.stdout.replace("\n", "")

    assert run("store:3") == (-9, "01")
    assert run("ack") == (0, "012")
    assert run("nowhere") == (1, "")

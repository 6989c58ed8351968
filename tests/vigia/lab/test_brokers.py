"""Brokers: the embedded one carries records, what the real one lacks here is named, and nothing is said in the clear."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tests.support.paths import ROOT
from vigia.lab import local_kafka
from vigia.lab.embedded_kafka import PARTITIONS, EmbeddedKafka, EmbeddedUnavailable
from vigia.lab.local_kafka import KafkaUnavailable, LocalKafka
from vigia.runtime import settings
from vigia.runtime.broker import Broker, read
from vigia.runtime.usage_error import UsageError


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
    with pytest.raises(EmbeddedUnavailable, match="pip install 'vigia-lookout\\[demo\\]'"):
        EmbeddedKafka()


def test_missing_java_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without Java the message says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KafkaUnavailable, match="java is not on the PATH: install Java 17"):
        LocalKafka(tmp_path / "kafka").start()


def test_missing_maven_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without Maven, and without jars of an earlier run, the message says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(local_kafka, "JARS", tmp_path / "jars")
    with pytest.raises(KafkaUnavailable, match="mvn is not on the PATH: install Maven"):
        local_kafka.jars()


def test_a_failpoint_ends_the_process_at_its_turn() -> None:
    """The named place lets pass until its turn; a name that does not exist is an error, not silence."""
    code = "from vigia.runtime.crash.failpoints import failpoint\nfor n in range(3): failpoint('store'); print(n, flush=True)"

    def run(point: str) -> tuple[int, str]:
        env = {**os.environ, "VIGIA_FAILPOINT": point}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
        return done.returncode, done.stdout.replace("\n", "")

    assert run("store:3") == (-9, "01")
    assert run("ack") == (0, "012")
    assert run("nowhere") == (1, "")


FAR = "kafka.example.com:9093"
IN_THE_CLEAR = [
    ("127.0.0.1:9092", {}, True),
    ("[::1]:9092,localhost:9093", {}, True),
    (FAR, {}, False),
    ("127.0.0.1:9092," + FAR, {}, False),
    ("127.example.com:9092", {}, False),
    (FAR, {"VIGIA_KAFKA_USER": "vigia", "VIGIA_KAFKA_PASSWORD": "hidden-17"}, False),
    (FAR, {"VIGIA_KAFKA_PLAINTEXT": "no"}, False),
    (FAR, {"VIGIA_KAFKA_PLAINTEXT": "yes"}, True),
    (FAR, {"VIGIA_KAFKA_TLS": "yes"}, True),
]


@pytest.mark.parametrize(("address", "told", "taken"), IN_THE_CLEAR)
def test_nothing_leaves_this_machine_in_the_clear(address: str, told: dict[str, str], taken: bool) -> None:
    """Without TLS only a broker on this machine is spoken to, with or without log-in, unless a variable says so."""
    if taken:
        assert read(told, address).address == address
    else:
        with pytest.raises(UsageError, match="VIGIA_KAFKA_PLAINTEXT=yes"):
            read(told, address)


def test_a_connection_that_cannot_be_is_named(tmp_path: Path) -> None:
    """Each message names the variable and the mend, and no secret."""
    file = tmp_path / "no.pem"
    file.write_text("hidden-17")
    near = "127.0.0.1:9092"
    for told, said in {
        ("VIGIA_KAFKA_SASL", "MD5"): "'MD5': not known; known are SCRAM-SHA-512",
        ("VIGIA_KAFKA_USER", "vigia"): "go together: set both",
        ("VIGIA_KAFKA_PASSWORD", "hidden-17"): "go together: set both",
        ("VIGIA_KAFKA_KEY", "key.pem"): "set VIGIA_KAFKA_CERT as well",
        ("VIGIA_KAFKA_TLS", "perhaps"): "VIGIA_KAFKA_TLS='perhaps': write yes or no",
        ("VIGIA_KAFKA_CA", "/nowhere.pem"): "VIGIA_KAFKA_CA='/nowhere.pem': No such file or directory",
        ("VIGIA_KAFKA_CA", str(file)): "no certificate or crl found; name a file of PEM certificates",
        ("VIGIA_KAFKA_CERT", str(file)): "name files of a PEM certificate and of its key",
        ("VIGIA_KAFKA_PASSWORD_FILE", "/nowhere"): "VIGIA_KAFKA_PASSWORD_FILE='/nowhere': No such file",
        ("VIGIA_KAFKA_PASSWORD_FILE", "hidden-17"): "give the full path of a file that holds the secret",
    }.items():
        with pytest.raises(UsageError) as refused:
            read(dict([told]), near)
        assert said in str(refused.value)
        assert "hidden-17" not in str(refused.value)


def test_secrets_are_in_no_repr(tmp_path: Path) -> None:
    """A password or a seal comes from its variable or a file, and neither broker nor settings show it."""
    file = tmp_path / "secret"
    file.write_text("hidden-17\n")
    told = {"VIGIA_KAFKA_USER": "vigia", "VIGIA_KAFKA_PASSWORD_FILE": str(file), "VIGIA_SEAL_FILE": str(file)}
    broker, known = read(told, "127.0.0.1:9092"), settings.read(told)
    assert (broker.password, known.seal) == ("hidden-17", "hidden-17")
    assert "hidden-17" not in f"{broker!r} {broker} {known!r} {known}"
    with pytest.raises(UsageError, match="VIGIA_SEAL and VIGIA_SEAL_FILE are both set"):
        settings.read(told | {"VIGIA_SEAL": "hidden-18"})


async def test_who_does_not_answer_is_named() -> None:
    """A greeting says what is wrong at the other end."""
    assert "cannot be reached" in await Broker("127.0.0.1:1").refused()


def test_the_composed_broker_is_allowed_openly() -> None:
    """Compose's own network is the one place where a broker is spoken to in the clear: its file says so."""
    compose = (ROOT / "docker-compose.yml").read_text()
    told = dict(re.findall(r"(VIGIA_KAFKA\w*): \"?([\w:.]+)", compose))
    address = told.pop("VIGIA_KAFKA")
    assert read(told, address).address == "kafka:9092"
    with pytest.raises(UsageError):
        read({}, address)

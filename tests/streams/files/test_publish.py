"""Files of events into a broker and alarms out of it, from the command line."""

import asyncio
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from typer.testing import CliRunner, Result

from scorers.contract.alarms import Reason
from scorers.contract.events import HOUR, Instant
from scorers.contract.wire import encode_alarm
from streams.files import publish as publishing
from tests.support.alarms import an_alarm
from tests.support.paths import ROOT
from vigia.cli import app
from vigia.lab.embedded_kafka import EmbeddedKafka
from vigia.lab.local_kafka import free_port
from vigia.runtime.broker import INPUTS

START = Instant(1_704_067_200_000_000)


@pytest.fixture
def kafka() -> Iterator[str]:
    """A broker with topics, also of a Vigía with a prefix."""
    with EmbeddedKafka() as broker:
        broker.create(*INPUTS, "alarms", *(f"north-{topic}" for topic in INPUTS))
        yield broker.address


def run(kafka: str, *arguments: str, stdin: bytes | None = None) -> Result:
    """What a command says and how it ends."""
    return CliRunner().invoke(app, [*arguments, "--kafka", kafka], input=stdin)


def sale(number: int, day: int = 1, **changed: Any) -> dict[str, Any]:
    """A sale on that day of May 2024."""
    return {
        "type": "purchase.completed",
        "id": f"p{number}",
        "source": "till",
        "time": f"2024-05-{day:02}T07:00:00Z",
        "customer_id": "C1",
        "amount_minor": 100,
        "currency": "EUR",
    } | changed


def file(path: Path, *lines: object) -> str:
    """A file of these lines, packed if its name says so."""
    raw = b"".join((one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in lines)
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return str(path)


def read(kafka: str, topic: str, count: int) -> list[Any]:
    """The first so many records on a topic."""

    async def work() -> list[Any]:
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest")
        await consumer.start()
        found = [await consumer.getone() for _ in range(count)]
        await consumer.stop()
        return found

    return asyncio.run(work())


def test_every_event_is_acknowledged_and_every_bad_line_is_named(kafka: str, tmp_path: Path) -> None:
    """Good lines are in, bad ones stand with file, line and reason, and the status tells that there were some."""
    name = file(tmp_path / "may.jsonl", *[sale(n) for n in range(1000)], b"{", b"", sale(7, time="now"))
    done = run(kafka, "publish", name)
    assert done.exit_code == 1
    assert done.stdout == "1,000 events -> purchases\n"
    told = done.stderr.splitlines()
    assert told[0].startswith(f"{name}:1001: not_json: ")
    assert told[1].startswith(f"{name}:1003: bad_time: ")
    found = read(kafka, "purchases", 1000)
    assert [json.loads(record.value)["id"] for record in found] == [f"p{n}" for n in range(1000)]
    assert {record.key for record in found} == {b"C1"}


def test_several_files_are_merged_by_time(kafka: str, tmp_path: Path) -> None:
    """As in a replay, so that no file is late against another; packed ones too, and a prefix leads to other topics."""
    odd = file(tmp_path / "odd.jsonl", *[sale(n, day=n) for n in (1, 3, 5)])
    even = file(tmp_path / "even.jsonl.gz", *[sale(n, day=n) for n in (2, 4, 6)])
    done = run(kafka, "publish", odd, even, "--prefix", "north-")
    assert (done.exit_code, done.stdout) == (0, "6 events -> north-purchases\n")
    assert [json.loads(record.value)["id"] for record in read(kafka, "north-purchases", 6)] == [
        f"p{n}" for n in range(1, 7)
    ]


def test_a_pipe_that_falls_silent_holds_nothing_up(kafka: str) -> None:
    """What a till has written is in Kafka while the pipe stays open and says no more."""
    command = [sys.executable, "-m", "vigia", "publish", "-", "--kafka", kafka]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(sale(1)).encode() + b"\n")
        process.stdin.flush()
        assert json.loads(read(kafka, "purchases", 1)[0].value) == sale(1)
        out, _ = process.communicate(json.dumps(sale(2)).encode())
        assert (process.returncode, out) == (0, b"2 events -> purchases\n")


def test_a_pipe_says_that_it_is_not_put_in_order(kafka: str, tmp_path: Path) -> None:
    """Before anything is sent, with the command that sorts; a file, which is checked, says nothing of it."""
    piped = run(kafka, "publish", "-", "--prefix", "order", stdin=json.dumps(sale(1)).encode() + b"\n")
    assert "a pipe is sent as it comes" in piped.stderr
    assert "vigia import FILE... --sort" in piped.stderr
    (tmp_path / "sales.jsonl").write_text(json.dumps(sale(2)) + "\n")
    assert "pipe" not in run(kafka, "publish", str(tmp_path / "sales.jsonl"), "--prefix", "order").stderr


def test_a_kafka_that_is_away_is_named(tmp_path: Path) -> None:
    """Status 3 says that the same again may work later."""
    done = run(f"127.0.0.1:{free_port()}", "publish", file(tmp_path / "a.jsonl", sale(1)))
    assert done.exit_code == 3
    assert "cannot be reached (Connection refused); is it running there? (make kafka)" in done.stderr


def test_a_damaged_file_is_named(kafka: str, tmp_path: Path) -> None:
    """A packed file that was cut short is told by its name, after what could be read of it."""
    whole = Path(file(tmp_path / "cut.jsonl.gz", *[sale(n, id=os.urandom(8).hex()) for n in range(3000)]))
    whole.write_bytes(whole.read_bytes()[:-2000])
    done = run(kafka, "publish", str(whole))
    assert "cut.jsonl.gz: damaged" in str(done.exception)


async def test_reading_ahead_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that is faster than Kafka waits, however large the file."""
    monkeypatch.setattr(publishing, "AHEAD", 10)
    read = 0

    def lines() -> Iterator[publishing.Line]:
        nonlocal read
        for read in range(1, 1001):
            yield publishing.Line("f", read, publishing.Rejection("not_json", ""))

    seen = 0
    async for line in publishing.ahead(lines()):
        seen += 1
        assert line.number == seen
        assert read <= seen + 11
    assert seen == 1000


def alarm(alarm_id: str, kind: str, severity: str, hours: int) -> bytes:
    """An alarm so long after the start, as it stands on the topic."""
    reasons = (Reason("gone-quiet", 1.0, "No purchase for 40 days; usually every 9"),)
    at = Instant(START + hours * HOUR)
    return encode_alarm(an_alarm(at, alarm_id, kind=kind, severity=severity, name="Ana\x1b[31m", reasons=reasons))


@pytest.fixture
def alarms(kafka: str) -> str:
    """Three alarms and something that is none, all in one partition."""
    values = [
        alarm("a1", "gone-quiet", "warning", 1),
        b"no alarm",
        alarm("a2", "risk-high", "error", 2),
        alarm("a3", "gone-quiet", "error", 3),
    ]

    asyncio.run(_send(kafka, *values))
    return kafka


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["a1", "a2", "a3"]),
        (["--kind", "gone-quiet"], ["a1", "a3"]),
        (["--kind", "gone-quiet", "--kind", "risk-high", "--severity", "error"], ["a2", "a3"]),
        (["--severity", "critical"], []),
    ],
)
def test_the_alarms_are_shown(alarms: str, options: list[str], expected: list[str]) -> None:
    """All that there are, or those asked for, as they stand on the topic."""
    done = run(alarms, "alarms", "tail", "--from-beginning", "--until-now", "--json", *options)
    assert done.exit_code == 0
    assert [json.loads(line)["alarm_id"] for line in done.stdout.splitlines()] == expected


def test_changes_of_state_are_shown_on_request(kafka: str) -> None:
    """They need no action, so `alarms tail` and the example leave them out."""
    asyncio.run(_send(kafka, alarm("s1", "stage-changed", "info", 1), alarm("a1", "risk-high", "error", 2)))
    shown = ["alarms", "tail", "--from-beginning", "--until-now"]
    assert [line[-4:] for line in run(kafka, *shown).stdout.splitlines()] == ["[a1]"]
    assert [line[-4:] for line in run(kafka, *shown, "--changes").stdout.splitlines()] == ["[s1]", "[a1]"]
    assert "[s1]" in run(kafka, *shown, "--kind", "stage-changed").stdout


async def _send(kafka: str, *values: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    for value in values:
        await producer.send_and_wait("alarms", value, key=b"C1")
    await producer.stop()


def test_an_alarm_is_a_line_for_people(alarms: str) -> None:
    """When, how grave, who and why; nothing that a name holds moves the cursor."""
    done = run(alarms, "alarms", "tail", "--from-beginning", "--until-now", "--kind", "risk-high")
    (line,) = done.stdout.splitlines()
    assert line.startswith("Mon 1 Jan 2024, 02:00 UTC  error     raised  ")
    assert "Ana" in line
    assert "No purchase for 40 days" in line
    assert "\x1b" not in line


def test_an_unknown_kind_is_refused(kafka: str) -> None:
    """A typing error shows no empty list for ever."""
    done = run(kafka, "alarms", "tail", "--kind", "gone-quite")
    assert "--kind 'gone-quite': not known" in str(done.exception)


def test_the_example_subscribes(alarms: str) -> None:
    """The consumer of the examples prints the alarms that are told, from a process of its own."""
    command = [sys.executable, str(ROOT / "examples" / "subscribe.py")]
    env = os.environ | {"VIGIA_KAFKA": alarms, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env, text=True) as process:
        assert process.stdout is not None
        first = [process.stdout.readline().split()[0] for _ in range(3)]
        process.terminate()
    assert first == ["gone-quiet", "risk-high", "gone-quiet"]

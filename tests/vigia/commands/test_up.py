"""All of Vigía in one process: it works, ends in good order, and says which part has failed."""

import asyncio
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vigia.lab.embedded_kafka import EmbeddedKafka
from vigia.lab.simulate import simulate
from vigia.runtime.metrics.table import METRICS
from vigia.runtime.supervisor import Part, PartEnded, run_together
from vigia.runtime.topics import TOPICS

WITHIN = 300.0


# --- the crew, without Kafka ----------------------------------------------------------------------------------


def faithful(name: str, seen: list[str]) -> Part:
    """A part that works until it is told to stop, and then takes a moment."""

    async def run(stop: asyncio.Event) -> None:
        await stop.wait()
        await asyncio.sleep(0.01)
        seen.append(name)

    return Part(name, run)


async def test_parts_end_one_after_the_other() -> None:
    """Told to stop, each part ends before the next one is told."""
    seen: list[str] = []
    stop = asyncio.Event()
    stop.set()
    await run_together([faithful(name, seen) for name in ("gateway", "worker", "notifier")], stop)
    assert seen == ["gateway", "worker", "notifier"]


async def test_one_that_fails_ends_all_and_is_named() -> None:
    """The others end in their turn; the name of the failed one and its error come out."""
    seen: list[str] = []

    async def fail(_: asyncio.Event) -> None:
        raise OSError("the disk is full")

    parts = [faithful("gateway", seen), Part("worker", fail), faithful("notifier", seen)]
    with pytest.raises(PartEnded, match="the worker has ended: the disk is full") as ended:
        await run_together(parts, asyncio.Event())
    assert ended.value.name == "worker"
    assert isinstance(ended.value.__cause__, OSError)
    assert seen == ["gateway", "notifier"]


async def test_one_that_ends_unasked_ends_all() -> None:
    """No part may stop working in silence."""

    async def leave(_: asyncio.Event) -> None:
        return

    with pytest.raises(PartEnded, match=r"^the clock has ended$"):
        await run_together([Part("clock", leave)], asyncio.Event())


async def test_one_that_does_not_end_is_cut_off() -> None:
    """A part that ignores the stop does not hold up those after it."""
    seen: list[str] = []

    async def deaf(_: asyncio.Event) -> None:
        await asyncio.Event().wait()

    stop = asyncio.Event()
    stop.set()
    await run_together([Part("trainer", deaf), faithful("notifier", seen)], stop, drain=0.05)
    assert seen == ["notifier"]


async def test_who_gives_up_waiting_still_ends_them_all() -> None:
    """Cancelled, as by Ctrl-C, every part has ended in its turn before it comes back."""
    seen: list[str] = []
    crew = asyncio.create_task(run_together([faithful("gateway", seen), faithful("notifier", seen)], asyncio.Event()))
    await asyncio.sleep(0)
    crew.cancel()
    with pytest.raises(asyncio.CancelledError):
        await crew
    assert seen == ["gateway", "notifier"]


# --- the command, on the embedded broker ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kafka() -> Iterator[str]:
    pytest.importorskip("confluent_kafka")
    with EmbeddedKafka() as broker:
        broker.create(*(topic.name for topic in TOPICS))
        yield broker.address


@contextmanager
def up(kafka: str, directory: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """`vigia up` while the block runs; its words go into `up.log`."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("VIGIA_")}
    env |= {"VIGIA_PARTITIONS": "4", "VIGIA_STATE": str(directory / "state"), "VIGIA_COMMIT": "0.1"}
    command = [
        sys.executable,
        "-m",
        "vigia",
        "up",
        "--kafka",
        kafka,
        "--no-token",
        "--follow-events",
        "--every",
        "0.1",
        "--console-port",
        "0",
    ]
    command += ["--port", "0", "--metrics-port", "0", *arguments]
    with (directory / "up.log").open("wb") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def words(directory: Path) -> str:
    return (directory / "up.log").read_text(errors="replace")


def address(process: subprocess.Popen[bytes], directory: Path, pattern: str) -> str:
    """What it has said of where it listens."""
    deadline = time.monotonic() + WITHIN
    while not (found := re.search(pattern, words(directory))):
        assert process.poll() is None, words(directory)
        assert time.monotonic() < deadline, words(directory)
        time.sleep(0.1)
    return found[1]


def page(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def counted(text: str, name: str) -> float:
    """The sum of a figure over its labels."""
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if re.match(rf"{name}[ {{]", line))


def test_events_go_in_and_alarms_come_out(kafka: str, tmp_path: Path) -> None:
    """What the gateway takes is folded, ticked, learned from and judged by the notifier; SIGTERM ends it with 0."""
    simulate(60, 40, 7, tmp_path)
    (tmp_path / "policy.toml").write_text("[risk]\nhorizon = '10d'\n")
    lines = (tmp_path / "events.jsonl").read_bytes().splitlines()
    with up(kafka, tmp_path, "--policy", str(tmp_path / "policy.toml")) as process:
        events = address(process, tmp_path, r"up: (http://\S+/v1/events)")
        metrics = address(process, tmp_path, r"metrics of all on (http://\S+)")
        for at in range(0, len(lines), 500):
            body = b"\n".join(lines[at : at + 500])
            request = urllib.request.Request(events, body, {"Content-Type": "application/x-ndjson"})
            with urllib.request.urlopen(request, timeout=60) as answer:
                assert json.loads(answer.read()) == {"accepted": len(body.splitlines()), "duplicates": 0}
        wanted = (
            "vigia_fates_total",
            "vigia_alarms_total",
            "vigia_trainer_lessons",
            "vigia_notifications_decided_total",
        )
        deadline = time.monotonic() + WITHIN
        told = ""
        while not all(counted(told, name) for name in wanted) or counted(told, "vigia_fates_total") < len(lines):
            assert process.poll() is None, words(tmp_path)
            assert time.monotonic() < deadline, ({name: counted(told, name) for name in wanted}, len(lines))
            time.sleep(0.3)
            told = page(metrics)[1]
        assert counted(told, "vigia_gateway_events_total") == len(lines)
        assert "vigia_clock_lag_seconds" in told
        parts = {one.exposed for one in METRICS.values() if one.process != "board"}  # which Redis switches on
        assert set(re.findall(r"^# TYPE (\w+)", told, flags=re.MULTILINE)) == parts
        assert page(metrics.replace("/metrics", "/readyz")) == (200, "ready\n")
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0, words(tmp_path)
    seal = tmp_path / "state" / "seal"
    assert stat.S_IMODE(seal.stat().st_mode) == 0o600
    assert f"VIGIA_SEAL is not set; models are signed with a generated secret, kept in {seal}" in words(tmp_path)
    assert seal.read_text() not in words(tmp_path)


def test_a_port_that_is_taken_is_named(kafka: str, tmp_path: Path) -> None:
    """The part, the port and the mend are said, the rest ends, the exit status is 2; a known seal is taken silently."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "seal").write_text("an earlier secret")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with up(kafka, tmp_path, "--port", port) as process:
            assert process.wait(WITHIN) == 2
    said = words(tmp_path)
    assert f"vigia: the gateway has ended: cannot listen on 127.0.0.1:{port}: address already in use;" in said
    assert "VIGIA_SEAL" not in said


def test_without_kafka_it_ends_with_3(tmp_path: Path) -> None:
    """A Kafka that is not there is named with its address."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{closed.getsockname()[1]}"
        with up(nobody, tmp_path) as process:
            assert process.wait(WITHIN) == 3
    assert f"vigia: Kafka at {nobody}" in words(tmp_path)


def test_senders_need_a_token_beyond_this_machine(tmp_path: Path) -> None:
    """Without tokens `--no-token` is for this machine only, as with `vigia gateway`."""
    with up("127.0.0.1:1", tmp_path, "--host", "0.0.0.0") as process:
        assert process.wait(WITHIN) == 2
    assert "VIGIA_GATEWAY_TOKENS is not set" in words(tmp_path)

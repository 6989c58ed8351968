"""A gateway as a process of its own, clients that mean harm, and somebody who asks it meanwhile whether it is well."""

import asyncio
import http.client
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct, field

from tests.support.door import DIGEST, TOKEN
from tests.support.paths import ROOT

MOST = 4 << 20  # bytes of a body
CONNECTIONS = 200
WAITING = 3 * CONNECTIONS
ROUNDS = 200  # of questions at most
PATIENCE = 60.0  # seconds for an answer: far more than the second that is promised, because machines of tests are busy

BODIES = {
    "line ends": b"x\n" * (MOST // 2),
    "keys": b"{" + b",".join(b'"k%d":1' % n for n in range(MOST // 14)) + b"}",
    "lists": b"[" * MOST,
    "escapes": b'{"a":"' + b"\\u00e9" * (MOST // 6 - 2) + b'"}',
    "objects": b"{}\n" * (MOST // 3),
    "items": (b'{"id":"' + b"x" * 90 + b'"}\n') * (MOST // 100),  # fewer than may be in a body: each is looked at
}


class Ports(NamedTuple):
    """Where events and where metrics are served."""

    events: int
    metrics: int


class Found(Struct):
    """The seconds of each answer to a probe, by its port, and how often each attack was answered."""

    answers: dict[int, list[float]] = field(default_factory=dict)
    attacks: Counter[str] = field(default_factory=Counter)


@contextmanager
def gateway(kafka: str, directory: Path) -> Iterator[Ports]:
    """`vigia gateway` before this Kafka."""
    config, log = directory / "gateway.toml", directory / "gateway.log"
    config.write_text(f'[token.till]\ndigest = "{DIGEST}"\n[limits]\nconnections = {CONNECTIONS}\n')
    command = [sys.executable, "-m", "vigia", "gateway", "--port", "0", "--metrics-port", "0", "--config", str(config)]
    environment = os.environ | {"VIGIA_KAFKA": kafka, "VIGIA_STATE": str(directory / "state")}
    with log.open("wb") as out, subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out) as process:
        try:
            yield _ports(log, process)
        finally:
            process.kill()


def _ports(log: Path, process: "subprocess.Popen[bytes]") -> Ports:
    while process.poll() is None:
        if found := re.search(r"http://[^/]*:(\d+)/v1/events.*http://[^/]*:(\d+)/metrics", log.read_text()):
            return Ports(int(found[1]), int(found[2]))
        time.sleep(0.05)
    raise AssertionError(f"the gateway has ended:\n{log.read_text()}")


@asynccontextmanager
async def attacked(port: int, found: Found) -> AsyncIterator[None]:
    """Inside the block every kind of attack goes on, each again and again."""
    tasks = [asyncio.create_task(_posting(port, name, body, found)) for name, body in BODIES.items()]
    tasks += [asyncio.create_task(_slowly(port, found)) for _ in range(CONNECTIONS // 4)]
    tasks.append(asyncio.create_task(_waiting(port, found)))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _posting(port: int, name: str, body: bytes, found: Found) -> None:
    head = (
        f"POST /v1/events?partial=true HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/x-ndjson\r\n"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    while True:
        with suppress(ConnectionError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(head.encode() + body)
                if (await reader.read(12)).startswith(b"HTTP/1.1 "):
                    found.attacks[name] += 1
            finally:
                writer.close()


async def _slowly(port: int, found: Found) -> None:
    """A head that comes byte by byte."""
    while True:
        with suppress(ConnectionError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                for piece in b"POST /v1/events HTTP/1.1\r\nX: " + b"a" * 50:
                    writer.write(bytes([piece]))
                    await writer.drain()
                    await asyncio.sleep(0.05)
                found.attacks["slow heads"] += 1
            finally:
                writer.close()


async def _waiting(port: int, found: Found) -> None:
    """More connections than there may be, without a request."""
    while True:
        held = []
        try:
            for _ in range(WAITING):
                with suppress(ConnectionError):
                    held.append((await asyncio.open_connection("127.0.0.1", port))[1])
                    found.attacks["connections"] += 1
            await asyncio.sleep(0.5)
        finally:
            for writer in held:
                writer.close()


def ask(port: int, times: int) -> list[float]:
    """Ask for /healthz so often, each time on a new connection; the seconds until each answer. Raises if one does not come."""
    seconds = []
    for _ in range(times):
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200
        connection.close()
        seconds.append(time.monotonic() - began)
    return seconds


async def probed(ports: Ports, times: int) -> Found:
    """Attack, and ask both ports meanwhile, `times` or until a further body and a further crowd of connections were answered."""
    found = Found()
    async with attacked(ports.events, found):
        while not {*BODIES, "connections"} <= found.attacks.keys():  # each kind has come through once
            await asyncio.sleep(0.05)
        before = found.attacks.copy()
        for _ in range(ROUNDS):
            rounds = await asyncio.gather(*(asyncio.to_thread(ask, port, times) for port in ports))
            for port, seconds in zip(ports, rounds, strict=True):
                found.answers.setdefault(port, []).extend(seconds)
            answered = found.attacks - before  # the attacks went on meanwhile
            if answered["connections"] and any(answered[name] for name in BODIES):
                break
        found.attacks -= before
    return found

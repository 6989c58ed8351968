"""The gateway beside a bare application of the same server that only answers 202: `python -m tests.bench.intake`.

Both run as processes of their own on this machine and are asked in turn, by the same client. Processor time of the server for a
request is compared, so a busy machine does not decide; the gateway writes to a broker that runs in the client's process. Then single
requests come at half of what a core could take, and the time until each answer is measured.
"""

import argparse
import asyncio
import json
import os
import re
import signal
import statistics
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

from scorers.contract.events import SECOND
from scorers.contract.rfc3339 import rfc3339
from tests.support.door import DIGEST, TOKEN
from vigia.lab.embedded_kafka import EmbeddedKafka
from vigia.lab.local_kafka import free_port
from vigia.runtime.broker import INPUTS

CONNECTIONS = 32
HEAD = (
    b"POST /v1/events HTTP/1.1\r\nHost: gateway.example\r\nContent-Type: %b\r\nAuthorization: Bearer %b\r\n"
    b"User-Agent: bench\r\nAccept: */*\r\nContent-Length: %d\r\n\r\n"
)
ONE, LINES = b"application/json", b"application/x-ndjson"
NUMBERS = count(1)


def event() -> bytes:
    """A sale that was not sent before."""
    number = next(NUMBERS)
    sale = {
        "type": "purchase.completed",
        "id": f"p{number}",
        "source": "till-1",
        "time": rfc3339(int(time.time()) * SECOND),
        "customer_id": f"C{number % 5000}",
        "amount_minor": 1200 + number % 977,
        "currency": "EUR",
        "store_id": "S1",
        "items": [{"sku": "A1", "quantity": 2}],
    }
    return json.dumps(sale).encode()


def request(events: int) -> bytes:
    """A request with so many events."""
    body = b"\n".join([event() for _ in range(events)])
    return HEAD % (ONE if events == 1 else LINES, TOKEN.encode(), len(body)) + body


def bare(port: int) -> None:
    """The same server with an application that reads the body and answers 202."""
    from aiohttp import web

    async def post(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=202, body=b'{"accepted":1,"duplicates":0}\n', content_type="application/json")

    app = web.Application(client_max_size=4 << 20)
    app.router.add_post("/v1/events", post)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


def used(pid: int) -> float:
    """Processor seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def answered(reader: asyncio.StreamReader) -> None:
    """Read an answer, which must be 202."""
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 202 " in head[:20], head
    found = re.search(rb"(?i)content-length: (\d+)", head)
    assert found is not None
    await reader.readexactly(int(found[1]))


async def load(port: int, requests: list[bytes]) -> None:
    """Send all, over connections that are kept; each has one request at a time."""
    waiting = iter(requests)

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for text in waiting:
            writer.write(text)
            await answered(reader)
        writer.close()

    await asyncio.gather(*[one() for _ in range(min(CONNECTIONS, len(requests)))])


async def paced(port: int, requests: list[bytes], rate: float) -> list[float]:
    """Seconds until each answer, of requests that begin at a steady rate whether or not others are answered.

    Connections are used in turn, as the gateway closes one that is idle for ten seconds.
    """
    loop = asyncio.get_running_loop()
    idle = deque([await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS)])
    took: list[float] = []

    async def one(text: bytes, due: float) -> None:
        reader, writer = idle.popleft() if idle else await asyncio.open_connection("127.0.0.1", port)
        writer.write(text)
        await answered(reader)
        took.append(loop.time() - due)
        idle.append((reader, writer))

    began = loop.time()
    async with asyncio.TaskGroup() as group:
        for place, text in enumerate(requests):
            due = began + place / rate
            await asyncio.sleep(max(0.0, due - loop.time()))
            group.create_task(one(text, due))
    for _, writer in idle:
        writer.close()
    return took


@asynccontextmanager
async def serving(*command: str, port: int, **environment: str) -> AsyncIterator[int]:
    """A server that accepts connections; yields its process id."""
    env = os.environ | environment
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *command, env=env, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(60):
            while True:
                try:
                    (await asyncio.open_connection("127.0.0.1", port))[1].close()
                    break
                except OSError:
                    assert process.returncode is None, f"{command} ended"
                    await asyncio.sleep(0.1)
        yield process.pid
    finally:
        process.send_signal(signal.SIGKILL)
        await process.wait()


async def cost(port: int, pid: int, events: int, requests: int) -> float:
    """Processor seconds of the server for a request."""
    texts = [request(events) for _ in range(requests)]
    before = used(pid)
    await load(port, texts)
    return (used(pid) - before) / requests


async def main(rounds: int, seconds: float) -> None:
    """Measure, and print."""
    with EmbeddedKafka() as kafka, tempfile.TemporaryDirectory() as folder:
        kafka.create(*INPUTS)
        config, ours, theirs = Path(folder) / "gateway.toml", free_port(), free_port()
        config.write_text(f'[token.till]\ndigest = "{DIGEST}"\n[limits]\nrequests_per_second = 1e6\n')
        gateway = ("vigia", "gateway", "--kafka", kafka.address, "--config", str(config), "--port", str(ours))
        async with (
            serving(*gateway, "--metrics-port", "0", port=ours, VIGIA_STATE=folder) as pid,
            serving("tests.bench.intake", "--serve", str(theirs), port=theirs) as other,
        ):
            await cost(ours, pid, 1, 1000)
            singles, bares, batches = [], [], []
            for _ in range(rounds):
                bares.append(await cost(theirs, other, 1, 3000))
                singles.append(await cost(ours, pid, 1, 3000))
                batches.append(await cost(ours, pid, 500, 60))
            single, best, batch = statistics.median(singles), statistics.median(bares), statistics.median(batches)
            say = sys.stdout.write
            say(f"bare application    {best * 1e6:>7.0f} us a request: {1 / best:>7,.0f} a second of a core\n")
            say(f"single events       {single * 1e6:>7.0f} us a request: {1 / single:>7,.0f} a second of a core\n")
            say(f"batches of 500      {batch * 1e6 / 500:>7.1f} us an event: {500 / batch:>9,.0f} a second of a core\n")
            say(f"single events beside the bare application: {best / single:.2f}\n")
            sys.stdout.flush()
            rate = 0.5 / single
            say(f"{rate:,.0f} requests a second, half of a core: ")
            took: list[float] = []
            try:
                took = sorted(await paced(ours, [request(1) for _ in range(int(rate * seconds))], rate))
            except* ConnectionError:  # more requests waited than the gateway has connections
                say("not measured, as other work left the gateway less than it needs\n")
            if took:
                say(f"p50 {took[len(took) // 2] * 1e3:.1f} ms, p99 {took[len(took) * 99 // 100] * 1e3:.1f} ms\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--serve", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    if given.serve:
        bare(given.serve)
    else:
        asyncio.run(main(given.rounds, given.seconds))

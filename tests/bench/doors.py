"""HTTP servers for the gateway, side by side: `python -m tests.bench.doors`.

Each server that is installed runs alone in a process, with the same handler: it checks a token, reads the body, decodes its
lines, and answers 202. Processor time of the server for a request is what is compared, so a busy machine does not decide.
Then each is treated as a hostile client would: slow headers, a slow body, huge headers, many connections, pipelining.
uvicorn, Starlette, Granian and Hypercorn are no dependencies: install them into an environment of their own to compare.
"""

import asyncio
import importlib.util
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from scorers.contract.rejection import Rejection
from scorers.contract.wire import decode
from vigia.lab.local_kafka import free_port

TOKEN = "Bearer bench"
EVENT = {
    "type": "purchase.completed",
    "id": "p1",
    "source": "till",
    "time": "2024-05-06T07:08:09Z",
    "customer_id": "C1",
}
LINE = json.dumps(EVENT | {"amount_minor": 1200, "currency": "EUR", "store_id": "S1"}).encode()
PATIENCE = 12.0  # seconds that a hostile client waits to be sent away
LIMIT = 150.0  # seconds for one server
IDLE = 1000  # connections that only hold


# --- servers ----------------------------------------------------------------------------------------------------


def _answer(token: str, body: bytes) -> tuple[int, bytes]:
    if token != TOKEN:
        return 401, b"{}"
    events = [decode(line) for line in body.split(b"\n")]
    return (400 if any(isinstance(event, Rejection) for event in events) else 202), b'{"accepted": %d}\n' % len(events)


async def _asgi(scope: Any, receive: Any, send: Any) -> None:
    """The handler as Starlette has it: request, route and response objects."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    async def post(request: Request) -> Response:
        status, answer = _answer(request.headers.get("authorization", ""), await request.body())
        return Response(answer, status, media_type="application/json")

    global _asgi
    _asgi = Starlette(routes=[Route("/v1/events", post, methods=["POST"])])
    await _asgi(scope, receive, send)


def aiohttp_server(port: int) -> None:
    """aiohttp, as the gateway has it."""
    from aiohttp import web

    async def post(request: web.Request) -> web.Response:
        status, answer = _answer(request.headers.get("Authorization", ""), await request.read())
        return web.Response(status=status, body=answer, content_type="application/json")

    app = web.Application(client_max_size=4 << 20)
    app.router.add_post("/v1/events", post)
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


def guarded_server(port: int) -> None:
    """The gateway's own listener, which is aiohttp with deadlines and bounds."""
    from aiohttp import web

    from vigia.runtime.listener import Bounds, listening

    async def post(request: web.Request) -> web.Response:
        status, answer = _answer(request.headers.get("Authorization", ""), await request.read())
        return web.Response(status=status, body=answer, content_type="application/json")

    async def serve() -> None:
        app = web.Application(client_max_size=4 << 20)
        app.router.add_post("/v1/events", post)
        async with listening(app, "127.0.0.1", port, Bounds()):
            await asyncio.Event().wait()

    asyncio.run(serve())


def uvicorn_server(port: int) -> None:
    """uvicorn with httptools, and Starlette."""
    import uvicorn

    uvicorn.run(
        _asgi, host="127.0.0.1", port=port, http="httptools", loop="asyncio", access_log=False, log_level="error"
    )


def hypercorn_server(port: int) -> None:
    """Hypercorn, and Starlette."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    asyncio.run(serve(_asgi, config))  # type: ignore[arg-type]


def granian_server(port: int) -> None:
    """Granian inside a running event loop, as the gateway would need it, and Starlette."""
    from granian.server.embed import Server

    asyncio.run(Server(_asgi, address="127.0.0.1", port=port, interface="asgi", log_enabled=False).serve())


SERVERS: dict[str, tuple[tuple[str, ...], Callable[[int], None]]] = {
    "aiohttp": (("aiohttp",), aiohttp_server),
    "gateway": (("vigia.runtime.listener",), guarded_server),
    "uvicorn": (("uvicorn", "httptools", "starlette"), uvicorn_server),
    "hypercorn": (("hypercorn", "starlette"), hypercorn_server),
    "granian": (("granian", "starlette"), granian_server),
}


# --- clients ----------------------------------------------------------------------------------------------------


def _head(length: int, extra: bytes = b"") -> bytes:
    head = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nAuthorization: %b\r\n%b"
    return head % (TOKEN.encode(), extra) + b"Content-Length: %d\r\n\r\n" % length


async def _response(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(h.split(b":")[1]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length"))
    return head.split(b"\r\n")[0] + b" " + await reader.readexactly(length)


async def load(port: int, body: bytes, requests: int, connections: int = 8) -> None:
    """So many requests, over connections that are kept."""

    async def one(count: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(count):
            writer.write(_head(len(body)) + body)
            assert b" 202 " in await _response(reader)
        writer.close()

    await asyncio.gather(*[one(requests // connections) for _ in range(connections)])


async def _sent_away(port: int, first: bytes, drip: bytes) -> str:
    """How long a client that sends a byte now and then is kept."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.monotonic()
    writer.write(first)
    answer = asyncio.create_task(reader.read(200))
    while not answer.done() and time.monotonic() - began < PATIENCE:
        writer.write(drip)
        await asyncio.wait([answer], timeout=0.5)
    kept = time.monotonic() - began
    writer.close()
    return f"sent away after {kept:.0f} s" if answer.done() else f"kept for more than {PATIENCE:.0f} s"


async def slow_headers(port: int) -> str:
    """One header byte every half second."""
    return await _sent_away(port, b"POST /v1/events HTTP/1.1\r\nX: ", b"a")


async def slow_body(port: int) -> str:
    """One byte of the body every half second."""
    return await _sent_away(port, _head(1000), b"a")


async def huge_headers(port: int) -> str:
    """16 MB of header lines: the status, or how much was taken."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /v1/events HTTP/1.1\r\nHost: x\r\n")
    try:
        for sent in range(16):
            writer.write((b"X-%d: " % sent + b"a" * 1000 + b"\r\n") * 1000)
            await asyncio.wait_for(writer.drain(), 2)
            if reader.at_eof() or reader._buffer:  # type: ignore[attr-defined]
                break
        first = (await asyncio.wait_for(reader.read(100), 3)).split(b"\r\n")[0].decode() or "closed"
        return f"{first} after {sent + 1} MB"
    except (ConnectionError, TimeoutError) as fault:
        return type(fault).__name__


async def many_connections(port: int) -> str:
    """A good request while others only hold their connection."""
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(IDLE)]
    began = time.monotonic()
    try:
        await asyncio.wait_for(load(port, LINE, 1, 1), 5)
        return f"answered in {time.monotonic() - began:.2f} s beside {IDLE}"
    except (AssertionError, OSError, asyncio.IncompleteReadError, TimeoutError) as fault:
        return f"{type(fault).__name__} beside {IDLE}"
    finally:
        for _, writer in held:
            writer.close()


async def pipelined(port: int) -> str:
    """A hundred requests in one write."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write((_head(len(LINE)) + LINE) * 100)
    try:
        answers = [await asyncio.wait_for(_response(reader), 3) for _ in range(100)]
        return f"{sum(b' 202 ' in one for one in answers)} of 100 answered"
    except (OSError, asyncio.IncompleteReadError, TimeoutError) as fault:
        return type(fault).__name__
    finally:
        writer.close()


HOSTILE: tuple[Callable[[int], Awaitable[str]], ...] = (
    slow_headers,
    slow_body,
    huge_headers,
    many_connections,
    pipelined,
)


def _used(pid: int) -> float:
    """Processor seconds of a process."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(name: str) -> None:
    """Start one server, measure it, end it, print."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.doors", "--serve", name, str(port), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await compare(name, port, process.pid)
    finally:
        process.send_signal(signal.SIGKILL)
        await process.wait()


async def compare(name: str, port: int, pid: int) -> None:
    """The processor time of requests, and what hostile clients meet."""
    for _ in range(200):
        try:
            await load(port, LINE, 1, 1)
            break
        except (OSError, asyncio.IncompleteReadError):
            await asyncio.sleep(0.1)
    sizes = ((1, 2000), (100, 200))
    for lines, requests in sizes:
        body = b"\n".join([LINE] * lines)
        await load(port, body, requests // 4)
        best = 1e9
        for _ in range(3):
            before = _used(pid)
            await load(port, body, requests)
            best = min(best, (_used(pid) - before) / requests)
        sys.stdout.write(f"{name:<10} {lines:>4} events a request: {best * 1e6:>7.0f} us of processor time a request\n")
    for attack in HOSTILE:
        sys.stdout.flush()
        sys.stdout.write(f"{name:<10} {attack.__name__.replace('_', ' '):<17} {await attack(port)}\n")


async def main() -> None:
    """Measure every server that is installed."""
    for name, (modules, _) in SERVERS.items():
        try:
            lacking = [module for module in modules if importlib.util.find_spec(module) is None]
        except ModuleNotFoundError as fault:
            lacking = [str(fault.name)]
        if lacking:
            sys.stdout.write(f"{name:<10} not installed ({', '.join(lacking)})\n")
        else:
            try:
                async with asyncio.timeout(LIMIT):
                    await measure(name)
            except (TimeoutError, AssertionError, OSError, asyncio.IncompleteReadError) as fault:
                sys.stdout.write(f"{name:<10} gave up: {type(fault).__name__}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        SERVERS[sys.argv[2]][1](int(sys.argv[3]))
    else:
        asyncio.run(main())

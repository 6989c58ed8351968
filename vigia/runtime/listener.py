"""Serves an aiohttp application on a port, with bounds on what one client may hold and answers that name no software.

The bounds are aiohttp's own where it has them; added are a cap on connections and neutral answers to broken requests.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from msgspec import Struct

from vigia.runtime.usage_error import UsageError

LINGER = 1.0  # seconds in which a body that nobody wants is read and dropped before its connection is closed
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Bounds(Struct, frozen=True, kw_only=True):
    """What clients may hold: `connections` at once, and `header_seconds` to send the head of a request."""

    connections: int = 1000
    header_seconds: float = 10.0


class _Handler(RequestHandler):
    """A connection whose broken requests get a short answer that repeats nothing of them."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that cannot be read, or on which the application failed; the connection is closed."""
        if status >= 500:
            self.log_exception("Error handling request", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has been begun")
        error = "the request cannot be read" if status < 500 else "internal error"
        answer = web.Response(status=status, text=f'{{"error": "{error}"}}\n', content_type="application/json")
        answer.headers["Server"] = ""
        answer.force_close()
        return answer


class _Busy(asyncio.Protocol):
    """A connection beyond the cap: answered with a time to retry, and closed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(_BUSY)
        transport.close()


async def _neutral(_: web.BaseRequest, answer: web.StreamResponse) -> None:
    answer.headers["Server"] = ""


@asynccontextmanager
async def listening(app: web.Application, host: str, port: int, bounds: Bounds) -> AsyncIterator[int]:
    """Serve an application inside the block; yields the port, a free one if 0 was given.

    Bodies are never unpacked. When all connections are taken, a new one ends the oldest that waits for a request, and is
    sent away if none does. Raises `UsageError` if the port is in use.
    """
    app.on_response_prepare.append(_neutral)
    runner = web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=5,
        auto_decompress=False,
        keepalive_timeout=bounds.header_seconds,  # also for the first request: it runs until the head is complete
        lingering_time=LINGER,
    )
    await runner.setup()
    try:
        server, loop = runner.server, asyncio.get_running_loop()
        assert server is not None

        def accept() -> asyncio.Protocol:
            if len(server.connections) >= bounds.connections:
                idle = next(
                    (one for one in server.connections if one._current_request is None and not one._messages), None
                )
                if idle is None:
                    return _Busy()
                idle.force_close()
            return _Handler(server, loop=loop, **server._kwargs)

        try:
            listener = await loop.create_server(accept, host, port, backlog=min(bounds.connections, 1024))
        except OSError as error:  # its message names an errno and no remedy
            why = os.strerror(error.errno or 0).lower()
            raise UsageError(f"cannot listen on {host}:{port}: {why}; name another port, or end who has it") from None
        try:
            yield listener.sockets[0].getsockname()[1]
        finally:
            listener.close()
    finally:
        await runner.cleanup()

"""What a process tells of itself over HTTP: its metrics, that it lives, and whether it is ready for work.

The text is Prometheus' own, from a registry of the process; no customer is in it. It listens on this machine only
unless told otherwise, as it asks nobody for a password.
"""

import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from vigia.runtime.redaction import describe
from vigia.runtime.usage_error import UsageError

Ready = Callable[[], Awaitable[str]]
"""Says why the process is not ready for work; nothing when it is."""


def _unquoted(record: logging.LogRecord) -> bool:
    """A server's line about a request that failed, without the request: that may bring a token or a customer."""
    if record.exc_info and record.exc_info[1] is not None:
        record.msg, record.args = f"{record.getMessage()}: {describe(record.exc_info[1])}", ()
        record.exc_info = record.exc_text = None
    return True


logging.getLogger("aiohttp.server").addFilter(_unquoted)


class _All(Collector):
    def __init__(self, registries: Sequence[CollectorRegistry]) -> None:
        self._registries = registries

    def collect(self) -> Iterator[Metric]:
        return (family for registry in self._registries for family in registry.collect())


def merged(*registries: CollectorRegistry) -> CollectorRegistry:
    """A registry that tells what several tell, for a process of several parts; no figure may stand in two of them."""
    one = CollectorRegistry()
    one.register(_All(registries))
    return one


async def always() -> str:
    """Ready as soon as it answers at all."""
    return ""


def routes(registry: CollectorRegistry, ready: Ready = always) -> list[web.RouteDef]:
    """The three pages, to be put into any application."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    async def lives(_: web.Request) -> web.Response:
        return web.Response(text="lives\n")

    async def is_ready(_: web.Request) -> web.Response:
        why = await ready()
        return web.Response(text=f"{why or 'ready'}\n", status=503 if why else 200)

    return [web.get("/metrics", metrics), web.get("/healthz", lives), web.get("/readyz", is_ready)]


@asynccontextmanager
async def serving(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """The application answers while the block runs; the port it has, which is a free one where 0 was asked for.

    A port that somebody else has raises `UsageError`.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:  # its message names machine and number, and no mend
            why = os.strerror(error.errno or 0).lower()
            raise UsageError(f"cannot listen on {host}:{port}: {why}; name another port, or end who has it") from None
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serving_health(
    registry: CollectorRegistry, port: int, host: str = "127.0.0.1", ready: Ready = always
) -> AsyncIterator[int]:
    """A process that has no HTTP of its own tells of itself while the block runs."""
    app = web.Application()
    app.add_routes(routes(registry, ready))
    async with serving(app, host, port) as bound:
        yield bound

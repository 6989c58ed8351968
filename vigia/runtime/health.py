"""Serves the metrics, liveness and readiness of a process over HTTP.

The metrics are those of a Prometheus registry of the process; no customer is in them. It listens on loopback unless
configured otherwise, because it asks for no password.
"""

import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from vigia.runtime.distribution import release
from vigia.runtime.listener import Bounds, listening
from vigia.runtime.metrics import certificates
from vigia.runtime.metrics.table import gauges, plain
from vigia.runtime.redaction import describe

STARTED = time.time()
Ready = Callable[[], Awaitable[str]]
"""Says why the process is not ready for work; empty when it is."""


def _unquoted(record: logging.LogRecord) -> bool:
    """Drop the request from a server's line about a failure: it may contain a token or a customer."""
    if record.exc_info and record.exc_info[1] is not None:
        record.msg, record.args = f"{record.getMessage()}: {describe(record.exc_info[1])}", ()
        record.exc_info = record.exc_text = None
    return True


logging.getLogger("aiohttp.server").addFilter(_unquoted)


class _Merged(Collector):
    def __init__(self, registries: Sequence[CollectorRegistry]) -> None:
        self._registries = registries

    def collect(self) -> Iterator[Metric]:
        return (family for registry in self._registries for family in registry.collect())


def merged(*registries: CollectorRegistry) -> CollectorRegistry:
    """One registry for several, for a process of several parts; no metric may be in two of them."""
    registry = CollectorRegistry()
    registry.register(_Merged(registries))
    return registry


async def always() -> str:
    """Ready whenever the process answers."""
    return ""


class _Process(Collector):
    """What runs, since when, and when the certificates end that it was given."""

    def __init__(self, certificate: str) -> None:
        self._release = release()
        self._ends = certificates.ends_of(os.environ, certificate)

    def collect(self) -> Iterator[Metric]:
        yield gauges("vigia_build_info", [((self._release,), 1)])
        yield plain("vigia_start_time_seconds", STARTED)
        yield gauges("vigia_certificate_end_time_seconds", [((name,), end) for name, end in self._ends.items()])


def routes(registry: CollectorRegistry, ready: Ready = always, certificate: str = "") -> list[web.RouteDef]:
    """The three pages, for any application; `certificate` is the file of the console's own, if it has one."""
    exposed = CollectorRegistry()
    exposed.register(_Merged([registry]))
    exposed.register(_Process(certificate))

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(exposed), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    async def is_alive(_: web.Request) -> web.Response:
        return web.Response(text="lives\n")

    async def is_ready(_: web.Request) -> web.Response:
        why = await ready()
        return web.Response(text=f"{why or 'ready'}\n", status=503 if why else 200)

    return [web.get("/metrics", metrics), web.get("/healthz", is_alive), web.get("/readyz", is_ready)]


def serving(app: web.Application, host: str, port: int) -> AbstractAsyncContextManager[int]:
    """Serve an application inside the block within the usual bounds; yields the port, a free one if 0 was given."""
    return listening(app, host, port, Bounds())


@asynccontextmanager
async def serving_health(
    registry: CollectorRegistry, port: int, host: str = "127.0.0.1", ready: Ready = always, certificate: str = ""
) -> AsyncIterator[int]:
    """Serve the three pages of `routes` inside the block, on a port of their own; yields the port."""
    app = web.Application()
    app.add_routes(routes(registry, ready, certificate))
    async with serving(app, host, port) as bound:
        yield bound

"""The page of the processes with an hour of an invented evening behind it, served for its picture."""

import math
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from scorers.policy.tables import Policy
from vigia.console.config import PROCESSES, Config
from vigia.console.entry.accounts import Accounts
from vigia.console.history import EVERY, KEPT, History
from vigia.console.recording import Nowhere
from vigia.console.running import FILE, Setup
from vigia.console.server import serving
from vigia.readmodel.store.model import ReadModel
from vigia.readmodel.store.sqlite.store import SqliteStore
from vigia.runtime.health import serving as serving_app
from vigia.runtime.metrics import table

Labelled = dict[tuple[str, ...], float]


def counted(seconds: float, a_second: float, peak: float) -> float:
    """What has been counted at a rate that swells and falls once in the hour."""
    return a_second * (seconds + peak * 573 * (1 - math.cos(seconds / 573)))


def said(seconds: float) -> str:
    """What all processes together expose so many seconds after the beginning."""
    counters: dict[str, Labelled] = {
        "vigia_events": {
            ("purchases", "purchase.completed"): counted(seconds, 40, 0.5),
            ("contacts", "contact.received"): counted(seconds, 6, -0.3),
            ("complaints", "complaint.opened"): counted(seconds, 1.5, 0.8),
        },
        "vigia_deliveries": {
            ("mail", "sent"): counted(seconds, 0.02, 0.4),
            ("desk", "sent"): counted(seconds, 0.2, 0.6),
        },
        "vigia_gateway_requests": {("202",): counted(seconds, 30, 0.5), ("401",): counted(seconds, 0.1, 0.0)},
    }
    wave = math.sin(seconds / 400)
    gauges: dict[str, Labelled] = {
        "vigia_lag_records": {("purchases",): 30 + 25 * wave, ("contacts",): 6 + 4 * wave},
        "vigia_customers_at_risk": {("platinum",): 14 + seconds // 1200, ("gold",): 61 + 4 * wave, ("iron",): 210 + 9 * wave},
        "vigia_alarms_open": {
            ("gone-quiet", "error", "gold", "core_customer"): 48 + 3 * wave,
            ("risk-high", "warning", "iron", "dormant"): 120 - seconds // 400,
            ("terrorist", "critical", "iron", "defector"): 3,
        },
        "vigia_model_log_loss": {(): 0.41 - seconds / 60_000},
    }  # fmt: skip
    registry = CollectorRegistry()
    for name, values in counters.items():
        one = table.counter(name, registry)
        for labels, value in values.items():
            one.labels(*labels).inc(value)
    for name, values in gauges.items():
        other = table.gauge(name, registry)
        for labels, value in values.items():
            (other.labels(*labels) if labels else other).set(round(value, 3))
    return generate_latest(registry).decode()


def an_hour(until: float) -> History:
    """What was said in the hour before an instant, in seconds since 1970."""
    history = History()
    for look in range(KEPT + 1):
        history.take(until - (KEPT - look) * EVERY, {"worker": said(look * EVERY)})
    return history


@asynccontextmanager
async def answering(names: Iterable[str]) -> AsyncIterator[dict[str, str]]:
    """Processes that say that they are ready; their addresses."""
    app = web.Application()
    app.router.add_get("/{name}/readyz", _ready)
    app.router.add_get("/{name}/metrics", _metrics)
    async with serving_app(app, "127.0.0.1", 0) as port:
        yield {name: f"http://127.0.0.1:{port}/{name}" for name in names}


async def _ready(_: web.Request) -> web.Response:
    return web.Response(text="ready")


async def _metrics(request: web.Request) -> web.Response:
    own = {"worker": ("vigia_events", "vigia_lag"), "notifier": ("vigia_deliveries",), "gateway": ("vigia_gateway",)}
    wanted = own.get(request.match_info["name"], ())
    lines = [one for one in said(KEPT * EVERY).splitlines() if any(name in one for name in wanted)]
    return web.Response(text="\n".join(lines) + "\n")


@asynccontextmanager
async def health_page() -> AsyncIterator[str]:
    """The address of a console whose processes have run for an hour."""
    with TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / FILE)
        store.tables().close()
        model = ReadModel(store)
        model.fresh_at = model.now() / 1e6
        async with answering(PROCESSES) as processes:
            setup = Setup(accounts=Accounts(Path(folder)), config=Config(processes=processes), policy=Policy())
            console = setup.console(model, recorder=Nowhere(), history=an_hour(model.fresh_at))
            async with serving(console, "127.0.0.1", 0, model.tell) as port:
                yield f"http://127.0.0.1:{port}"
        model.close()

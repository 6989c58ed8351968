"""The health of all processes, from their own metrics."""

import asyncio
from datetime import UTC, datetime
from typing import Any, NamedTuple

import aiohttp
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from scorers.contract.events import SECOND
from scorers.contract.inert import inert
from vigia.console import pictures
from vigia.console.context import console_of
from vigia.console.history import FIGURES, PATIENCE, Figure, History, instants, metrics_of
from vigia.console.layout import View, page, view_of
from vigia.console.pages.acting import guarded

SHOWN = 6  # figures of a process
LABELS = {
    "vigia_events": "events",
    "vigia_alarms": "alarms",
    "vigia_customers": "customers",
    "vigia_rejects": "rejected",
    "vigia_lag_records": "behind",
    "vigia_deliveries": "deliveries",
    "vigia_gateway_events": "events taken",
    "vigia_trainer_lessons": "lessons",
}
"""The metrics that are shown, and what they count."""


class Process(NamedTuple):
    """A process as its own pages say it is."""

    name: str
    answers: bool
    is_ready: bool
    why: str
    figures: list[tuple[str, str]]
    metrics: dict[str, float]


def routes() -> list[BaseRoute]:
    """The addresses."""
    return [Route("/health", guarded("read", _show), methods=["GET"])]


async def _show(request: Request) -> Response:
    console, view = console_of(request), view_of(request)
    processes: list[Process] = []
    if console.model.is_live:
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            asked = (_asked(session, name, url, view) for name, url in console.config.processes.items())
            processes = list(await asyncio.gather(*asked))
    ticked = await console.model.ask(lambda db: db.others.fact("tick_written"))
    drawn = [] if console.history is None else [_over_time(view, one, console.history) for one in FIGURES]
    return await page(
        request,
        "health.html",
        processes=processes,
        pictures=[one for one in drawn if one is not None],
        ticked=int(ticked) * 1000 if ticked else None,
    )


async def _asked(session: aiohttp.ClientSession, name: str, url: str, view: View) -> Process:
    try:
        async with session.get(f"{url}/readyz") as answer:
            why = (await answer.content.read(2_000)).decode("utf-8", "replace").strip()
            is_ready = answer.status == 200
        metrics = _sums(await metrics_of(session, url))
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return Process(name, False, False, "", [], {})
    figures = [(label, view.n(round(metrics[metric]))) for metric, label in LABELS.items() if metric in metrics][:SHOWN]
    return Process(name, True, is_ready, "" if is_ready else inert(why, 200), figures, metrics)


def _sums(text: str) -> dict[str, float]:
    """Each metric of ours, summed over its labels."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        if family.name.startswith("vigia_") and family.type in ("counter", "gauge"):
            kept = (sample.value for sample in family.samples if not sample.name.endswith("_created"))
            found[family.name] = sum(kept)
    return found


def _over_time(view: View, figure: Figure, history: History) -> dict[str, Any] | None:
    """The last hour of a figure; nothing while all of it is 0."""
    lines, title = history.over_time(figure), view(figure.title)
    if not lines:
        return None
    ends = [
        pictures.Label(at, f"{datetime.fromtimestamp(at / SECOND, UTC).astimezone(view.zone):%H:%M}")
        for at in instants(lines.values())
    ]
    most = max(value for points in lines.values() for _, value in points)
    said = view.n(round(most)) if most >= 10 else f"{most:.3g}"
    named = {view.code(label) if label else title: points for label, points in lines.items()}
    return {"title": figure.title, "drawn": pictures.over_time(named, ends, said, title)}

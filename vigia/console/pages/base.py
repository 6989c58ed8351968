"""The base as a whole, and themes of complaints."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from scorers.contract.rfc3339 import rfc3339
from scorers.in_force.control import FiguresInForce, decode_control
from vigia.console import pictures
from vigia.console.context import console_of
from vigia.console.exports import download
from vigia.console.filters import STAGES, TIERS, page_number
from vigia.console.layout import View, page, view_of
from vigia.console.pages.acting import guarded
from vigia.readmodel.store.items import Total
from vigia.readmodel.store.queries import Queries

THEMES = {"about": "theme", "state": "all"}


def routes() -> list[BaseRoute]:
    """The addresses."""
    return [
        Route("/base", guarded("read", _base), methods=["GET"]),
        Route("/themes", guarded("read", _themes), methods=["GET"]),
    ]


async def _base(request: Request) -> Response:
    view = view_of(request)

    def ask(db: Queries) -> Any:
        return (
            db.customers.totals(("stage", "tier", "currency")),
            db.customers.totals(("type",)),
            db.customers.page_of({"alarms": "open"}, "loss", 1, 1).total,
            db.others.in_force("figures.in_force"),
        )

    sums, types, with_alarms, raw = await console_of(request).model.ask(ask)
    cells: dict[tuple[str, str], int] = {}
    by_stage: dict[str, int] = {}
    by_tier: dict[str, int] = {}
    money: dict[str, Total] = {}
    for (stage, tier, currency), total in sums.items():
        cells[stage, tier] = cells.get((stage, tier), 0) + total.customers
        by_stage[stage] = by_stage.get(stage, 0) + total.customers
        by_tier[tier] = by_tier.get(tier, 0) + total.customers
        if currency:
            old = money.get(currency, Total(0, 0, 0))
            money[currency] = Total(old.customers + total.customers, old.value + total.value, old.loss + total.loss)
    stages = [stage for stage in STAGES if stage in by_stage]
    figures = None if raw is None else decode_control(raw)
    drawn = [(view.code(stage), by_stage[stage], view.n(by_stage[stage])) for stage in stages]
    return await page(
        request,
        "base.html",
        stages=stages,
        tiers=[tier for tier in TIERS if tier in by_tier],
        cells=cells,
        by_stage=by_stage,
        by_tier=by_tier,
        total=Total(sum(by_stage.values()), 0, 0),
        money=dict(sorted(money.items(), key=lambda one: -one[1].customers)),
        by_type=sorted(((name, total.customers) for (name,), total in types.items()), key=lambda one: -one[1]),
        with_alarms=with_alarms,
        figures=figures if isinstance(figures, FiguresInForce) else None,
        picture=pictures.bars(drawn, view("Customers by stage")),
    )


async def _themes(request: Request) -> Response:
    number, view = page_number(request.query_params), view_of(request)
    if request.query_params.get("format") == "csv":
        heads = ("theme", "state", "since", "why")
        return download(console_of(request), "themes", heads, lambda db: _theme_cells(view, db))
    found = await console_of(request).model.ask(lambda db: db.alarms.page_of(THEMES, "newest", number))
    return await page(request, "themes.html", page=found, number=number, given={})


def _theme_cells(view: View, db: Queries) -> Any:
    for one in db.alarms.all_of(THEMES, "newest"):
        yield one.alarm.subject.id, one.state, rfc3339(one.alarm.at), " ".join(view.why(one.alarm)[:2])

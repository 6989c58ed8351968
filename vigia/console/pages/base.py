"""The base as a whole, themes of complaints, and stores."""

from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from scorers.contract.rfc3339 import rfc3339
from scorers.in_force.control import FiguresInForce, decode_control
from vigia.console import pictures
from vigia.console.context import console_of
from vigia.console.exports import download
from vigia.console.filters import STAGES, TIERS, checked, page_number
from vigia.console.layout import View, page, view_of
from vigia.console.pages.acting import guarded
from vigia.readmodel.amounts import in_units
from vigia.readmodel.store.items import PAGE, Total
from vigia.readmodel.store.queries import Queries

THEMES = {"about": "theme", "state": "all"}
LOST = ("dormant", "defector", "core_defector")


class StoreRow(NamedTuple):
    """A store of the list."""

    store: str
    customers: int
    losses: list[tuple[str, int]]
    lost: float
    open: int


def routes() -> list[BaseRoute]:
    """The addresses."""
    return [
        Route("/base", guarded("read", _base), methods=["GET"]),
        Route("/themes", guarded("read", _themes), methods=["GET"]),
        Route("/stores", guarded("read", _stores), methods=["GET"]),
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


async def _stores(request: Request) -> Response:
    console, number = console_of(request), page_number(request.query_params)
    checked(request.query_params, {})
    rows = await console.model.ask(_store_rows)
    if request.query_params.get("format") == "csv":
        heads = ("store", "customers", "expected_loss", "currency", "left_or_silent", "alarms")
        cells = [
            (row.store, row.customers, in_units(loss, currency), currency, round(row.lost, 4), row.open)
            for row in rows
            for currency, loss in row.losses or [("", 0)]
        ]
        return download(console, "stores", heads, lambda _: cells)
    shown = rows[(number - 1) * PAGE : number * PAGE]
    return await page(request, "stores.html", rows=shown, total=len(rows), number=number, given={})


def _store_rows(db: Queries) -> list[StoreRow]:
    found: dict[str, dict[str, Any]] = {}
    for (store, stage, currency), total in db.customers.totals(("store", "stage", "currency")).items():
        if store:
            one = found.setdefault(store, {"n": 0, "lost": 0, "losses": {}})
            one["n"] += total.customers
            one["lost"] += total.customers if stage in LOST else 0
            if currency:
                one["losses"][currency] = one["losses"].get(currency, 0) + total.loss
    standing = db.alarms.by_store()
    for store in standing.keys() - found.keys():
        found[store] = {"n": 0, "lost": 0, "losses": {}}
    rows = [
        StoreRow(
            store,
            one["n"],
            sorted(one["losses"].items()),
            one["lost"] / one["n"] if one["n"] else 0.0,
            standing.get(store, 0),
        )
        for store, one in found.items()
    ]
    return sorted(rows, key=lambda row: (-sum(loss for _, loss in row.losses), row.store))

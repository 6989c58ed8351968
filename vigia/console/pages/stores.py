"""The stores: who buys there, which alarms stand, whether complaints are heard (X2), and how the staff is (P2)."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vigia.console.context import console_of
from vigia.console.exports import download
from vigia.console.filters import checked, page_number
from vigia.console.layout import page
from vigia.console.pages.acting import guarded
from vigia.console.stores import store_rows
from vigia.readmodel.amounts import in_units
from vigia.readmodel.store.items import PAGE

VOICED = (
    *("coverage", "formal", "informal", "satisfied", "implied_dissatisfied", "silent_dissatisfied"),
    *("staff_asked", "staff_thanked", "staff_answers", "staff_score"),
)
"""Columns of the file, as in `stores.jsonl`."""


def routes() -> list[BaseRoute]:
    """The address."""
    return [Route("/stores", guarded("read", _stores), methods=["GET"])]


async def _stores(request: Request) -> Response:
    console, number = console_of(request), page_number(request.query_params)
    checked(request.query_params, {})
    rows = await console.model.ask(lambda db: store_rows(db, console.policy.iceberg))
    if request.query_params.get("format") == "csv":
        heads = ("store", "customers", "expected_loss", "currency", "left_or_silent", "alarms", *VOICED)
        cells = [
            (
                *(row.store, row.customers, in_units(loss, currency), currency, round(row.lost, 4), row.open),
                *(getattr(row.voices, name) for name in VOICED),
            )
            for row in rows
            for currency, loss in row.losses or [("", 0)]
        ]
        return download(console, "stores", heads, lambda _: cells)
    shown = rows[(number - 1) * PAGE : number * PAGE]
    return await page(request, "stores.html", rows=shown, total=len(rows), number=number, given={})

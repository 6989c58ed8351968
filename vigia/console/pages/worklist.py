"""The worklist of a date: whom to reach today."""

from typing import Any, NamedTuple
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from scorers.contract.events import AlarmAction
from scorers.contract.rfc3339 import rfc3339
from vigia.console.context import console_of, who_of
from vigia.console.deeds import act_on_entry
from vigia.console.exports import download
from vigia.console.filters import ANY, checked, page_number
from vigia.console.forms import form_of
from vigia.console.layout import page, view_of
from vigia.console.pages.acting import back, guarded, wanted
from vigia.readmodel.amounts import in_units
from vigia.readmodel.store.items import Page
from vigia.readmodel.store.queries import Queries

FILTERS = {"date": ANY, "funds": ("yes",)}
HEADS = ("date", "rank", "customer_id", "name", "tier", "stage", "risk", "expected_loss", "currency", "why", "to_reach")


class Found(NamedTuple):
    """What the page shows."""

    date: str
    dates: list[str]
    page: Page
    counts: tuple[int, int, int]
    known: dict[str, Any]
    deeds: dict[str, list[AlarmAction]]


def routes() -> list[BaseRoute]:
    """The addresses."""
    return [
        Route("/", guarded("read", _show), methods=["GET"]),
        Route("/worklist/{date}/{customer}/act", guarded("act", _act), methods=["POST"]),
    ]


async def _show(request: Request) -> Response:
    console, given = console_of(request), checked(request.query_params, FILTERS)
    number, view = page_number(request.query_params), view_of(request)
    if request.query_params.get("format") == "csv":
        return _csv(request, given)

    def ask(db: Queries) -> Found:
        dates = db.worklists.dates()
        date = given.get("date") or (dates[0] if dates else "")
        found = db.worklists.page_of(date, number, funded=given.get("funds") == "yes", funded_first=True)
        known = db.customers.known([entry.customer_id for entry in found.items])
        totals = (
            db.worklists.page_of(date, 1, 1).total,
            db.worklists.page_of(date, 1, 1, funded=True).total,
            db.worklists.page_of(date, 1, 1, held_out=True).total,
        )
        return Found(date, dates, found, totals, known, db.worklists.deeds_on(date))

    found = await console.model.ask(ask)
    total, funded, held_out = found.counts
    return await page(
        request,
        "worklist.html",
        date=found.date,
        day=view.words.date(found.date) if found.date else "",
        dates=found.dates if not found.date or found.date in found.dates else [found.date, *found.dates],
        page=found.page,
        number=number,
        known=found.known,
        deeds={customer: in_effect(deeds) for customer, deeds in found.deeds.items()},
        funded=funded,
        total_all=total,
        held_out=held_out,
        not_listed=found.page.items[0].not_listed if found.page.items else 0,
        given=given,
    )


def in_effect(deeds: list[AlarmAction]) -> list[AlarmAction]:
    """What was done about an entry, without what its person has taken back."""
    left: list[AlarmAction] = []
    for one in deeds:
        if one.action != "undo":
            left.append(one)
        elif (mine := next((n for n in range(len(left) - 1, -1, -1) if left[n].by == one.by), None)) is not None:
            del left[mine]
    return left


async def _act(request: Request) -> Response:
    console, form = console_of(request), await form_of(request)
    date, customer = unquote(request.path_params["date"]), unquote(request.path_params["customer"])
    asked = wanted(console, form)
    await act_on_entry(console, who_of(request).by, date, customer, **asked)
    view = view_of(request)
    return back(form, f"{customer}: {view.code('did_' + asked['action'])}.")


def _csv(request: Request, given: dict[str, str]) -> Response:
    view, console = view_of(request), console_of(request)

    def rows(db: Queries) -> Any:
        date = given.get("date") or next(iter(db.worklists.dates(1)), "")
        found = db.worklists.page_of(date, 1, 1_000_000, funded=given.get("funds") == "yes").items
        for n in range(0, len(found), 500):
            some = found[n : n + 500]
            known = db.customers.known([entry.customer_id for entry in some])
            for entry in some:
                whose = known.get(entry.customer_id)
                name = whose.row.name if whose else None
                loss = in_units(entry.expected_loss_minor, entry.currency)
                yield (
                    *(entry.date, entry.rank, entry.customer_id, name, entry.tier, entry.stage),
                    *(round(entry.risk, 4), loss, entry.currency),
                    " ".join(view.why_on(entry.reasons[:2], rfc3339(entry.at)[:10])),
                    "yes" if entry.funded else "no",
                )

    return download(console, "worklist", HEADS, rows)

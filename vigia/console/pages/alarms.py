"""The list of alarms, and the page of one with its whole life."""

import asyncio
from typing import Any, NamedTuple
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from alerts.pipeline.incident import BY_PEOPLE
from scorers.contract.alarms import SEVERITIES
from scorers.contract.rfc3339 import rfc3339
from vigia.console.context import Console, console_of, who_of
from vigia.console.deeds import NotPossible, act_on_alarm
from vigia.console.exports import download
from vigia.console.filters import ALARM_FILTERS, STAGES, TIERS, checked, page_number
from vigia.console.forms import form_of
from vigia.console.layout import View, page, view_of
from vigia.console.pages.acting import back, guarded, wanted
from vigia.console.recording import NotRecorded
from vigia.readmodel.amounts import in_units
from vigia.readmodel.store.items import AlarmItem, Change, DeliveryRow
from vigia.readmodel.store.people import Deed
from vigia.readmodel.store.queries import Queries

MOST = 100  # alarms of one action
HEADS = (
    *(
        "alarm_id",
        "kind",
        "severity",
        "state",
        "customer_id",
        "name",
        "tier",
        "stage",
        "store",
        "since",
        "expected_loss",
    ),
    *("currency", "taken_by", "snoozed_until", "outcome", "why"),
)


class Line(NamedTuple):
    """A line of the life of an alarm or customer: a change, what somebody did, or what was delivered."""

    time: int
    what: str
    type: str = ""
    text: str = ""
    deed: Deed | None = None
    delivery: DeliveryRow | None = None
    alarm: str = ""
    more: str = ""


def routes() -> list[BaseRoute]:
    """The addresses."""
    return [
        Route("/alarms", guarded("read", _list), methods=["GET"]),
        Route("/alarms/act", guarded("act", _act_on_many), methods=["POST"]),
        Route("/alarms/{id}", guarded("read", _show), methods=["GET"]),
        Route("/alarms/{id}/act", guarded("act", _act), methods=["POST"]),
    ]


async def _list(request: Request) -> Response:
    console, given = console_of(request), checked(request.query_params, ALARM_FILTERS)
    number, view = page_number(request.query_params), view_of(request)
    if request.query_params.get("format") == "csv":
        return _csv(request, given)

    def ask(db: Queries) -> Any:
        found = db.alarms.page_of(given, given.get("sort", ""), number)
        ids = [one.alarm.customer_id for one in found.items if one.alarm.customer_id is not None]
        return found, db.customers.known(ids), db.alarms.by_state(), db.alarms.kinds()

    found, known, states, kinds = await console.model.ask(ask)
    return await page(
        request,
        "alarms.html",
        page=found,
        number=number,
        known=known,
        states=states,
        kinds=sorted(kinds, key=view.kind),
        given=given,
        severities=SEVERITIES,
        tiers=TIERS,
        stages=STAGES,
        state_words=lambda name: view.code(f"state_{name}"),
        order_words=lambda name: view.code(f"order_{name}"),
    )


async def _show(request: Request) -> Response:
    console, alarm_id = console_of(request), unquote(request.path_params["id"])

    def ask(db: Queries) -> Any:
        item = db.alarms.one(alarm_id)
        whose = None if item is None or item.alarm.customer_id is None else db.customers.one(item.alarm.customer_id)
        return item, whose, db.alarms.life(alarm_id)

    item, whose, changes = await console.model.ask(ask)
    if item is None:
        raise HTTPException(404)
    return await page(request, "alarm.html", item=item, whose=whose, life=life(view_of(request), item, changes))


def life(view: View, item: AlarmItem, changes: list[Change]) -> list[Line]:
    """All that happened with an alarm, the newest first; what people did is said once, by their own record of it."""
    has_deeds = bool(item.people.deeds)
    lines = []
    for one in changes:
        alarm = one.alarm
        if alarm.type in BY_PEOPLE and has_deeds:
            continue
        over = alarm.type in ("alarm.settled", "alarm.withdrawn")
        text = (
            view.end(alarm.outcome)
            if alarm.type == "alarm.settled"
            else " ".join(view.why(alarm)[:1])
            if not over
            else ""
        )
        lines.append(Line(int(alarm.time), "end" if over else "change", alarm.type, text))
    lines += [Line(one.time, "deed", deed=one) for one in item.people.deeds]
    lines += [
        Line(one.done or one.time, "delivery", delivery=one) for one in item.deliveries if one.rule != "bookkeeping"
    ]
    return sorted(lines, key=lambda line: line.time, reverse=True)


async def _act(request: Request) -> Response:
    console, form, view = console_of(request), await form_of(request), view_of(request)
    alarm_id, asked = unquote(request.path_params["id"]), wanted(console_of(request), form)
    is_shown = await act_on_alarm(console, who_of(request).by, alarm_id, **asked)
    text = view.code("did_" + asked["action"]).capitalize()
    return back(form, f"{text}." if is_shown else view("{what}; the page shows it in a moment.", what=text))


async def _act_on_many(request: Request) -> Response:
    """The same for several alarms: each failure is told, the rest goes through."""
    console, form, view = console_of(request), await form_of(request), view_of(request)
    chosen, asked = form.all("alarm")[:MOST], wanted(console, form)
    if not chosen:
        return back(form, view("No alarm was chosen."))
    by = who_of(request).by
    tried = await asyncio.gather(*(_tried(console, by, alarm_id, asked) for alarm_id in chosen))
    failures = [why for why in tried if why]
    done = len(chosen) - len(failures)
    text = view("{n}: {what}.", n=view.count(done, "alarm"), what=view.code("did_" + asked["action"]))
    if failures:
        more = view("{n} failed:", n=len(failures))
        text = f"{text} {more} {'; '.join(failures[:5])}"
    return back(form, text)


async def _tried(console: Console, by: str, alarm_id: str, asked: dict[str, Any]) -> str:
    """Act on one of several alarms; why it failed, empty if it did not."""
    try:
        await act_on_alarm(console, by, alarm_id, **asked)
    except (NotPossible, NotRecorded) as fault:
        return f"{alarm_id}: {fault}"
    return ""


def _csv(request: Request, given: dict[str, str]) -> Response:
    view = view_of(request)

    def rows(db: Queries) -> Any:
        for one in db.alarms.all_of(given, given.get("sort", "")):
            alarm = one.alarm
            yield (
                *(alarm.alarm_id, alarm.kind, alarm.severity, one.state, alarm.customer_id, alarm.name, alarm.tier),
                *(alarm.stage, alarm.store_id, rfc3339(alarm.at), in_units(one.loss, alarm.currency), alarm.currency),
                *(one.taken_by, rfc3339(one.snoozed_until) if one.snoozed_until else None, alarm.outcome),
                " ".join(view.why(alarm)[:2]),
            )

    return download(console_of(request), "alarms", HEADS, rows)

"""The HTTP API under `/api/v1`: the same questions as the pages, and actions."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, get_args
from urllib.parse import unquote, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from scorers.contract.alarms import Treatment
from scorers.contract.events import ActionName, Instant
from scorers.contract.rfc3339 import decode_instant, rfc3339
from vigia.console.api import events, openapi
from vigia.console.context import console_of, who_of
from vigia.console.deeds import NotPossible, act_on_alarm, act_on_entry
from vigia.console.entry.access import is_same_origin
from vigia.console.filters import ALARM_FILTERS, CUSTOMER_FILTERS, BadFilter, checked, page_number
from vigia.console.recording import NotRecorded
from vigia.readmodel.store.items import PAGE, AlarmItem, CustomerItem, Page
from vigia.readmodel.store.queries import Queries

BASE = "/api/v1"
MOST_BODY = 16_384
TREATMENTS: tuple[str, ...] = get_args(Treatment)
Answer = Callable[[Request], Awaitable[Response]]


class ActionRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The body of an action."""

    action: ActionName
    until: Instant | None = None
    reason: str | None = None
    treatment: str | None = None


_decode_action = msgspec.json.Decoder(ActionRequest, dec_hook=decode_instant).decode


def routes() -> list[BaseRoute]:
    """The addresses of the API."""
    reads: dict[str, Answer] = {
        "/customers": _customers,
        "/customers/{id}": _customer,
        "/customers/{id}/explanation": _explanation,
        "/worklist": _worklist,
        "/alarms": _alarms,
        "/alarms/{id}": _alarm,
        "/base": _base,
        "/quality": _quality,
        "/events": events.stream,
    }
    writes: dict[str, Answer] = {
        "/worklist/{date}/{customer}/actions": _act_on_entry,
        "/alarms/{id}/actions": _act_on_alarm,
    }
    return [
        Route(f"{BASE}/openapi.json", _openapi, methods=["GET"]),
        *(Route(BASE + path, _guarded("read", answer), methods=["GET"]) for path, answer in reads.items()),
        *(Route(BASE + path, _guarded("act", answer), methods=["POST"]) for path, answer in writes.items()),
    ]


def problem(status: int, text: str) -> JSONResponse:
    """An answer that says what is wrong."""
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return JSONResponse({"error": text}, status, headers={"Cache-Control": "no-store", **headers})


def _guarded(scope: Any, answer: Answer) -> Answer:
    async def guarded(request: Request) -> Response:
        who = who_of(request)
        if who is None:
            return problem(401, "give a key: Authorization: Bearer KEY (vigia console key add NAME --scope read)")
        if not who.may(scope):
            return problem(403, f"this needs the scope {scope}")
        if scope == "act":
            given = request.headers.get("x-csrf-token", "")
            is_local = not console_of(request).access.needs_sign_in and is_same_origin(request)
            if not is_local and not console_of(request).access.is_own(request, who, given):
                return problem(403, "a session needs the header X-CSRF-Token; programs use a key")
        try:
            return await answer(request)
        except BadFilter as fault:
            return problem(400, str(fault))

    return guarded


# --- reading --------------------------------------------------------------------------------------------------------


async def _customers(request: Request) -> Response:
    given = checked(request.query_params, CUSTOMER_FILTERS)
    page = page_number(request.query_params)
    found = await console_of(request).model.ask(lambda db: db.customers.page_of(given, given.get("sort", "loss"), page))
    return _listed(request, found, page, customer_json)


async def _customer(request: Request) -> Response:
    found = await _asked_customer(request)
    return problem(404, "no such customer") if found is None else _tagged(request, customer_json(found))


async def _explanation(request: Request) -> Response:
    """Why a customer counts as at risk: the reasons of the alarms that stand and of the newest worklist."""
    customer_id = unquote(request.path_params["id"])
    found = await _asked_customer(request)
    if found is None:
        return problem(404, "no such customer")

    def ask(db: Queries) -> tuple[list[AlarmItem], list[Any]]:
        standing = {"customer": customer_id, "state": "all"}
        return list(db.alarms.page_of(standing, "newest", 1, 20).items), db.worklists.entries_of(customer_id, 1)

    latest, entries = await console_of(request).model.ask(ask)
    standing = [one for one in latest if one.state in ("open", "acknowledged", "snoozed")]
    risky = next((one for one in latest if one.alarm.risk is not None and not one.is_change), None)
    reasons = entries[0].reasons if entries else risky.alarm.reasons if risky is not None else ()
    row = found.row
    explained = {
        "customer_id": customer_id,
        "risk": row.risk,
        "horizon_days": row.horizon_days,
        "value_at_risk_minor": row.value_at_risk_minor,
        "expected_loss_minor": found.loss,
        "currency": row.currency,
        "reasons": msgspec.to_builtins(reasons),
        "alarms": [alarm_json(one) for one in standing],
        "next_due": row.next_due,
    }
    return _tagged(request, explained)


async def _worklist(request: Request) -> Response:
    page, date = page_number(request.query_params), request.query_params.get("date", "")

    def ask(db: Queries) -> tuple[str, Page, Any, Any]:
        of = date or next(iter(db.worklists.dates(1)), "")
        found = db.worklists.page_of(of, page)
        ids = [entry.customer_id for entry in found.items]
        return of, found, db.customers.known(ids), db.worklists.deeds_on(of)

    of, found, known, deeds = await console_of(request).model.ask(ask)

    def shown(entry: Any) -> dict[str, Any]:
        fields = json.loads(openapi.encode_entry(entry))
        whose = known.get(entry.customer_id)
        done = [_deed(one) for one in deeds.get(entry.customer_id, [])]
        return {**fields, "name": None if whose is None else whose.row.name, "actions": done}

    return _listed(request, found, page, shown, {"date": of or None})


async def _alarms(request: Request) -> Response:
    given = checked(request.query_params, ALARM_FILTERS)
    page = page_number(request.query_params)
    found = await console_of(request).model.ask(lambda db: db.alarms.page_of(given, given.get("sort", ""), page))
    return _listed(request, found, page, alarm_json)


async def _alarm(request: Request) -> Response:
    alarm_id = unquote(request.path_params["id"])

    def ask(db: Queries) -> tuple[AlarmItem | None, list[Any]]:
        return db.alarms.one(alarm_id), db.alarms.life(alarm_id)

    found, life = await console_of(request).model.ask(ask)
    if found is None:
        return problem(404, "no such alarm")
    told = [
        {
            "change": one.change,
            "channel": one.channel,
            "state": one.state,
            "rule": one.rule,
            "time": rfc3339(one.time),
            "detail": one.detail,
        }
        for one in found.deliveries
    ]
    changes = [{"type": one.alarm.type, "time": rfc3339(one.alarm.time), "outcome": one.alarm.outcome} for one in life]
    return _tagged(request, {**alarm_json(found), "deliveries": told, "changes": changes})


async def _base(request: Request) -> Response:
    def ask(db: Queries) -> tuple[Any, Any]:
        return db.customers.totals(("stage", "tier", "currency")), db.alarms.by_state()

    sums, states = await console_of(request).model.ask(ask)
    items = [
        {
            "stage": stage,
            "tier": tier,
            "currency": currency or None,
            "customers": total.customers,
            "value_at_risk_minor": total.value,
            "expected_loss_minor": total.loss,
        }
        for (stage, tier, currency), total in sorted(sums.items())
    ]
    count = sum(total.customers for total in sums.values())
    body = {"items": items, "next": None, "total": len(items), "customers": count, "alarms": states}
    return _tagged(request, body)


async def _quality(request: Request) -> Response:
    counts = await console_of(request).model.ask(lambda db: db.alarms.outcomes())
    items = [{"kind": kind, "raised": sum(by.values()), "states": by} for kind, by in sorted(counts.items())]
    return _tagged(request, {"items": items, "next": None, "total": len(items)})


async def _openapi(request: Request) -> Response:
    return _tagged(request, openapi.document())


# --- acting ---------------------------------------------------------------------------------------------------------


async def _act_on_alarm(request: Request) -> Response:
    wanted = await _wanted(request)
    if isinstance(wanted, Response):
        return wanted
    console, alarm_id = console_of(request), unquote(request.path_params["id"])
    key = request.headers.get("idempotency-key", "")
    try:
        is_shown = await act_on_alarm(console, who_of(request).by, alarm_id, key=key, **wanted)
    except (NotPossible, NotRecorded) as fault:
        return _refused(fault)
    found = await console.model.ask(lambda db: db.alarms.one(alarm_id))
    if found is None:
        return problem(404, "no such alarm")
    return JSONResponse(alarm_json(found), 200 if is_shown else 202, headers={"Cache-Control": "no-store"})


async def _act_on_entry(request: Request) -> Response:
    wanted = await _wanted(request)
    if isinstance(wanted, Response):
        return wanted
    console, date = console_of(request), unquote(request.path_params["date"])
    customer, key = unquote(request.path_params["customer"]), request.headers.get("idempotency-key", "")
    try:
        is_shown = await act_on_entry(console, who_of(request).by, date, customer, key=key, **wanted)
    except (NotPossible, NotRecorded) as fault:
        return _refused(fault)
    deeds = await console.model.ask(lambda db: db.worklists.deeds_on(date))
    body = {"date": date, "customer_id": customer, "actions": [_deed(one) for one in deeds.get(customer, [])]}
    return JSONResponse(body, 200 if is_shown else 202, headers={"Cache-Control": "no-store"})


async def _wanted(request: Request) -> dict[str, Any] | Response:
    """The action that the body asks for, or why there is none."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return problem(415, "send the action as application/json")
    raw = b""
    async for piece in request.stream():
        raw += piece
        if len(raw) > MOST_BODY:
            return problem(413, f"the body is larger than {MOST_BODY} bytes")
    try:
        found = _decode_action(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        return problem(400, str(fault))
    if found.treatment is not None and found.treatment not in TREATMENTS:
        return problem(400, f"treatment is one of {', '.join(TREATMENTS)}")
    return {
        "action": found.action,
        "until": found.until,
        "reason": found.reason,
        "treatment": found.treatment,
    }


def _refused(fault: NotPossible | NotRecorded) -> Response:
    return problem(503 if isinstance(fault, NotRecorded) else fault.status, str(fault))


# --- the forms of answers ---------------------------------------------------------------------------------------------


def customer_json(item: CustomerItem) -> dict[str, Any]:
    """A customer: the row of customers.jsonl, the expected loss, and how many alarms stand."""
    return {**json.loads(item.raw), "expected_loss_minor": item.loss, "alarms_standing": item.alarms}


def alarm_json(item: AlarmItem) -> dict[str, Any]:
    """An alarm: its newest record in the form of the topic, its state, and what people did."""
    deeds = [
        {
            "action": one.action,
            "by": one.by,
            "time": rfc3339(one.time),
            "reason": one.reason,
            "until": _instant(one.until),
            "treatment": one.treatment,
            "undone": one.undone,
            "refused": one.refused or None,
        }
        for one in item.people.deeds
    ]
    return {
        **json.loads(item.raw),
        "state": item.state,
        "raised": rfc3339(item.raised),
        "taken_by": item.taken_by,
        "snoozed_until": _instant(item.snoozed_until),
        "held_back_by": item.rule,
        "expected_loss_minor": item.loss,
        "actions": deeds,
    }


def _deed(action: Any) -> dict[str, Any]:
    return {
        "action": action.action,
        "by": action.by,
        "time": rfc3339(action.time),
        "reason": action.reason,
        "until": _instant(action.until),
        "treatment": action.treatment,
    }


def _instant(at: int | None) -> str | None:
    return None if at is None else rfc3339(at)


def _listed(
    request: Request, found: Page, page: int, shown: Callable[[Any], Any], more: Mapping[str, Any] | None = None
) -> Response:
    """A page of a list with the address of the next one."""
    following = None
    if page * PAGE < found.total:
        query = [(name, value) for name, value in request.query_params.multi_items() if name != "page"]
        following = f"{request.url.path}?{urlencode([*query, ('page', page + 1)])}"
    return _tagged(
        request, {"items": [shown(one) for one in found.items], "next": following, "total": found.total, **(more or {})}
    )


def _tagged(request: Request, body: Mapping[str, Any]) -> Response:
    """An answer with an ETag; empty with 304 if the caller has it already."""
    raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    tag = f'W/"{hashlib.sha256(raw).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if tag.removeprefix("W/") in known or known == ["*"]:
        return Response(status_code=304, headers=headers)
    return Response(raw, media_type="application/json", headers=headers)


async def _asked_customer(request: Request) -> CustomerItem | None:
    customer_id = unquote(request.path_params["id"])
    return await console_of(request).model.ask(lambda db: db.customers.one(customer_id))

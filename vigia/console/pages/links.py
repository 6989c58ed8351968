"""Signed links in messages: a page that shows the alarm and asks once; only a press of a button acts."""

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from scorers.contract.events import Instant
from vigia.console.context import console_of
from vigia.console.deeds import STANDING, NotPossible, check
from vigia.console.entry.access import is_same_origin
from vigia.console.forms import form_of
from vigia.console.layout import page, view_of
from vigia.console.pages.acting import until
from vigia.console.pages.problems import failed
from vigia.console.recording import NotRecorded
from vigia.readmodel.store.queries import Queries
from vigia.runtime.answering.links import SOURCE, Answer, BadLink, Link

ANSWERS: tuple[Answer, ...] = ("ack", "act", "snooze", "dismiss")


def routes() -> list[BaseRoute]:
    """The addresses."""
    return [Route("/a/{token}", _show, methods=["GET"]), Route("/a/{token}", _act, methods=["POST"])]


def _read(request: Request) -> Link:
    """The link of the address. Raises `BadLink`."""
    console = console_of(request)
    if console.links is None:
        raise BadLink("this console answers no links")
    return console.links.read(request.path_params["token"], Instant(console.model.now()))


async def _found(request: Request, link: Link) -> Any:
    """The alarm, its customer, and the action if the link has acted already."""

    def ask(db: Queries) -> Any:
        item = db.alarms.one(link.alarm_id)
        whose = None if item is None or item.alarm.customer_id is None else db.customers.one(item.alarm.customer_id)
        used = db.alarms.action(SOURCE, link.nonce)
        return item, whose, used

    return await console_of(request).model.ask(ask)


async def _show(request: Request) -> Response:
    view = view_of(request)
    try:
        link = _read(request)
    except BadLink as fault:
        return await failed(request, 404, view(str(fault)))
    item, whose, used = await _found(request, link)
    if item is None:
        return await failed(request, 404)
    asked = request.query_params.get("do", "")
    return await page(
        request,
        "link.html",
        item=item,
        whose=whose,
        used=used,
        by=link.by,
        asks=used is None and item.state in STANDING and console_of(request).may_act,
        first=asked if asked in ANSWERS else "",
        answers=sorted(ANSWERS, key=lambda one: one != asked),
    )


async def _act(request: Request) -> Response:
    console, view = console_of(request), view_of(request)
    try:
        link = _read(request)
    except BadLink as fault:
        return await failed(request, 404, view(str(fault)))
    if not is_same_origin(request):
        return await failed(request, 403)
    item, _, used = await _found(request, link)
    if item is None:
        return await failed(request, 404)
    back = RedirectResponse(request.url.path, 303)
    if used is not None or item.state not in STANDING:
        return back
    form = await form_of(request)
    answer = next((one for one in ANSWERS if one == form.get("action")), None)
    if answer is None:
        return await failed(request, 400)
    try:
        end, reason = until(console, form) if answer == "snooze" else None, form.get("reason", "").strip() or None
        now = console.model.now()
        check(answer, end, reason, now)
        alarm = item.alarm
        action = link.act(answer, alarm.customer_id, Instant(max(now, item.raised)), until=end, reason=reason)
        await console.recorder.act(action, alarm.customer_id or alarm.subject.id)
    except NotPossible as fault:
        return await failed(request, fault.status, str(fault))
    except NotRecorded as fault:
        return await failed(request, 503, str(fault))
    return back

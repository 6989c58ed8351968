"""What pages that change something have in common: who may, the form's own token, and back to where one was."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from scorers.contract.events import Instant
from vigia.console.context import Console, console_of, who_of
from vigia.console.deeds import NotPossible
from vigia.console.entry.access import is_same_origin
from vigia.console.entry.accounts import Scope
from vigia.console.entry.signing_in import inside
from vigia.console.filters import BadFilter
from vigia.console.forms import Form, form_of
from vigia.console.layout import MICROS, noted
from vigia.console.pages.problems import failed
from vigia.console.recording import NotRecorded

HOUR = 3600 * MICROS
Answer = Callable[[Request], Awaitable[Response]]


def guarded(scope: Scope, answer: Answer) -> Answer:
    """The answer for those who have the scope; a form also has to come from a page of their session."""

    async def checked(request: Request) -> Response:
        who = who_of(request)
        if who is None or not who.may(scope):
            return await failed(request, 403)
        if request.method == "POST":
            form = await form_of(request)
            if not is_same_origin(request) or not console_of(request).access.is_own(request, who, form.get("csrf", "")):
                return await failed(request, 403)
        try:
            return await answer(request)
        except BadFilter as fault:
            return await failed(request, 400, str(fault))
        except NotPossible as fault:
            return await failed(request, fault.status, str(fault))
        except NotRecorded as fault:
            return await failed(request, 503, str(fault))
        except HTTPException as fault:
            return await failed(request, fault.status_code)

    return checked


def back(form: Form, text: str) -> Response:
    """Back to the page of the form, which says this text."""
    return noted(RedirectResponse(inside(form.get("next", "")), 303), text)


def until(console: Console, form: Form) -> Instant | None:
    """The end of a snooze as the form says it; None if it says none. Raises `NotPossible`."""
    choice, now = form.get("until", ""), console.model.now()
    if choice == "hour":
        return Instant(now + HOUR)
    if choice == "week":
        return Instant(now + 7 * 24 * HOUR)
    local = datetime.fromtimestamp(now / MICROS, console.zone)
    if choice == "tomorrow":
        morning = (local + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)
        return Instant(int(morning.timestamp()) * MICROS)
    if choice == "date":
        try:
            end = datetime.fromisoformat(form.get("date", "")).replace(tzinfo=console.zone)
        except ValueError:
            raise NotPossible("give the date until which it is snoozed", 400) from None
        return Instant(int(end.timestamp()) * MICROS)
    return None


def wanted(console: Console, form: Form) -> dict[str, Any]:
    """The action of a form."""
    action = form.get("action", "")
    if action not in ("ack", "act", "snooze", "resolve", "note", "dismiss", "undo"):
        raise NotPossible("choose what to do", 400)
    end = until(console, form) if action == "snooze" else None
    return {"action": action, "reason": form.get("reason", "").strip() or None, "until": end}

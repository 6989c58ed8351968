"""Signing in by OpenID Connect: the way to the service, and back from it."""

import logging
import secrets

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from vigia.console.config import Config
from vigia.console.context import console_of
from vigia.console.entry.access import cookie
from vigia.console.entry.openid import BACK, WAITS, NotSignedIn, Pending, person
from vigia.console.entry.signing_in import inside, sign_in_page, token_cookie
from vigia.console.layout import view_of

LOGGER = logging.getLogger("vigia.console")
BEGUN = "vigia_openid"  # the cookie of a sign-in that has begun


def routes() -> list[BaseRoute]:
    """The addresses."""
    return [Route("/login/openid", _begin, methods=["GET"]), Route(BACK, _finish, methods=["GET"])]


async def _begin(request: Request) -> Response:
    """Lead to the service; what has to come back is remembered by the browser alone, signed."""
    console, pending = console_of(request), Pending.begin(inside(request.query_params.get("next", "")))
    if console.access.provider is None:
        raise HTTPException(404)
    try:
        answer = RedirectResponse(await console.access.provider.address(pending), 303)
    except NotSignedIn as fault:
        return await _failed(request, fault, pending.next)
    answer.headers.append("set-cookie", _begun(console.config, console.access.sealed(pending), WAITS))
    return answer


async def _finish(request: Request) -> Response:
    """Come back from the service: only who began in this browser, and has a role."""
    console, given = console_of(request), request.query_params
    access, openid = console.access, console.config.openid
    if access.provider is None or openid is None:
        raise HTTPException(404)
    pending = access.unsealed(request.cookies.get(BEGUN, ""))
    target = "/" if pending is None else pending.next
    try:
        if pending is None or not secrets.compare_digest(given.get("state", "").encode(), pending.state.encode()):
            raise NotSignedIn("This sign-in was begun elsewhere, or long ago; sign in again.")
        if "code" not in given:
            raise NotSignedIn("The sign-in service refused; sign in again.")
        token, claims = await access.provider.claims(given["code"], pending)
        name, role = person(openid, claims)
        answer: Response = RedirectResponse(target, 303)
        answer.headers.append("set-cookie", cookie(console.config, access.guest_session(name, role)))
        answer.headers.append("set-cookie", token_cookie(console.config, token))
    except NotSignedIn as fault:
        answer = await _failed(request, fault, target)
    answer.headers.append("set-cookie", _begun(console.config, "", 0))
    return answer


async def _failed(request: Request, fault: NotSignedIn, target: str) -> Response:
    LOGGER.warning("a sign-in by OpenID Connect failed: %s", fault)
    return await sign_in_page(request, target, view_of(request)(str(fault)), fault.status)


def _begun(config: Config, sealed: str, life: int) -> str:
    """The header that sets the cookie of a sign-in that has begun."""
    secure = "; Secure" if config.is_encrypted else ""
    return f"{BEGUN}={sealed}; Path=/login/openid; HttpOnly; SameSite=Lax; Max-Age={life}{secure}"

"""Signing in with a password, and out."""

import asyncio

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from vigia.console.config import Config
from vigia.console.context import console_of, who_of
from vigia.console.entry.access import LIFE, cookie, is_same_origin
from vigia.console.forms import form_of
from vigia.console.layout import page, view_of

TOKEN, LONGEST_TOKEN = "vigia_openid_token", 3_500
"""The cookie with the token of identity, and its longest token: browsers keep 4,096 bytes of a cookie."""


def routes() -> list[BaseRoute]:
    """The addresses."""
    return [
        Route("/login", _show, methods=["GET"]),
        Route("/login", _sign_in, methods=["POST"]),
        Route("/logout", _sign_out, methods=["POST"]),
    ]


async def sign_in_page(request: Request, target: str, problem: str = "", status: int = 200) -> Response:
    """The page that asks who it is, and leads on to the target; `problem` says why it asks again."""
    access, openid = console_of(request).access, console_of(request).config.openid
    return await page(
        request,
        "login.html",
        next=target,
        problem=problem,
        openid="" if openid is None else openid.label,
        has_passwords=openid is None or bool(access.accounts.users),
        status=status,
    )


async def _show(request: Request) -> Response:
    return await sign_in_page(request, inside(request.query_params.get("next", "")))


async def _sign_in(request: Request) -> Response:
    console, form, view = console_of(request), await form_of(request), view_of(request)
    name, wanted = form.get("name", "")[:64], inside(form.get("next", ""))
    if not is_same_origin(request):
        return await sign_in_page(request, wanted, view("Sign in on this page."), 403)
    if console.access.tries.must_wait(name):
        return await sign_in_page(
            request, wanted, view("There were too many wrong passwords for this name; try again in five minutes."), 429
        )
    async with console.access.hashing:
        user = await asyncio.to_thread(console.access.accounts.user, name, form.get("password", ""))
    if user is None:
        console.access.tries.failed(name)
        return await sign_in_page(request, wanted, view("Name or password are wrong."), 401)
    answer = RedirectResponse(wanted, 303)
    answer.headers.append("set-cookie", cookie(console.config, console.access.session(user)))
    return answer


async def _sign_out(request: Request) -> Response:
    """End the session here, and lead on to where it ends at the sign-in service.

    That is no redirect: browsers refuse one to another site as the answer to a form (`form-action` of the policy).
    """
    console, who = console_of(request), who_of(request)
    access, form = console.access, await form_of(request)
    if who is None or not who.session or not access.is_own(request, who, form.get("csrf", "")):
        return RedirectResponse("/login", 303)
    access.end(who)
    way_out = ""
    if access.provider is not None and who.by not in access.accounts.users:
        way_out = await access.provider.way_out(request.cookies.get(TOKEN, ""))
    if way_out:
        request.state.who = None  # the page is that of nobody
        openid = console.config.openid
        answer = await page(request, "signed-out.html", way_out=way_out, service="" if openid is None else openid.label)
        answer.headers["Refresh"] = f"0; url={way_out}"
    else:
        answer = RedirectResponse("/login", 303)
    answer.headers.append("set-cookie", cookie(console.config, "", 0))
    answer.headers.append("set-cookie", token_cookie(console.config, ""))
    return answer


def token_cookie(config: Config, token: str) -> str:
    """The header that keeps the token of identity in the browser until the sign-out, and only for that; an empty one removes it."""
    kept = token if len(token) <= LONGEST_TOKEN else ""
    secure = "; Secure" if config.is_encrypted else ""
    return f"{TOKEN}={kept}; Path=/logout; HttpOnly; SameSite=Lax; Max-Age={LIFE if kept else 0}{secure}"


def inside(target: str) -> str:
    """A target of this console; the first page for any other.

    >>> inside("/alarms/a1?x=1"), inside("//evil.example"), inside("https://evil.example"), inside("/\\\\evil.example")
    ('/alarms/a1?x=1', '/', '/', '/')
    """
    is_path = (
        target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable() and "\\" not in target
    )
    return target if is_path else "/"

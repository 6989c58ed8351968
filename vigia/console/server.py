"""The console as an application, and the server that runs it: headers, sign-in, and an orderly stop with streams open."""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import quote

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from vigia.console import pages
from vigia.console.api import answers as api
from vigia.console.context import Console
from vigia.console.entry import openid_pages, signing_in
from vigia.console.entry.access import COOKIE, cookie
from vigia.console.pages.problems import failed, unreadable
from vigia.readmodel.store.tables import Unavailable
from vigia.runtime.redaction import describe
from vigia.runtime.usage_error import UsageError

LOGGER = logging.getLogger("vigia.console")
STATIC = Path(__file__).parent / "static"
OPEN_TO_ALL = ("/healthz", "/static/", "/login", "/a/")
"""Where nobody needs to sign in."""
GRACE = 5  # seconds for answers that are being sent when the console stops
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def application(console: Console) -> Starlette:
    """All pages and the API."""
    app = Starlette(
        routes=[
            Route("/healthz", _healthz, methods=["GET"]),
            Mount("/static", StaticFiles(directory=STATIC)),
            *api.routes(),
            *signing_in.routes(),
            *openid_pages.routes(),
            *pages.routes(),
        ],
        exception_handlers={HTTPException: _failed, Unavailable: _unavailable},
    )
    app.router.redirect_slashes = False
    app.state.console = console
    return app


async def _healthz(_: Request) -> Response:
    return Response(status_code=200)


class _Guard:
    """Before every page: the path as it was sent, who asks, and the headers of every answer."""

    def __init__(self, app: ASGIApp, console: Console) -> None:
        self._app, self._console = app, console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Routes match the path as it was sent, so that an id may hold a slash; handlers decode their part of it.
        scope = {**scope, "path": scope.get("raw_path", b"").decode("ascii", "replace") or scope["path"]}
        request = Request(scope, receive)
        path, console = scope["path"], self._console
        who = None
        if path != "/healthz" and not path.startswith("/static/"):
            try:
                who = console.access.who(request)
            except UsageError as fault:
                LOGGER.error("%s", fault)
                await PlainTextResponse("the accounts cannot be read; see the log\n", 503)(scope, receive, send)
                return
        scope.setdefault("state", {})["who"] = who

        has_begun = has_ended = False

        async def with_headers(message: dict[str, object]) -> None:
            nonlocal has_begun, has_ended
            has_ended = message["type"] == "http.response.body" and not message.get("more_body")
            if message["type"] == "http.response.start":
                has_begun = True
                extra = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                if who is not None and who.session and request.cookies.get(COOKIE) != who.session:
                    extra.append((b"set-cookie", cookie(console.config, who.session).encode()))
                message["headers"] = [*message["headers"], *extra]  # type: ignore[misc]
            await send(message)

        answer: ASGIApp = self._app
        if who is None and not path.startswith((*OPEN_TO_ALL, api.BASE)):
            answer = _to_login(request, console)
        try:
            await answer(scope, receive, with_headers)  # type: ignore[arg-type]
        except Exception as fault:  # its message may name a customer, so no server may log it
            LOGGER.error("%s failed: %s", scope["method"], describe(fault))
            if has_ended:
                return
            if has_begun:
                raise ConnectionError("an answer broke off") from None
            await _broken(path)(scope, receive, with_headers)  # type: ignore[arg-type]


def _to_login(request: Request, console: Console) -> Response:
    """Lead to the sign-in and from there back; htmx has to be told in its own way, or the sign-in would land in a part of a page."""
    if not console.access.needs_sign_in:
        text = "no user exists, so only requests straight from this machine are answered: vigia console user add NAME --role owner\n"
        return PlainTextResponse(text, 403)
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    target = f"/login?next={quote(wanted, safe='')}" if request.method == "GET" and wanted != "/" else "/login"
    if request.headers.get("hx-request") == "true":
        return Response(status_code=401, headers={"HX-Redirect": "/login"})
    return RedirectResponse(target, 303)


async def _failed(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, HTTPException)
    if request.url.path.startswith(api.BASE):
        response = api.problem(fault.status_code, fault.detail)
        response.headers.update(fault.headers or {})
        return response
    return await failed(request, fault.status_code)


async def _unavailable(request: Request, fault: Exception) -> Response:
    """The read model cannot be asked."""
    LOGGER.warning("a request was not answered: %s", fault)
    if request.url.path.startswith(api.BASE):
        return api.problem(503, "the read model cannot be read; try again in a moment")
    return await unreadable(request)


def _broken(path: str) -> Response:
    """What is said where a page failed."""
    if path.startswith(api.BASE):
        return api.problem(500, "internal error")
    return PlainTextResponse("The page failed; the log says where.\n", 500)


@asynccontextmanager
async def serving(console: Console, host: str, port: int, on_stop: Callable[[], None]) -> AsyncIterator[int]:
    """Serve the console inside the block; yields the port, a free one if 0 was given.

    At the end `on_stop` is called first, so that streams end, and then answers have some seconds. Raises `UsageError` if the port
    is in use or the certificate cannot be read.
    """
    config = console.config
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        why = os.strerror(error.errno or 0).lower()
        raise UsageError(f"cannot listen on {host}:{port}: {why}; name another port, or end who has it") from None
    try:
        settings = uvicorn.Config(
            _Guard(application(console), console),
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            lifespan="off",
            timeout_keep_alive=15,
            timeout_graceful_shutdown=GRACE,
            h11_max_incomplete_event_size=32_768,
            limit_concurrency=1_000,
            proxy_headers=bool(config.proxy),
            forwarded_allow_ips=list(config.proxy) or None,
            ssl_certfile=config.tls_certificate or None,
            ssl_keyfile=config.tls_key or None,
        )
        settings.load()
    except (OSError, ValueError) as fault:
        listener.close()
        raise UsageError(f"tls_certificate, tls_key: cannot be used ({type(fault).__name__}); name PEM files") from None
    server = _Server(settings)
    running = asyncio.create_task(server.serve(sockets=[listener]), name="console")
    try:
        while not server.started and not running.done():
            await asyncio.sleep(0.01)
        if running.done():
            running.result()
        yield listener.getsockname()[1]
    finally:
        on_stop()
        server.should_exit = True
        await running
        listener.close()


class _Server(uvicorn.Server):
    """A server that leaves signals to the process that runs it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signal."""
        yield

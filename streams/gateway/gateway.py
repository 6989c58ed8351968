"""Events by HTTP, for tills and forms without a Kafka client: `POST /v1/events`, one JSON event, an array, or NDJSON lines.

    202  every event is in Kafka, acknowledged by all replicas          207  with ?partial=true: a result for each item
    400  none is: the answer names the items that are no event, with their reasons
    401  no token, or an unknown one      403  the token may not send this source or type
    408  the body came too slowly         413, 415  too large, or compressed, or neither JSON nor NDJSON
    422  an Idempotency-Key that was used for another body
    429  too many requests or bytes of this token: come again after Retry-After seconds
    503  Kafka did not acknowledge in time, or is silent or gone: send the same again, as repeated events count once; the
         answer says whether nothing of it was taken, or some of it may be written all the same

A batch is accepted whole or not at all, so the status alone says what to do: remove the bad items and send the rest. The
token is checked before the body is read, bodies are never unpacked, and all work on one is bounded and pauses for others.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Protocol, get_args

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry

from scorers.contract.events import CustomerErased
from scorers.contract.rejection import RejectCode
from scorers.contract.wire import encode_event
from streams.gateway.access_log import log_request
from streams.gateway.answers import Refused, refuse_bad, results
from streams.gateway.body import CLOUD, LINES, MAX_BATCH, ONE, TooLarge, items, read
from streams.gateway.garbage import Garbage
from streams.gateway.intake import TOPICS, TYPES, Fact, Intake, KafkaAway
from streams.gateway.limits import TooMuch, Use
from streams.gateway.seen import Memories, Pair, digest, embedded
from streams.gateway.sender_metrics import SenderMetrics
from streams.gateway.settings import Limits
from streams.gateway.tokens import EVERYBODY, Refusal, Token, Tokens
from streams.metrics.buckets import SLOW
from vigia.runtime.listener import Bounds, listening
from vigia.runtime.metrics import table

MAX_KEY = 255  # characters of an Idempotency-Key
STATUSES = (200, 202, 207, 400, 401, 403, 404, 408, 413, 415, 422, 429, 503)

Log = dict[str, int]
"""What the access log says of a request: events, duplicates, bytes."""
Check = Callable[[web.Request], None]
"""Raises `Refused` for a request whose body is not worth reading."""
Take = Callable[[web.Request, Token, bytes, Log], Awaitable[tuple[int, dict[str, object]]]]
Send = Callable[[Sequence[Fact]], Awaitable[list[bool]]]
"""Sends facts to Kafka; for each, whether an equal one was accepted before. Raises `KafkaAway`."""


class Hooks(Protocol):
    """Takes what vendors deliver to `POST /v1/hooks/NAME`."""

    def token(self, name: str) -> Token | None:
        """What the events of a hook may be; None if there is no such hook."""

    async def take(self, name: str, headers: Mapping[str, str], body: bytes, send: Send) -> dict[str, object]:
        """Take a delivery, and return the content of the answer 200. Raises `Refused` and `KafkaAway`."""

    async def forget(self, customers: Sequence[str]) -> None:
        """Forget erased customers. Raises `Refused`."""

    async def run(self, send: Send) -> None:
        """Send what was held, until cancelled."""


class Gateway:
    """The HTTP application; without any token every request is accepted, which is meant for loopback only."""

    def __init__(
        self,
        intake: Intake,
        tokens: Tokens,
        registry: CollectorRegistry | None = None,
        limits: Limits | None = None,
        hooks: Hooks | None = None,
        openapi: bytes = b"",
        seen: Memories | None = None,
    ) -> None:
        self.intake, self.tokens, self.hooks, self.openapi = intake, tokens, hooks, openapi
        self.limits = limits if limits is not None else Limits()
        self.registry = registry if registry is not None else CollectorRegistry()
        self._uses: dict[str, Use] = {}
        self._garbage = Garbage()
        self.seen = seen if seen is not None else embedded()
        self._answers = table.counter("vigia_gateway_requests", self.registry)
        self._events = table.counter("vigia_gateway_events", self.registry)
        self._rejects = table.counter("vigia_gateway_rejects", self.registry)
        self._refused = table.counter("vigia_gateway_refused_tokens", self.registry)
        self._ack = table.histogram("vigia_gateway_ack_seconds", self.registry, SLOW)
        for code in (*get_args(RejectCode), "out_of_scope"):
            self._rejects.labels(code)
        # series begin at 0: one that is born at 1 shows no increase
        self._acknowledged = {kind: self._events.labels(TOPICS[kind], name) for kind, name in TYPES.items()}
        self._answered = {status: self._answers.labels(str(status)) for status in STATUSES}
        for reason in (*get_args(Refusal), "scope"):
            self._refused.labels(reason)
        self._senders = SenderMetrics(self.registry, [token.name for token in tokens] or [EVERYBODY.name])

    def app(self) -> web.Application:
        """The application to serve. Metrics and readiness have a port of their own."""
        app = web.Application(client_max_size=MAX_BATCH)
        app.router.add_post("/v1/events", self._post, expect_handler=_wait)
        app.router.add_post("/v1/hooks/{name}", self._hook, expect_handler=_wait)
        app.router.add_head("/v1/hooks/{name}", self._has_hook)
        app.router.add_get("/healthz", _is_alive)
        if self.openapi:
            app.router.add_get("/v1/openapi.json", self._document)
        return app

    async def _post(self, request: web.Request) -> web.Response:
        token = self.tokens.find(request.headers.get("Authorization", ""))
        if isinstance(token, Token):
            return await self._answer(request, "/v1/events", token, _check_kind, self._take)
        self._refused.labels(token).inc()
        refused = Refused(401, "send Authorization: Bearer with a valid token")
        refused.headers["WWW-Authenticate"] = "Bearer"
        return await self._answer(request, "/v1/events", refused, _check_kind, self._take)

    async def _hook(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        token = self.hooks.token(name) if self.hooks is not None else None
        if token is None:
            refused = Refused(404, "there is no hook of this name")
            return await self._answer(request, "/v1/hooks/-", refused, _check_plain, self._take_delivery)
        return await self._answer(request, f"/v1/hooks/{name}", token, _check_plain, self._take_delivery)

    async def _document(self, _: web.Request) -> web.Response:
        return web.Response(body=self.openapi, content_type="application/json")

    async def _has_hook(self, request: web.Request) -> web.Response:
        """Some vendors ask for the head of an address before they deliver there."""
        known = self.hooks is not None and self.hooks.token(request.match_info["name"]) is not None
        return web.Response(status=200 if known else 404)

    async def _answer(
        self, request: web.Request, path: str, token: Token | Refused, check: Check, take: Take
    ) -> web.Response:
        began, log = perf_counter(), {"events": 0, "duplicates": 0, "bytes": 0}
        headers: dict[str, str] = {}
        if isinstance(token, Refused):  # not raised: a name for a raised error is a cycle, which would hold the request
            status, content, headers = token.status, token.content, token.headers
        else:
            try:
                status, content = await self._serve(request, token, check, take, log)
            except Refused as refused:
                status, content, headers = refused.status, refused.content, refused.headers
        self._answered[status].inc()
        if isinstance(token, Token):
            self._senders.answered(token.name, status, log["events"], log["duplicates"])
        name = token.name if isinstance(token, Token) else "-"
        log_request(name, path, status, log["events"], log["duplicates"], log["bytes"], perf_counter() - began)
        body = msgspec.json.encode(content) + b"\n"
        return web.Response(status=status, body=body, content_type="application/json", headers=headers)

    async def _serve(
        self, request: web.Request, token: Token, check: Check, take: Take, log: Log
    ) -> tuple[int, dict[str, object]]:
        use = self._uses.get(token.name)
        if use is None:
            use = self._uses[token.name] = Use(self.limits)
        try:
            use.request()
            check(request)
            with use.body() as counted:
                body = await self._body(request, counted.more)
                log["bytes"] = len(body)
                self._garbage.read(len(body))
                return await take(request, token, body, log)
        except TooMuch as fault:
            raise Refused(429, f"{fault}; come again after {fault.after} s", after=fault.after) from None
        except TooLarge as fault:
            self._rejects.labels("too_large").inc()
            raise Refused(413, f"{fault}; send less at once") from None
        except KafkaAway as fault:
            raise Refused(503, f"{fault}; send the same again", after=5) from None

    async def _take(self, request: web.Request, token: Token, body: bytes, log: Log) -> tuple[int, dict[str, object]]:
        key = await self._key(request, token, body)
        partial = bool(request.query_string) and request.query.get("partial", "").lower() in ("true", "1")
        parts = items(request.content_type, request.headers, body)
        found = await read(parts, token, every=partial)
        for one in found.bad:
            self._rejects.labels(one.code).inc()
        if any(one.status == 403 for one in found.bad):
            self._refused.labels("scope").inc()
        if not partial:
            refuse_bad(found)
        elif not parts:
            raise Refused(400, "the body contains no event")
        duplicates = await self.send([fact for _, fact in found.facts])
        if key is not None:
            await self.seen.bodies.first([key])
        log["events"], log["duplicates"] = len(found.facts), sum(duplicates)
        if partial:
            return 207, {"items": results(found, duplicates)}
        return 202, {"accepted": len(found.facts), "duplicates": sum(duplicates)}

    async def _take_delivery(
        self, request: web.Request, token: Token, body: bytes, log: Log
    ) -> tuple[int, dict[str, object]]:
        assert self.hooks is not None
        content = await self.hooks.take(request.match_info["name"], request.headers, body, self.send)
        log["events"], log["duplicates"] = int(str(content["accepted"])), int(str(content["duplicates"]))
        return 200, content

    async def _key(self, request: web.Request, token: Token, body: bytes) -> Pair | None:
        """The request's idempotency key, of this token, with the digest of its body."""
        given = request.headers.get("Idempotency-Key", "")
        if not given:
            return None
        if len(given) > MAX_KEY:
            raise Refused(400, f"an Idempotency-Key has at most {MAX_KEY} characters")
        key, content = digest(token.name.encode(), given.encode(errors="replace")), hashlib.sha256(body).digest()
        if await self.seen.bodies.get(key) not in (None, content):
            raise Refused(422, "this Idempotency-Key was used for another body; use a new one")
        return key, content

    async def send(self, facts: Sequence[Fact]) -> list[bool]:
        """Send facts to Kafka; for each, whether an equal one was accepted before, here or within a day."""
        if not facts:
            return []
        began = perf_counter()
        await self.intake.send(facts)
        self._ack.observe(perf_counter() - began)
        kinds = [type(event) for event, _ in facts]
        for kind in {*kinds}:
            self._acknowledged[kind].inc(kinds.count(kind))
        if self.hooks is not None and CustomerErased in kinds:
            await self.hooks.forget([event.customer_id for event, _ in facts if isinstance(event, CustomerErased)])
        pairs: list[Pair] = []
        for place, (event, _) in enumerate(facts, 1):
            pairs.append((digest(event.source.encode(), event.id.encode()), digest(encode_event(event))))
            if place % 500 == 0:
                await asyncio.sleep(0)
        stood = await self.seen.events.first(pairs)
        return [before == payload for before, (_, payload) in zip(stood, pairs, strict=True)]

    async def _body(self, request: web.Request, more: Callable[[int], None]) -> bytes:
        """The body; refused as soon as it is known to be too large, and given up when it comes too slowly."""
        announced = request.content_length
        if (announced or 0) > MAX_BATCH:
            raise TooLarge(f"more than {MAX_BATCH} bytes")
        more(announced or 0)
        if "100-continue" in request.headers.get("Expect", "").lower():
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        if request.content.is_eof():  # it came with its head, as small ones do
            return request.content.read_nowait()
        body = bytearray()
        try:
            async with asyncio.timeout(self.limits.body_seconds):
                while chunk := await request.content.readany():
                    if announced is None:
                        more(len(chunk))
                    body += chunk
                    if len(body) > MAX_BATCH:
                        raise TooLarge(f"more than {MAX_BATCH} bytes")
        except TimeoutError:
            raise Refused(408, f"the body did not come within {self.limits.body_seconds:g} seconds") from None
        return bytes(body)


@asynccontextmanager
async def accepting(
    intake: Intake,
    tokens: Tokens,
    host: str,
    port: int,
    registry: CollectorRegistry | None = None,
    limits: Limits | None = None,
    hooks: Hooks | None = None,
    openapi: bytes = b"",
    seen: Memories | None = None,
) -> AsyncIterator[int]:
    """Accept events over HTTP while the block runs, then close the intake; yields the port, a free one if 0 is given."""
    gateway = Gateway(intake, tokens, registry, limits, hooks, openapi, seen)
    bounds = Bounds(connections=gateway.limits.connections, header_seconds=gateway.limits.header_seconds)
    running = asyncio.create_task(hooks.run(gateway.send)) if hooks is not None else None
    try:
        async with listening(gateway.app(), host, port, bounds) as bound:
            yield bound
    finally:
        if running is not None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        await intake.close()


async def _wait(_: web.Request) -> None:
    """Promise nothing yet to a client that asks whether to send its body: the token is checked first."""


async def _is_alive(_: web.Request) -> web.Response:
    return web.Response()


def _check_plain(request: web.Request) -> None:
    if request.headers.get("Content-Encoding"):
        raise Refused(415, "send the body as it is, without Content-Encoding")


def _check_kind(request: web.Request) -> None:
    _check_plain(request)
    if request.content_type not in ONE + LINES + CLOUD:
        raise Refused(
            415,
            f"send {ONE[0]} for one event or an array, {LINES[0]} for lines, or CloudEvents as {' or '.join(CLOUD)}",
        )

"""Events by HTTP, for tills and forms without a Kafka client: `POST /v1/events`, one JSON event, an array, or NDJSON lines.

    202  every event is in Kafka, acknowledged by all replicas          207  with ?partial=true: a result for each item
    400  none is: the answer names the items that are no event, with their reasons
    401  no token, or an unknown one      403  the token may not send this source or type
    408  the body came too slowly         413, 415  too large, or compressed, or neither JSON nor NDJSON
    422  an Idempotency-Key that was used for another body
    429  too many requests or bytes of this token: come again after Retry-After seconds
    503  Kafka did not acknowledge in time: send the same again, as repeated events count once

A batch is accepted whole or not at all, so the status alone says what to do: remove the bad items and send the rest. The
token is checked before the body is read, bodies are never unpacked, and all work on one is bounded and pauses for others.
"""

import asyncio
import hashlib
import logging
from collections import Counter as Tally
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any, get_args

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram

from scorers.contract.events import TOPIC_OF
from scorers.contract.rejection import RejectCode
from scorers.contract.wire import EVENT_TYPES, encode_event
from streams.gateway.body import CLOUD, LINES, MAX_BATCH, MAX_NAMED, ONE, Read, TooLarge, items, read
from streams.gateway.intake import Fact, Intake, KafkaAway
from streams.gateway.limits import TooMuch, Use
from streams.gateway.seen import Seen, digest
from streams.gateway.settings import Limits
from streams.gateway.tokens import Refusal, Token, Tokens
from streams.metrics import SLOW
from vigia.runtime.listener import Bounds, listening

ACCESS = logging.getLogger("vigia.access")
MAX_KEY = 255  # characters of an Idempotency-Key
MAX_KEYS = 10_000  # that are remembered
STATUSES = (202, 207, 400, 401, 403, 408, 413, 415, 422, 429, 503)


class _Refused(Exception):
    """The answer to a request that is not served."""

    def __init__(self, status: int, error: str, **more: object) -> None:
        super().__init__(error)
        self.status, self.content = status, {"error": error, **more}
        self.headers: dict[str, str] = {}


class Gateway:
    """The HTTP application; without any token every request is accepted, which is meant for loopback only."""

    def __init__(
        self, intake: Intake, tokens: Tokens, registry: CollectorRegistry | None = None, limits: Limits | None = None
    ) -> None:
        self.intake, self.tokens = intake, tokens
        self.limits = limits if limits is not None else Limits()
        self.registry = registry if registry is not None else CollectorRegistry()
        self._uses: dict[str, Use] = {}
        self._identities, self._keys = Seen(), Seen(MAX_KEYS)
        self._answers = Counter(
            "vigia_gateway_requests", "Requests, by the answer's status.", ["status"], registry=self.registry
        )
        self._events = Counter(
            "vigia_gateway_events", "Events that Kafka acknowledged.", ["topic", "type"], registry=self.registry
        )
        self._rejects = Counter(
            "vigia_gateway_rejects", "Items that are no events, by reason.", ["code"], registry=self.registry
        )
        self._refused = Counter(
            "vigia_gateway_refused_tokens",
            "Requests whose token was refused, by reason.",
            ["reason"],
            registry=self.registry,
        )
        self._ack = Histogram(
            "vigia_gateway_ack_seconds", "Time until Kafka acknowledged.", registry=self.registry, buckets=SLOW
        )
        for code in (*get_args(RejectCode), "out_of_scope"):
            self._rejects.labels(code)
        for type in EVENT_TYPES:  # series begin at 0: one that is born at 1 shows no increase
            self._events.labels(TOPIC_OF[type.split(".")[0]], type)
        for status in STATUSES:
            self._answers.labels(str(status))
        for reason in (*get_args(Refusal), "scope"):
            self._refused.labels(reason)

    def app(self) -> web.Application:
        """The application to serve. Metrics and readiness have a port of their own."""
        app = web.Application(client_max_size=MAX_BATCH)
        app.router.add_post("/v1/events", self._post, expect_handler=_wait)
        app.router.add_get("/healthz", _is_alive)
        return app

    async def _post(self, request: web.Request) -> web.Response:
        began, token = perf_counter(), self.tokens.find(request.headers.get("Authorization", ""))
        log = {"events": 0, "duplicates": 0, "bytes": 0}
        headers: dict[str, str] = {}
        try:
            status, content = await self._answer(request, token, log)
        except _Refused as refused:
            status, content, headers = refused.status, refused.content, refused.headers
        self._answers.labels(str(status)).inc()
        ACCESS.info(
            "token=%s POST /v1/events %d events=%d duplicates=%d bytes=%d ms=%.0f",
            token.name if isinstance(token, Token) else "-",
            status,
            log["events"],
            log["duplicates"],
            log["bytes"],
            (perf_counter() - began) * 1000,
        )
        body = msgspec.json.encode(content) + b"\n"
        return web.Response(status=status, body=body, content_type="application/json", headers=headers)

    async def _answer(
        self, request: web.Request, token: Token | Refusal, log: dict[str, int]
    ) -> tuple[int, dict[str, object]]:
        if not isinstance(token, Token):
            self._refused.labels(token).inc()
            refused = _Refused(401, "send Authorization: Bearer with a valid token")
            refused.headers["WWW-Authenticate"] = "Bearer"
            raise refused
        use = self._uses.setdefault(token.name, Use(self.limits))
        try:
            use.request()
            _check_kind(request)
            with use.body() as more:
                body = await self._body(request, more)
                log["bytes"] = len(body)
                return await self._take(request, token, body, log)
        except TooMuch as fault:
            refused = _Refused(429, f"{fault}; come again after {fault.after} s")
            refused.headers["Retry-After"] = str(fault.after)
            raise refused from None
        except TooLarge as fault:
            self._rejects.labels("too_large").inc()
            raise _Refused(413, f"{fault}; send less at once") from None
        except KafkaAway as fault:
            refused = _Refused(503, f"{fault}; send the same again")
            refused.headers["Retry-After"] = "5"
            raise refused from None

    async def _take(
        self, request: web.Request, token: Token, body: bytes, log: dict[str, int]
    ) -> tuple[int, dict[str, object]]:
        key = self._key(request, token, body)
        partial = request.query.get("partial", "").lower() in ("true", "1")
        parts = items(request.content_type, request.headers, body)
        found = await read(parts, token, every=partial)
        for one in found.bad:
            self._rejects.labels(one.code).inc()
        if any(one.status == 403 for one in found.bad):
            self._refused.labels("scope").inc()
        if not partial:
            _refuse_bad(found)
        elif not parts:
            raise _Refused(400, "the body contains no event")
        duplicates = await self._send([fact for _, fact in found.facts])
        if key is not None:
            self._keys.add(*key)
        log["events"], log["duplicates"] = len(found.facts), sum(duplicates)
        if partial:
            return 207, {"items": _results(found, duplicates)}
        return 202, {"accepted": len(found.facts), "duplicates": sum(duplicates)}

    def _key(self, request: web.Request, token: Token, body: bytes) -> tuple[bytes, bytes] | None:
        """The request's idempotency key, of this token, with the digest of its body."""
        given = request.headers.get("Idempotency-Key", "")
        if not given:
            return None
        if len(given) > MAX_KEY:
            raise _Refused(400, f"an Idempotency-Key has at most {MAX_KEY} characters")
        key, content = digest(token.name.encode(), given.encode(errors="replace")), hashlib.sha256(body).digest()
        if self._keys.get(key) not in (None, content):
            raise _Refused(422, "this Idempotency-Key was used for another body; use a new one")
        return key, content

    async def _send(self, facts: Sequence[Fact]) -> list[bool]:
        """Send facts to Kafka; for each, whether an equal one was accepted before, here or within a day."""
        if not facts:
            return []
        began = perf_counter()
        await self.intake.send(facts)
        self._ack.observe(perf_counter() - began)
        for (topic, type), count in Tally((fact.topic, fact.type) for fact in facts).items():
            self._events.labels(topic, type).inc(count)
        duplicates = []
        for place, fact in enumerate(facts, 1):
            key, payload = digest(fact.event.source.encode(), fact.event.id.encode()), digest(encode_event(fact.event))
            duplicates.append(self._identities.get(key) == payload)
            self._identities.add(key, payload)
            if place % 500 == 0:
                await asyncio.sleep(0)
        return duplicates

    async def _body(self, request: web.Request, more: Callable[[int], None]) -> bytes:
        """The body; refused as soon as it is known to be too large, and given up when it comes too slowly."""
        announced = request.content_length
        if (announced or 0) > MAX_BATCH:
            raise TooLarge(f"more than {MAX_BATCH} bytes")
        more(announced or 0)
        if "100-continue" in request.headers.get("Expect", "").lower():
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
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
            raise _Refused(408, f"the body did not come within {self.limits.body_seconds:g} seconds") from None
        return bytes(body)


@asynccontextmanager
async def accepting(
    intake: Intake,
    tokens: Tokens,
    host: str,
    port: int,
    registry: CollectorRegistry | None = None,
    limits: Limits | None = None,
) -> AsyncIterator[int]:
    """Accept events over HTTP while the block runs, then close the intake; yields the port, a free one if 0 is given."""
    gateway = Gateway(intake, tokens, registry, limits)
    bounds = Bounds(connections=gateway.limits.connections, header_seconds=gateway.limits.header_seconds)
    try:
        async with listening(gateway.app(), host, port, bounds) as bound:
            yield bound
    finally:
        await intake.close()


async def _wait(_: web.Request) -> None:
    """Promise nothing yet to a client that asks whether to send its body: the token is checked first."""


async def _is_alive(_: web.Request) -> web.Response:
    return web.Response()


def _check_kind(request: web.Request) -> None:
    if request.headers.get("Content-Encoding"):
        raise _Refused(415, "send the body as it is, without Content-Encoding")
    if request.content_type not in ONE + LINES + CLOUD:
        raise _Refused(
            415,
            f"send {ONE[0]} for one event or an array, {LINES[0]} for lines, or CloudEvents as {' or '.join(CLOUD)}",
        )


def _refuse_bad(found: Read) -> None:
    if found.facts and not found.bad:
        return
    named: list[dict[str, Any]] = [
        {"line": one.line, "index": one.index, "code": one.code, "detail": one.detail} for one in found.bad[:MAX_NAMED]
    ]
    status = 400 if not found.bad or any(one.status == 400 for one in found.bad) else 403
    error = "no event was accepted" if found.bad else "the body contains no event"
    raise _Refused(status, error, rejected=len(found.bad), unread=found.unread, lines=named)


def _results(found: Read, duplicates: list[bool]) -> list[dict[str, object]]:
    """A result for each item, in their order."""
    results: dict[int, dict[str, object]] = {
        one.index: {"index": one.index, "status": one.status, "code": one.code, "detail": one.detail}
        for one in found.bad
    }
    for (index, _), again in zip(found.facts, duplicates, strict=True):
        results[index] = {"index": index, "status": 202, "code": "duplicate" if again else "accepted", "detail": ""}
    return [results[index] for index in sorted(results)]

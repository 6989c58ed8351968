"""Events by HTTP, for tills and forms without a Kafka client: `POST /v1/events`, one JSON event or NDJSON lines.

    202  every event is in Kafka, acknowledged by all replicas
    400  none is: the answer names each line that is no event, with its reason
    401  no token, or an unknown one                    413, 415  too large, or neither JSON nor NDJSON
    503  Kafka did not acknowledge in time: send the same again, as repeated events count once

A batch is accepted whole or not at all, so the status alone says what to do: remove the bad lines and send the rest.
Tokens are stored as SHA-256 only. It is built on aiohttp, which Faust needs anyway: one route needs no framework.
"""

import asyncio
import hashlib
import hmac
import re
import secrets
from collections import Counter as Tally
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from time import perf_counter
from typing import get_args

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Histogram

from scorers.contract.rejection import RejectCode
from scorers.contract.wire import MAX_BYTES, Rejection, decode
from streams.gateway.intake import Fact, Intake, KafkaAway
from streams.metrics import SLOW
from vigia.runtime import health
from vigia.runtime.broker import Broker

MAX_BATCH = 4 * 1024 * 1024
READ_WITHIN = 30.0  # seconds for a body to come in
MAX_NAMED = 100  # bad lines that an answer names; the others are counted
ONE, LINES = ("application/json",), ("application/x-ndjson", "application/jsonl", "application/ndjson")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def new_token() -> tuple[str, str]:
    """A token for a sender, and its digest for the gateway.

    >>> token, digest = new_token()
    >>> Tokens([digest]).accept(f"Bearer {token}"), Tokens([digest]).accept("Bearer x")
    (True, False)
    """
    token = f"vigia_{secrets.token_urlsafe(32)}"
    return token, hashlib.sha256(token.encode()).hexdigest()


class Tokens:
    """The accepted tokens, by their digests; several while one is being replaced."""

    def __init__(self, digests: Iterable[str]) -> None:
        self._digests = [digest.strip().lower() for digest in digests]
        if not all(map(_DIGEST.fullmatch, self._digests)):
            raise ValueError("a token's digest is 64 hexadecimal digits: vigia gateway --new-token makes one")

    def __bool__(self) -> bool:
        return bool(self._digests)

    def accept(self, header: str) -> bool:
        """Whether an Authorization header has a known token; takes equally long for any wrong one."""
        scheme, _, token = header.partition(" ")
        digest = hashlib.sha256(token.strip().encode(errors="replace")).hexdigest()
        known = [hmac.compare_digest(digest, one) for one in self._digests]
        return scheme.lower() == "bearer" and any(known)


class Gateway:
    """The HTTP application; without any token every request is accepted, which is meant for loopback only."""

    def __init__(self, intake: Intake, tokens: Tokens, registry: CollectorRegistry | None = None) -> None:
        self.intake = intake
        self.tokens = tokens
        self.registry = registry if registry is not None else CollectorRegistry()
        self._answers = Counter(
            "vigia_gateway_requests", "Requests, by the answer's status.", ["status"], registry=self.registry
        )
        self._events = Counter(
            "vigia_gateway_events", "Events that Kafka acknowledged.", ["topic", "type"], registry=self.registry
        )
        self._rejects = Counter(
            "vigia_gateway_rejects", "Lines that are no events, by reason.", ["code"], registry=self.registry
        )
        self._ack = Histogram(
            "vigia_gateway_ack_seconds", "Time until Kafka acknowledged.", registry=self.registry, buckets=SLOW
        )
        for code in get_args(RejectCode):
            self._rejects.labels(code)
        for status in ("202", "400", "401", "413", "415", "503"):
            self._answers.labels(status)

    def app(self) -> web.Application:
        """The application to serve."""
        app = web.Application(client_max_size=MAX_BATCH)
        app.router.add_post("/v1/events", self._post)
        app.add_routes(health.routes(self.registry, self.intake.ready))
        return app

    async def _post(self, request: web.Request) -> web.Response:
        answer = await self._answer(request)
        self._answers.labels(str(answer.status)).inc()
        return answer

    async def _answer(self, request: web.Request) -> web.Response:
        if self.tokens and not self.tokens.accept(request.headers.get("Authorization", "")):
            return _response(401, {"error": "send Authorization: Bearer with a valid token"})
        if request.content_type not in ONE + LINES:
            return _response(415, {"error": f"send {ONE[0]} for one event or {LINES[0]} for lines"})
        limit = MAX_BYTES if request.content_type in ONE else MAX_BATCH
        try:
            body = await _body(request, limit)
        except web.HTTPRequestEntityTooLarge:
            self._rejects.labels("too_large").inc()
            return _response(413, {"error": f"more than {limit} bytes; send less at once"})
        except TimeoutError:
            return _response(408, {"error": f"the body did not come within {READ_WITHIN:.0f} seconds"})
        facts, bad = _read([(1, body)] if request.content_type in ONE else _lines(body))
        if bad or not facts:
            for _, fault in bad:
                self._rejects.labels(fault.code).inc()
            return _response(400, _faults(bad))
        began = perf_counter()
        try:
            await self.intake.send(facts)
        except KafkaAway as fault:
            return _response(503, {"error": f"{fault}; send the same again"}, {"Retry-After": "5"})
        self._ack.observe(perf_counter() - began)
        for (topic, type), count in Tally((fact.topic, fact.type) for fact in facts).items():
            self._events.labels(topic, type).inc(count)
        return _response(202, {"accepted": len(facts)})


@asynccontextmanager
async def accepting(
    broker: Broker, tokens: Tokens, host: str, port: int, registry: CollectorRegistry
) -> AsyncIterator[int]:
    """Accept events over HTTP while the block runs; yields the port, a free one if 0 is given."""
    intake = Intake(broker)
    try:
        async with health.serving(Gateway(intake, tokens, registry).app(), host, port) as bound:
            yield bound
    finally:
        await intake.close()


async def _body(request: web.Request, limit: int) -> bytes:
    """The body; rejected as soon as it is known to be too large."""
    if (request.content_length or 0) > limit:
        raise web.HTTPRequestEntityTooLarge(limit, request.content_length or 0)
    async with asyncio.timeout(READ_WITHIN):
        body = await request.read()
    if len(body) > limit:
        raise web.HTTPRequestEntityTooLarge(limit, len(body))
    return body


def _lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    return ((number, line) for number, line in enumerate(body.split(b"\n"), 1) if line.strip())


def _read(lines: Iterable[tuple[int, bytes]]) -> tuple[list[Fact], list[tuple[int, Rejection]]]:
    facts, bad = [], []
    for number, raw in lines:
        event = decode(raw.strip())
        if isinstance(event, Rejection):
            bad.append((number, event))
        else:
            facts.append(Fact(event, raw.strip()))
    return facts, bad


def _faults(bad: list[tuple[int, Rejection]]) -> dict[str, object]:
    named = [{"line": number, "code": fault.code, "detail": fault.detail} for number, fault in bad[:MAX_NAMED]]
    return {
        "error": "no event was accepted" if bad else "the body contains no event",
        "rejected": len(bad),
        "lines": named,
    }


def _response(status: int, content: dict[str, object], headers: dict[str, str] | None = None) -> web.Response:
    if status == 401:
        headers = {"WWW-Authenticate": "Bearer"}
    body = msgspec.json.encode(content) + b"\n"
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)

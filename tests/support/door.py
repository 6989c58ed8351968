"""A gateway before an embedded broker, and a till that asks it."""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

import aiohttp

from streams.gateway.gateway import Gateway, Hooks
from streams.gateway.intake import PATIENCE, Intake
from streams.gateway.seen import Memories
from streams.gateway.settings import Limits
from streams.gateway.tokens import Tokens
from vigia.runtime.broker import Broker
from vigia.runtime.listener import Bounds, listening


def token_named(name: str) -> tuple[str, str]:
    """A token and its digest, the same in each process: tests that run side by side are collected in each."""
    token = f"vigia_{name}"
    return token, hashlib.sha256(token.encode()).hexdigest()


TOKEN, DIGEST = token_named("till-of-the-tests")
LINES = {"Content-Type": "application/x-ndjson"}
ONE = {"Content-Type": "application/json"}


def purchase(number: int = 1, customer: str | None = "C1", **changed: Any) -> dict[str, Any]:
    """A sale."""
    event = {
        "type": "purchase.completed",
        "id": f"p{number}",
        "source": "till",
        "time": "2024-05-06T07:08:09Z",
        "amount_minor": 1200,
        "currency": "EUR",
    }
    return event | ({} if customer is None else {"customer_id": customer}) | changed


def batch(*events: object) -> bytes:
    """A line each; bytes stand as they are."""
    return b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in events)


class Door:
    """A gateway that is asked as a till would ask it."""

    def __init__(self, url: str, gateway: Gateway, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.gateway = gateway
        self.session = session

    async def post(self, body: bytes, headers: dict[str, str] = ONE, token: str = TOKEN) -> tuple[int, dict[str, Any]]:
        """The status and what the answer says."""
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        async with self.session.post(f"{self.url}/v1/events", data=body, headers=headers | bearer) as answer:
            return answer.status, json.loads(await answer.read())

    async def deliver(self, name: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """What a hook answers."""
        async with self.session.post(f"{self.url}/v1/hooks/{name}", data=BytesIO(body), headers=headers) as answer:
            return answer.status, json.loads(await answer.read())

    async def get(self, path: str) -> tuple[int, str]:
        """A page."""
        async with self.session.get(self.url + path) as answer:
            return answer.status, await answer.text()


@asynccontextmanager
async def opened(
    address: str,
    *digests: str,
    deadline: float = 10,
    patience: float = PATIENCE,
    limits: Limits | None = None,
    tokens: Tokens | None = None,
    hooks: Hooks | None = None,
    seen: Memories | None = None,
) -> AsyncIterator[Door]:
    """A gateway before this Kafka."""
    intake = Intake(Broker(address), deadline, patience)
    who = Tokens.of_digests(digests) if tokens is None else tokens
    gateway = Gateway(intake, who, limits=limits, hooks=hooks, seen=seen)
    bounds = Bounds(connections=gateway.limits.connections, header_seconds=gateway.limits.header_seconds)
    try:
        async with listening(gateway.app(), "127.0.0.1", 0, bounds) as port, aiohttp.ClientSession() as session:
            yield Door(f"http://127.0.0.1:{port}", gateway, session)
    finally:
        await intake.close()

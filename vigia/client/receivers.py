"""Whom events are sent to: Kafka, or a gateway over HTTP."""

import os
from collections.abc import Sequence
from typing import Any, Protocol

import aiohttp
import msgspec

from scorers.contract.wire import Rejection, decode
from streams.gateway.intake import Fact, Intake, KafkaAway
from vigia.runtime.broker import read, secret

DEADLINE = 10.0  # seconds until what is not acknowledged counts as failed


class NotAcknowledged(RuntimeError):
    """Nobody acknowledged the event; it may be sent again."""


class InvalidEvent(ValueError):
    """What was given is no event of the contract, or the receiver refuses it; sending it again would not help."""


class Receiver(Protocol):
    """Takes events, in their order."""

    async def send(self, events: Sequence[bytes]) -> dict[int, str]:
        """Return once all are acknowledged; by index, why some are refused. Raises `NotAcknowledged`."""

    async def close(self) -> None:
        """Disconnect."""


class ToKafka:
    """Sends to Kafka, with the credentials of the environment; partitions are those of Java's clients."""

    def __init__(self, address: str, prefix: str) -> None:
        self._intake = Intake(read(os.environ, address, prefix), DEADLINE)

    async def send(self, events: Sequence[bytes]) -> dict[int, str]:
        """As `Receiver.send`."""
        facts, refused = [], {}
        for number, raw in enumerate(events):
            event = decode(raw)
            if isinstance(event, Rejection):
                refused[number] = f"{event.code}: {event.detail}"
            else:
                facts.append(Fact(event, raw))
        try:
            await self._intake.send(facts)
        except KafkaAway as fault:
            raise NotAcknowledged(str(fault)) from fault
        return refused

    async def close(self) -> None:
        """As `Receiver.close`."""
        await self._intake.close()


class ToGateway:
    """Sends to a gateway, as lines, with a bearer token (of VIGIA_TOKEN or VIGIA_TOKEN_FILE, if none is given)."""

    def __init__(self, address: str, token: str | None) -> None:
        self._url = f"{address.rstrip('/')}/v1/events"
        token = token or secret(os.environ, "VIGIA_TOKEN")
        self._headers = {"Content-Type": "application/x-ndjson", "Authorization": f"Bearer {token}"}
        self._session: aiohttp.ClientSession | None = None

    async def send(self, events: Sequence[bytes]) -> dict[int, str]:
        """As `Receiver.send`."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3 * DEADLINE))
        try:
            asked = self._session.post(
                self._url, params={"partial": "true"}, data=b"\n".join(events), headers=self._headers
            )
            async with asked as answer:
                body, status = await answer.read(), answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as fault:
            raise NotAcknowledged(f"the gateway does not answer ({type(fault).__name__})") from fault
        if status != 207:
            raise NotAcknowledged(f"the gateway answers {status}: {_error(body)}")
        return {
            int(one["index"]): f"{one['code']}: {one['detail']}"
            for one in msgspec.json.decode(body)["items"]
            if one["status"] != 202
        }

    async def close(self) -> None:
        """As `Receiver.close`."""
        if self._session is not None:
            await self._session.close()


def _error(body: bytes) -> str:
    try:
        found: Any = msgspec.json.decode(body)
        return str(found.get("error", ""))[:200]
    except (msgspec.DecodeError, AttributeError):
        return "no reason was given"

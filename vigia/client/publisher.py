"""`Publisher` and `AsyncPublisher`: hand over an event, and it is durable when the call returns.

With a spool an event is durable on this disk, and a task in the background sends what waits, in order, as long as the publisher is open:
a till never stops selling because Kafka is away. Without one it is durable when Kafka, or the gateway, has acknowledged it. After a
kill some events may be sent again, under their ids, so they count once.
"""

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec
from msgspec import Struct

from scorers.contract.events import AnyEvent
from scorers.contract.wire import Rejection, decode, encode_event
from vigia.client.receivers import InvalidEvent, NotAcknowledged, Receiver, ToGateway, ToKafka
from vigia.client.spool import Spool

BATCH, BATCH_BYTES = 500, 1 << 20  # sent at once
POLL = 0.5  # seconds between two looks for what other processes have added
RETRY, RETRY_MOST = 0.5, 15.0  # seconds before another attempt, doubled each time
CLOSING = 5.0  # seconds without an acknowledgement after which `close` leaves the rest in the spool

T = TypeVar("T")
Given = Mapping[str, Any] | bytes | Struct
"""An event: an object of the contract as a dictionary, as JSON, or as its struct."""


class AsyncPublisher:
    """Publishes events; use it as an async context manager, or call `close`.

    `kafka` is an address ("host:9092", credentials come from the environment) and `prefix` that of its topics; `gateway` is an address of
    HTTP with a `token` (else that of VIGIA_TOKEN). With neither, events only wait in the `spool` until somebody sends it.
    """

    def __init__(
        self,
        *,
        kafka: str | None = None,
        prefix: str = "",
        gateway: str | None = None,
        token: str | None = None,
        spool: str | Path | None = None,
    ) -> None:
        if kafka and gateway:
            raise ValueError("name Kafka or a gateway, not both")
        if not (kafka or gateway or spool):
            raise ValueError("name Kafka, a gateway or a spool: where should events go?")
        self.problem = ""
        """Why nothing is acknowledged at present; empty if all is well."""
        self._receiver: Receiver | None = None
        if kafka:
            self._receiver = ToKafka(kafka, prefix)
        elif gateway:
            self._receiver = ToGateway(gateway, token)
        self._spool = None if spool is None else Spool(Path(spool))
        self._sending: asyncio.Task[None] | None = None
        self._more, self._sent = asyncio.Event(), 0

    async def __aenter__(self) -> Self:
        self._begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def waiting(self) -> int:
        """How many events wait in the spool."""
        return 0 if self._spool is None else self._spool.waiting

    @property
    def refused(self) -> list[tuple[bytes, str]]:
        """The events of the spool that the receiver refused, with its reasons."""
        return [] if self._spool is None else self._spool.refused

    async def publish(self, event: Given) -> None:
        """Return once the event is durable. Raises `InvalidEvent`, and without a spool `NotAcknowledged`."""
        raw = encoded(event)
        if self._spool is not None:
            await asyncio.to_thread(self._spool.add, [raw])
            self._begin()
            self._more.set()
            return
        assert self._receiver is not None
        refused = await self._receiver.send([raw])
        if refused:
            raise InvalidEvent(refused[0])

    async def flush(self, patience: float | None = None) -> int:
        """Wait until nothing waits, or until nothing was acknowledged for `patience` seconds; returns how many still wait."""
        if self._spool is None or self._receiver is None:
            return self.waiting
        self._begin()
        self._more.set()
        sent, quiet = self._sent, 0.0
        while (left := await asyncio.to_thread(lambda: self.waiting)) and (patience is None or quiet < patience):
            await asyncio.sleep(0.02)
            quiet = quiet + 0.02 if self._sent == sent else 0.0
            sent = self._sent
        return left

    async def close(self) -> None:
        """Send what can be sent, and disconnect; the rest waits in the spool."""
        await self.flush(CLOSING if not self.problem else 0.0)
        if self._sending is not None:
            self._sending.cancel()
            with suppress(asyncio.CancelledError):
                await self._sending
            self._sending = None
        if self._receiver is not None:
            await self._receiver.close()
        if self._spool is not None:
            self._spool.close()

    def _begin(self) -> None:
        if self._sending is None and self._spool is not None and self._receiver is not None:
            self._sending = asyncio.create_task(self._send_forever(self._spool, self._receiver), name="spool")

    async def _send_forever(self, spool: Spool, receiver: Receiver) -> None:
        pause = RETRY
        while True:
            batch = []
            if await asyncio.to_thread(spool.take_turn):
                batch = await asyncio.to_thread(spool.first, BATCH, BATCH_BYTES)
            if not batch:
                self._more.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL):  # `wait_for` may swallow the cancellation of `close`
                        await self._more.wait()
                continue
            try:
                refused = await receiver.send([one.event for one in batch])
            except NotAcknowledged as fault:
                self.problem = str(fault)
                await asyncio.sleep(pause)
                pause = min(2 * pause, RETRY_MOST)
                continue
            await asyncio.to_thread(spool.done, batch, refused)
            self.problem, pause = "", RETRY
            self._sent += len(batch)


class Publisher:
    """`AsyncPublisher` for programs without asyncio: its loop runs in a thread of its own. Use it as a context manager."""

    def __init__(
        self,
        *,
        kafka: str | None = None,
        prefix: str = "",
        gateway: str | None = None,
        token: str | None = None,
        spool: str | Path | None = None,
    ) -> None:
        self._inner = AsyncPublisher(kafka=kafka, prefix=prefix, gateway=gateway, token=token, spool=spool)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="publisher", daemon=True)
        self._thread.start()
        self._run(self._inner.__aenter__())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def problem(self) -> str:
        """Why nothing is acknowledged at present; empty if all is well."""
        return self._inner.problem

    @property
    def waiting(self) -> int:
        """How many events wait in the spool."""
        return self._inner.waiting

    @property
    def refused(self) -> list[tuple[bytes, str]]:
        """The events of the spool that the receiver refused, with its reasons."""
        return self._inner.refused

    def publish(self, event: Given) -> None:
        """Return once the event is durable. Raises `InvalidEvent`, and without a spool `NotAcknowledged`."""
        self._run(self._inner.publish(event))

    def flush(self, patience: float | None = None) -> int:
        """Wait until nothing waits, or until nothing was acknowledged for `patience` seconds; returns how many still wait."""
        return self._run(self._inner.flush(patience))

    def close(self) -> None:
        """Send what can be sent, and disconnect; the rest waits in the spool. A second call does nothing."""
        if self._loop.is_closed():
            return
        self._run(self._inner.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def encoded(event: Given) -> bytes:
    """The bytes of an event. Raises `InvalidEvent` for what is none, with the contract's reason.

    >>> encoded({"type": "purchase.completed"})
    Traceback (most recent call last):
    vigia.client.receivers.InvalidEvent: missing_field: id is missing
    """
    try:
        if isinstance(event, bytes):
            raw = event.strip().replace(b"\n", b" ")  # a line end is a blank in JSON, and ends a line of a batch
        elif isinstance(event, Mapping):
            raw = msgspec.json.encode(dict(event))
        else:
            raw = encode_event(_known(event))
    except (TypeError, ValueError, msgspec.MsgspecError) as fault:
        raise InvalidEvent(f"not_json: {fault}") from None
    found = decode(raw)
    if isinstance(found, Rejection):
        raise InvalidEvent(f"{found.code}: {found.detail}")
    return raw


def _known(event: Struct) -> AnyEvent:
    if not isinstance(event, AnyEvent):
        raise TypeError(f"{type(event).__name__} is no event of the contract")
    return event

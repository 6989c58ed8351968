"""Takes deliveries: verified, read, completed with the customer of their sale, sent to Kafka, and what came too early held.

A delivery is answered 200 once all its events are in Kafka or on disk. The order of writes makes a crash harmless: what was not
answered is delivered again, and its events have the same ids.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import aiohttp
import msgspec

from scorers.contract.events import Micros, Purchase
from scorers.contract.wire import Rejection, decode
from streams.gateway.answers import Refused, refuse_bad
from streams.gateway.body import read
from streams.gateway.gateway import Send
from streams.gateway.intake import Fact, KafkaAway
from streams.gateway.tokens import Token
from streams.hooks.catalogue import Hook
from streams.hooks.delivery import Draft, Unusable
from streams.hooks.fetching import SIDE_BY_SIDE, Failed, one_round
from streams.hooks.sales import Full, Held, Sales
from streams.hooks.vendors.clover import code_of

T = TypeVar("T")
P = ParamSpec("P")
FILE = "hooks.sqlite"
LOGGER = logging.getLogger("vigia.hooks")
SWEEP = 60.0  # seconds between two looks at what waits
TIDY = 60  # looks between two removals of old sales
LOOK = 5.0  # seconds between two looks at what is to be fetched


class Hooks:
    """The hooks in force, and what they remember in a file of `state` (None: in memory); `replace` puts others in force."""

    def __init__(self, hooks: Mapping[str, Hook], state: Path | None = None) -> None:
        self._hooks: Mapping[str, Hook] = {}
        self._state = state
        self._sales: Sales | None = None  # opened when it is first used
        self._using, self._asked = asyncio.Lock(), asyncio.Event()
        self.replace(hooks)

    def __bool__(self) -> bool:
        return bool(self._hooks)

    def replace(self, hooks: Mapping[str, Hook]) -> None:
        """Put hooks in force for the next delivery."""
        self._hooks = hooks
        for hook in hooks.values():
            if hook.verify == "none":
                LOGGER.warning("the hook %s verifies nothing: whoever knows its address can send events", hook.name)

    def token(self, name: str) -> Token | None:
        """What the events of a hook may be; None if there is no such hook."""
        hook = self._hooks.get(name)
        return hook.token if hook else None

    async def take(self, name: str, headers: Mapping[str, str], body: bytes, send: Send) -> dict[str, object]:
        """Take a delivery, and return what to answer. Raises `Refused` and `KafkaAway`."""
        hook, now = self._hooks[name], time.time_ns() // 1000
        if hook.adapter.is_ping(headers, body):
            return self._pinged(hook, body)
        if why := hook.refused(headers, body, now):
            raise Refused(401, why)
        try:
            wanted = hook.wants(headers, body, now)
            drafts = hook.drafts(headers, body, now) if wanted is None else []
        except Unusable as fault:
            raise Refused(400, f"not a delivery of {hook.settings.type}: {fault}") from None
        if isinstance(wanted, str) or isinstance(drafts, str):
            return _unused(str(wanted or drafts))
        try:
            if wanted is None:
                return await self._taken(hook, drafts, now, send)
            await self.use(Sales.want, hook.name, wanted, now)
            self._asked.set()
            return {"accepted": 0, "duplicates": 0, "fetching": len(wanted)}
        except (sqlite3.Error, Full) as fault:
            LOGGER.error("the hooks' file in the state folder cannot be used: %s", fault)
            raise Refused(503, "the gateway cannot keep what waits; send the same again", after=60) from None

    def _pinged(self, hook: Hook, body: bytes) -> dict[str, object]:
        if code := code_of(body):
            LOGGER.warning("hook %s: the verification code to enter at Clover is %s", hook.name, code)
        return _unused("the vendor tries the address")

    async def _taken(self, hook: Hook, drafts: list[Draft], now: Micros, send: Send) -> dict[str, object]:
        named = [one.sale for one in drafts if one.sale and "customer_id" not in one.fields]
        known = await self.use(Sales.customers, hook.source, named) if named else {}
        for one in drafts:
            if (customer := known.get(one.sale)) is not None:
                one.fields.setdefault("customer_id", customer)
        found = await read([(0, encoded(one.fields)) for one in drafts], hook.token, every=False)
        refuse_bad(found)
        facts: list[Fact] = []
        held: list[Held] = []
        for (_, fact), one in zip(found.facts, drafts, strict=True):
            if one.sale in named and one.sale not in known:
                held.append(Held(hook.source, fact.event.id, one.sale, fact.raw))
            else:
                facts.append(fact)
        duplicates = await send(facts)
        sales = [(fact.event.id, fact.event.customer_id) for fact in facts if isinstance(fact.event, Purchase)]
        if sales or held:
            await self.use(_remember, hook.source, sales, held, now)
        if sales:
            await self._release(await self.use(Sales.waiting, hook.source, [sale for sale, _ in sales]), send)
        return {"accepted": len(facts), "duplicates": sum(duplicates), "held": len(held)}

    async def _release(self, held: list[Held], send: Send) -> None:
        if held:
            await send([fact for one in held if (fact := _completed(one))])
            await self.use(Sales.drop, held)

    async def forget(self, customers: Sequence[str]) -> None:
        """Forget erased customers. Raises `Refused`."""
        try:
            if self._has_file():
                await self.use(Sales.erase, customers)
        except sqlite3.Error as fault:
            LOGGER.error("an erased customer cannot be forgotten: %s", fault)
            raise Refused(503, "the gateway cannot forget the customer; send the same again", after=60) from None

    async def sweep(self, send: Send, now: Micros) -> None:
        """Send what waited and waits no longer. Raises `KafkaAway`."""
        while held := await self.use(Sales.released, now):
            await self._release(held, send)

    async def run(self, send: Send) -> None:
        """Look at what waits and fetch what is wanted, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sweeping(send))
            group.create_task(self._fetching(send))

    async def _sweeping(self, send: Send) -> None:
        for turn in count():
            now = time.time_ns() // 1000
            try:
                if self._has_file():
                    await self.sweep(send, now)
                    if turn % TIDY == 0:
                        await self.use(Sales.tidy, now)
            except (KafkaAway, sqlite3.Error) as fault:
                LOGGER.warning("events that wait for their sales are not sent yet: %s", fault)
            await asyncio.sleep(SWEEP)

    async def _fetching(self, send: Send) -> None:
        async with aiohttp.ClientSession() as session:
            while True:
                try:
                    fetched = await self.fetch_due(session, send) if self._has_file() else 0
                except sqlite3.Error as fault:
                    LOGGER.warning("what is to be fetched cannot be read: %s", fault)
                    fetched = 0
                if not fetched:
                    self._asked.clear()
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._asked.wait(), LOOK)

    async def fetch_due(self, session: aiohttp.ClientSession, send: Send) -> int:
        """Fetch and take some of the objects that are to be fetched now; returns how many there were."""

        async def take(hook: Hook, body: bytes) -> None:
            now = time.time_ns() // 1000
            try:
                drafts = hook.drafts({}, body, now)
                if not isinstance(drafts, str):
                    await self._taken(hook, drafts, now, send)
            except (Unusable, Refused) as fault:
                LOGGER.error("hook %s: a fetched object gives no events: %s", hook.name, fault)
            except KafkaAway as fault:
                raise Failed(str(fault)) from None

        due = await self.use(Sales.due, time.time_ns() // 1000, SIDE_BY_SIDE)
        for one, again in await one_round(session, self._hooks, due, take):
            await (self.use(Sales.fetched, one) if again is None else self.use(Sales.put_off, one, again))
        return len(due)

    @property
    def remembers(self) -> bool:
        """Whether there are hooks, or there were: what they remember has to forget the erased."""
        return bool(self._hooks) or self._has_file()

    def _has_file(self) -> bool:
        """Whether anything was ever written: a gateway without hooks makes no file."""
        return self._sales is not None or (self._state is not None and (self._state / FILE).exists())

    async def use(self, ask: Callable[Concatenate[Sales, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Ask the file on another thread, one at a time."""
        async with self._using:
            return await asyncio.to_thread(ask, await asyncio.to_thread(self._opened), *args, **kwargs)

    def _opened(self) -> Sales:
        if self._sales is None:
            self._sales = Sales(self._state / FILE if self._state is not None else None)
        return self._sales


def _remember(file: Sales, source: str, sales: list[tuple[str, str | None]], held: list[Held], now: Micros) -> None:
    if sales:
        file.add(source, sales, now)
    if held:
        file.hold(held, now)


def _unused(why: str) -> dict[str, object]:
    return {"accepted": 0, "duplicates": 0, "unused": why}


def encoded(fields: dict[str, object]) -> bytes:
    """An event as JSON. Raises `Refused` for what JSON does not have."""
    try:
        return msgspec.json.encode(fields)
    except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError, TypeError) as fault:
        raise Refused(400, f"an event cannot be written as JSON: {fault}") from None


def _completed(held: Held) -> Fact | None:
    """The event with the customer of its sale, if that is known; it was accepted when it was held."""
    raw = held.event
    if held.customer is not None:
        raw = msgspec.json.encode({**msgspec.json.decode(raw), "customer_id": held.customer})
    event = decode(raw)
    if isinstance(event, Rejection):
        LOGGER.error("an event that waited for its sale is given up: %s", event.code)
        return None
    return Fact(event, raw)

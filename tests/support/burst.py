"""Alarms through a notifier as a process, to a webhook and to mail, and what these received."""

import asyncio
import json
import os
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from aiokafka import AIOKafkaProducer

from alerts.pipeline.incident import decode_incident
from scorers.contract.alarms import Alarm, Severity
from scorers.contract.wire import encode_alarm
from tests.alerts.channels.test_email import post_office
from tests.alerts.pipeline.test_notifier import Process, alarm
from tests.support.receivers import server
from vigia.runtime.broker import Broker
from vigia.runtime.topic_reader import read

WORLD = Path(__file__).resolve().parents[1] / "faults" / "world"
AT_ONCE = 500
DESK_AND_MAIL = """\
[channel.desk]
type = "webhook"
url = "{url}"
secrets_env = ["HOOK_SECRET"]
allow_hosts = ["127.0.0.1"]
{limits}

[channel.mail]
type = "email"
host = "127.0.0.1"
port = {port}
tls = "none"
sender = "vigia@example.com"
to = ["manager@example.com"]
{limits}
"""
ROUTES = f"""\
{DESK_AND_MAIL}
[[route]]
name = "all"
to = ["desk", "mail"]
"""


class Receivers:
    """A webhook and a mail server: by channel how many alarms each notification told of, and when an alarm that came alone did."""

    def __init__(self) -> None:
        self.told: dict[str, list[int]] = {"desk": [], "mail": []}
        self.at: dict[str, dict[str, float]] = {"desk": {}, "mail": {}}
        self.routes = ""

    async def _post(self, request: web.Request) -> web.Response:
        data = json.loads(await request.read())["data"]
        self._note("desk", data["count"], data["alarms"][0]["alarm_id"])
        return web.Response(status=204)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """A mail has come; called by the SMTP server."""
        text = envelope.content.decode()
        many = re.search(r"^Subject: ([\d,]+) alarms", text, re.MULTILINE)
        one = re.search(r"<alarm\.(\w+)@", text)
        self._note("mail", int(many[1].replace(",", "")) if many else 1, one[1] if one else "")
        return "250 OK"

    def _note(self, channel: str, count: int, alarm_id: str) -> None:
        self.told[channel].append(count)
        if count == 1:
            self.at[channel].setdefault(alarm_id, time.monotonic())

    @asynccontextmanager
    async def open(self, limits: str) -> AsyncIterator["Receivers"]:
        """They listen while the block runs; `limits` are keys of both channels."""
        async with server(self._post) as url, post_office(self) as port:
            self.routes = ROUTES.format(url=url, port=port, limits=limits)
            yield self


class Chain:
    """A notifier between a broker and receivers, with a clock that can be set on."""

    def __init__(self, broker: Broker, receivers: Receivers, folder: Path) -> None:
        self.broker, self.receivers, self.folder = broker, receivers, folder
        self._clock = folder / "clock"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Process]:
        """The notifier serves while the block runs."""
        routes = self.folder / "routes.toml"
        routes.write_text(self.receivers.routes)
        self._clock.write_text("0")
        path = os.pathsep.join(filter(None, (str(WORLD), os.environ.get("PYTHONPATH"))))
        environment = {"WORLD_CLOCK": str(self._clock), "PYTHONPATH": path}
        self.producer = AIOKafkaProducer(acks="all", **self.broker.client())
        await self.producer.start()
        try:
            async with Process(self.broker.address, routes, self.broker.prefix, environment) as process:
                yield process
        finally:
            await self.producer.stop()

    def set_on(self, seconds: float) -> None:
        """Set the notifier's clock on."""
        self._clock.write_text(str(float(self._clock.read_text()) + seconds))

    async def tell(self, one: Alarm) -> None:
        """Write an alarm, and return when Kafka has it."""
        await self.producer.send_and_wait(self.broker.name("alarms"), encode_alarm(one), key=one.subject.id.encode())

    async def tell_many(self, number: int, severity: Severity = "error") -> None:
        """Write so many alarms of as many customers, as fast as Kafka takes them."""
        for start in range(0, number, AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, number))
            await asyncio.gather(*(self.tell(alarm(f"a{n}", f"C{n}", severity=severity)) for n in numbers))

    async def stored(self) -> dict[str, bytes]:
        """The incidents that the notifier has stored, by the alarm's id."""
        found: dict[str, bytes] = {}
        await read(self.broker, "notifications", lambda record: found.update({record.key.decode(): record.value}))
        return found

    async def states(self) -> Counter[str]:
        """How many deliveries there are of each state."""
        incidents = map(decode_incident, (await self.stored()).values())
        return Counter(delivery.state for incident in incidents for delivery in incident.deliveries)


async def until(so: Callable[[], bool], what: Callable[[], object], within: float = 120) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + within
    while not so():
        assert time.monotonic() < deadline, f"waited {within} s: {what()}"
        await asyncio.sleep(0.05)


async def burst(chain: Chain, number: int, alone: int, within: float = 120) -> None:
    """Tell so many alarms at once; when so many went alone set the clock on by an hour, and wait until each channel was told all."""
    told = chain.receivers.told
    await chain.tell_many(number)
    await until(lambda: all(sum(some) >= alone for some in told.values()), lambda: f"{told}: {alone} alone", within)
    deadline = time.monotonic() + within
    while len(await chain.stored()) < number:  # all are decided in this hour
        assert time.monotonic() < deadline, f"waited {within} s: {number} decided"
        await asyncio.sleep(0.3)
    chain.set_on(3600)
    await chain.tell(alarm("worst", "W", severity="critical"))
    await until(lambda: all(sum(some) > number for some in told.values()), lambda: f"{told}: {number} told", within)

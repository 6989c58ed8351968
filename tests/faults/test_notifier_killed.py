"""N3: the notifier killed at each named place, with a real webhook, a real mail server and a chat: nothing is lost, and nothing happens twice."""

import asyncio
import email
import json
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from alerts.wording.languages import TONGUES
from tests.alerts.channels.test_email import post_office
from tests.alerts.pipeline.test_notifier import Process, alarm, publish_alarms
from tests.support.burst import DESK_AND_MAIL, until
from tests.support.receivers import server
from vigia.lab.embedded_kafka import EmbeddedKafka
from vigia.runtime.crash.failpoints import NOTIFIER

pytestmark = pytest.mark.faults

CHAT = "Customer-in-chat"

ROUTES = f"""\
{DESK_AND_MAIL}
[channel.chat]
type = "telegram"
url = "{{base}}"
chat = "-100"
token_env = "TELEGRAM"
allow_hosts = ["127.0.0.1"]

[[route]]
name = "all"
to = ["desk", "mail", "chat"]
"""


class Receivers:
    """What came at each channel, by the customer whom it is about: the id under which a receiver knows a repetition; a chat has only the text."""

    def __init__(self) -> None:
        self.got: dict[str, dict[str, list[str]]] = {"desk": {}, "mail": {}, "chat": {}}
        self.routes = ""
        self.meet: Process | None = None  # killed when a message to the chat has come, before it is answered

    def came(self, channel: str, customer: str, key: str) -> None:
        """A notification has come."""
        self.got[channel].setdefault(customer, []).append(key)

    def have(self, customers: set[str]) -> bool:
        """Whether each channel was told of all of them."""
        return all(some.keys() >= customers for some in self.got.values())

    async def _post(self, request: web.Request) -> web.Response:
        told = json.loads(await request.read())
        if request.path.endswith("/sendMessage"):
            self.came("chat", _named(told["text"]), told["text"])
            if self.meet is not None:
                await self.meet.end(signal.SIGKILL)
        else:
            self.came("desk", told["data"]["alarms"][0]["name"], request.headers["webhook-id"])
        return web.json_response({"ok": True})

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """A mail has come; called by the SMTP server."""
        letter = email.message_from_bytes(envelope.content)
        self.came("mail", _named(letter["Subject"]), letter["Message-ID"])
        return "250 OK"

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Receivers"]:
        """They listen while the block runs."""
        async with server(self._post) as url, post_office(self) as port:
            self.routes = ROUTES.format(url=url, port=port, base=url.removesuffix("/hook"), limits="")
            yield self


def _named(text: str) -> str:
    """The customer of this test that a text names."""
    return re.findall(r"Customer-[\w-]+", text)[0]


async def test_a_notifier_killed_at_each_named_place_loses_and_repeats_nothing(tmp_path: Path) -> None:
    """A webhook and a mail repeat their id; a chat says that it may be a repetition."""
    routes, killed = tmp_path / "routes.toml", []
    with EmbeddedKafka() as kafka:
        kafka.create("alarms", "alarm-actions", "feedback", "worklist", "notifications", "dead-letters")
        async with Receivers().open() as receivers:
            routes.write_text(receivers.routes)
            for place in NOTIFIER:
                name = f"Customer-{place}"
                await publish_alarms(
                    kafka.address, alarm(place, place, name=name), alarm(f"{place}2", f"{place}2", name=f"{name}2")
                )
                arms = {"VIGIA_FAILPOINT": place, "TELEGRAM": "1:a"}
                async with Process(kafka.address, routes, environment=arms) as process:
                    assert process.process is not None
                    async with asyncio.timeout(300):
                        killed.append(await process.process.wait())
            expected = {f"Customer-{place}{more}" for place in NOTIFIER for more in ("", "2")}
            async with Process(kafka.address, routes, environment={"TELEGRAM": "1:a"}) as process:
                await until(lambda: receivers.have(expected), lambda: receivers.got, 300)
                receivers.meet = process
                await publish_alarms(kafka.address, alarm("chat", "chat", name=CHAT))
                await until(lambda: CHAT in receivers.got["chat"], lambda: receivers.got, 300)
                assert process.process is not None
                await process.process.wait()
                receivers.meet = None
            expected.add(CHAT)
            async with Process(kafka.address, routes, environment={"TELEGRAM": "1:a"}) as process:
                await until(
                    lambda: receivers.have(expected) and len(receivers.got["chat"][CHAT]) > 1,
                    lambda: receivers.got,
                    300,
                )
                assert await process.end(signal.SIGTERM) == 0
    assert killed == [-signal.SIGKILL] * len(NOTIFIER)
    for channel in ("desk", "mail"):
        assert {who: len(set(keys)) for who, keys in receivers.got[channel].items()} == Counter(expected), channel
    again = TONGUES["en"].texts["again"]
    for who, texts in receivers.got["chat"].items():
        assert [again in text for text in texts[1:]] == [True] * (len(texts) - 1), f"{who}: {texts}"
    assert len(receivers.got["chat"][CHAT]) == 2, "killed while it was sent, it is sent again"

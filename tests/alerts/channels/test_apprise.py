"""Apprise against receivers on this machine: what arrives, what is tried again, and that a service that hangs holds up nothing."""

import asyncio
import json
import logging
from typing import Any

import msgspec
import pytest
from aiohttp import web

from alerts.channels import apprise
from alerts.channels.contract import Retry
from alerts.pipeline.connect import connect
from alerts.settings.toml import BadSetting
from scorers.contract.events import SECOND
from tests.support.receivers import HOSTILE, alarm, closing, notification, server

SETTINGS = apprise.Settings(urls_env=("URLS",))


def service(url: str) -> str:
    """The same receiver as a URL of Apprise."""
    return url.replace("http://", "json://")


async def test_every_service_gets_the_message_as_text() -> None:
    """Title and lines, to each URL of a variable; it counts as sent when all have taken it."""
    got: list[Any] = []
    status = 200

    async def answer(request: web.Request) -> web.Response:
        got.append(json.loads(await request.read()))
        return web.Response(status=status)

    async with (
        server(answer) as url,
        closing(connect("desk", SETTINGS, {"URLS": f"{service(url)}\n{service(url)}/b"})) as channel,
    ):
        one = notification(alarm(name=HOSTILE))
        await channel.send(one)
        assert [(each["title"], each["message"]) for each in got] == [(one.message.title, one.message.plain())] * 2
        status = 500
        with pytest.raises(Retry, match="a service has not taken it"):
            await channel.send(one)


async def test_a_service_that_hangs_takes_its_threads_and_no_more() -> None:
    """Each send ends by its deadline; with all threads taken the next says so at once, and when they come back it goes on."""
    free = asyncio.Event()
    asked = 0

    async def answer(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        await free.wait()
        return web.Response()

    quick = msgspec.structs.replace(SETTINGS, timeout=SECOND // 5)
    async with (
        server(answer) as url,
        closing(connect("desk", quick, {"URLS": service(url)})) as channel,
        asyncio.timeout(60),
    ):
        for _ in range(apprise.THREADS):
            with pytest.raises(Retry, match="no answer by the deadline"):
                await channel.send(notification())
        with pytest.raises(Retry, match="have not come back"):
            await channel.send(notification())
        assert asked <= apprise.THREADS
        free.set()
        for _ in range(200):
            await asyncio.sleep(0.05)
            try:
                await channel.send(notification())
                break
            except Retry:
                continue
        else:
            raise AssertionError("the threads have not come back")


def test_a_url_that_it_does_not_know_is_refused_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    """The error names its place, and neither it nor the log of Apprise the URL."""
    with caplog.at_level(logging.DEBUG), pytest.raises(BadSetting, match="URL 2 is none that Apprise knows") as fault:
        connect("desk", SETTINGS, {"URLS": "json://127.0.0.1:1 canary-secret://x"})
    assert "canary" not in str(fault.value) + caplog.text
    with pytest.raises(BadSetting, match="needs a URL"):
        connect("desk", apprise.Settings(), {})

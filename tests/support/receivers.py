"""Notifications, and a web server on this machine that receives them, for the tests of channels."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from alerts.channels import webhook
from alerts.channels.contract import Channel, Notification
from alerts.settings.datetimes import as_instant
from alerts.settings.secret import Secret
from alerts.wording.message import compose, digest
from scorers.contract.alarms import Alarm
from scorers.contract.events import SECOND, Duration, Instant
from scorers.policy.spans import Span
from tests.support.alarms import an_alarm

NEW, OLD = (f"whsec_{base64.b64encode(bytes([n]) * 32).decode()}" for n in (1, 2))
HOSTILE = "Ana\r\nBcc: all@example.com\x00<script>alert(1)</script>\u202egnp.exe {{ 7*7 }} =cmd()"


def alarm(**changed: Any) -> Alarm:
    """An alarm about one customer."""
    return an_alarm(Instant(1_704_099_600_000_000), **{"kind": "gone-quiet"} | changed)


def notification(*alarms: Alarm, key: str = "msg_1", sent_at: Instant | None = None) -> Notification:
    """These alarms as one notification, sent now."""
    told = alarms or (alarm(),)
    return Notification(
        id=key,
        change=told[0].type if len(told) == 1 else "digest",
        alarms=told,
        message=compose(told[0]) if len(told) == 1 else digest(told),
        sent_at=sent_at or as_instant(datetime.now(UTC)),
    )


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[str]:
    """A local web server that answers so; its URL."""
    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    finally:
        await runner.cleanup()


def hook(url: str, *secrets: str, timeout: Duration = 60 * SECOND) -> webhook.Webhook:
    """A webhook that may go to this machine."""
    settings = webhook.Settings(url=url, allow_hosts=("127.0.0.1", "localhost"), timeout=Span(timeout))
    return webhook.Webhook(settings, Secret(url), [Secret(one) for one in secrets or (NEW,)])


@asynccontextmanager
async def closing(channel: Channel) -> AsyncIterator[Channel]:
    """The channel, closed at the end."""
    try:
        yield channel
    finally:
        await channel.close()

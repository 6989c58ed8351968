"""Open alarms are sent again to a receiver that forgets them, until they are over, and after a restart too."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from alerts.pipeline.connect import connect
from alerts.pipeline.dispatch import Dispatcher
from alerts.pipeline.incident import Action
from alerts.pipeline.routes import read
from alerts.pipeline.store import Memory
from tests.support.hashes import HASHES
from tests.support.receivers import server
from tests.support.timeline import alarm, at, settled

ROUTES = """
[channel.am]
type = "alertmanager"
url = "{url}"
allow_hosts = ["127.0.0.1"]

[[route]]
name = "all"
to = ["am"]
"""


async def with_alertmanager(work: Callable[[str, list[list[str]]], Awaitable[None]]) -> None:
    """Run with a receiver that keeps the ids of the alerts of each request."""
    got: list[list[str]] = []

    async def answer(request: web.Request) -> web.Response:
        got.append([one["labels"]["alarm_id"] for one in json.loads(await request.read())])
        return web.Response()

    async with server(answer) as url:
        await work(url.removesuffix("/hook"), got)


def dispatcher(url: str, store: Any) -> Dispatcher:
    """A dispatcher with the real channel."""
    routes = read(ROUTES.format(url=url))
    channels = {name: connect(name, settings, {}) for name, settings in routes.channels.items()}
    return Dispatcher(routes, channels, store, hashes=HASHES)


async def test_what_is_open_is_sent_again_and_nothing_else() -> None:
    """Not before the first message has gone, and not once it is over, dismissed, resolved or snoozed."""

    async def work(url: str, got: list[list[str]]) -> None:
        store = Memory()
        one = dispatcher(url, store)
        for number in range(5):
            await one.take(alarm(f"a{number}", customer_id=f"C{number}"), at(9))
        assert await one.standing.repeat("am", at(9)) == 0
        for _ in range(5):
            await one.deliver("am", at(9))
        await one.take(settled(alarm("a0", customer_id="C0"), at(9.1)), at(9.1))
        await one.deliver("am", at(9.1))
        for number, name in ((1, "dismiss"), (2, "resolve"), (3, "snooze")):
            action = Action(alarm_id=f"a{number}", action=name, by="eva", id=name, until=at(12), reason="x")  # type: ignore[arg-type]
            await one.act(action, at(9.2))
        got.clear()
        assert await one.standing.repeat("am", at(9.3)) == 1
        again = dispatcher(url, store)
        await again.resume(store.incidents.values(), at(9.4))
        assert await again.standing.repeat("am", at(9.4)) == 1
        assert got == [["a4"], ["a4"]]
        for each in (one, again):
            await each.queues["am"].channel.close()

    await with_alertmanager(work)


async def test_a_round_that_fails_stops_nothing() -> None:
    """A receiver that answers with an error ends neither the repeating nor the notifier."""
    stop, statuses = asyncio.Event(), [200, 500]

    async def answer(_: web.Request) -> web.Response:
        status = statuses.pop(0)
        if not statuses:
            stop.set()
        return web.Response(status=status)

    async with server(answer) as url, asyncio.timeout(60):
        one = dispatcher(url.removesuffix("/hook"), Memory())
        await one.take(alarm(), at(9))
        await one.deliver("am", at(9))
        await one.standing.repeat_until("am", lambda: at(9), stop)
        await one.queues["am"].channel.close()
    assert statuses == []

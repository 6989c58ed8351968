"""Two notifiers on a real Kafka: one serves, the other steps in."""

import asyncio
import signal
from pathlib import Path
from random import randrange
from uuid import uuid4

import aiohttp
import pytest

from tests.alerts.pipeline.test_notifier import ROUTES, Desk, Process, alarm, flooded, publish_alarms
from vigia.runtime import topics
from vigia.runtime.broker import Broker

pytestmark = pytest.mark.kafka


async def until_serving(process: Process, serves: bool) -> None:
    """Wait until a notifier says that it serves, or that it stands by."""
    port = await process.port()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        while True:
            async with session.get("/readyz") as answer:
                if serves == (answer.status == 200) and (serves or "stands by" in await answer.text()):
                    return
            await asyncio.sleep(0.1)


async def test_the_second_steps_in_when_the_first_is_gone(kafka: str, tmp_path: Path) -> None:
    """Killed or ended in order, the other takes over where the first was: nothing lost, repeated only under its id."""
    prefix = f"pair-{uuid4().hex[:6]}-"
    await topics.apply(Broker(kafka, prefix), 4)
    got: dict[str, set[str]] = {}

    async def wait_for(desk: Desk, alarm_id: str) -> None:
        while alarm_id not in got:
            key, came = await desk.got.get()
            got.setdefault(came, set()).add(key)

    async with Desk().open() as desk:
        routes = tmp_path / "routes.toml"
        routes.write_text(ROUTES.format(url=desk.url))

        async with Process(kafka, routes, prefix) as first:
            await publish_alarms(kafka, alarm("a1"), prefix=prefix)
            await wait_for(desk, "a1")
            async with Process(kafka, routes, prefix) as second:
                await until_serving(second, serves=False)
                await publish_alarms(kafka, alarm("a2", "C2"), prefix=prefix)
                await wait_for(desk, "a2")
                await until_serving(first, serves=True)
                await first.end(signal.SIGKILL)
                await publish_alarms(kafka, alarm("a3", "C3"), prefix=prefix)
                await wait_for(desk, "a3")
                await until_serving(second, serves=True)
                async with Process(kafka, routes, prefix) as third:
                    assert await second.end(signal.SIGTERM) == 0
                    await publish_alarms(kafka, alarm("a4", "C4"), prefix=prefix)
                    await wait_for(desk, "a4")
                    assert await third.end(signal.SIGTERM) == 0
        while not desk.got.empty():
            key, came = desk.got.get_nowait()
            got.setdefault(came, set()).add(key)
    assert got.keys() == {"a1", "a2", "a3", "a4"}
    assert all(len(keys) == 1 for keys in got.values())


async def test_a_flood_under_kills_is_delivered_to_the_last(kafka: str, tmp_path: Path) -> None:
    """N3, N5: killed at random six times while two thousand wait, every alarm arrives, each under one id only."""
    prefix, seed = f"flood-{uuid4().hex[:6]}-", randrange(10**6)
    await topics.apply(Broker(kafka, prefix), 4)
    async with Desk().open() as desk:
        routes = tmp_path / "routes.toml"
        routes.write_text(ROUTES.format(url=desk.url).replace("url =", "per_hour = 0\nurl ="))  # not as a digest
        got = await flooded(
            kafka,
            desk,
            lambda: Process(kafka, routes, prefix),
            kills=6,
            alarms=2000,
            seed=seed,
            prefix=prefix,
        )
    assert got.keys() == {f"a{n}" for n in range(2000)}, f"seed {seed}"
    assert {len(keys) for keys in got.values()} == {1}, f"seed {seed}"

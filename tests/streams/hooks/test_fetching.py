"""Objects that a delivery only names are fetched after the answer, and again when the vendor is away."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from scorers.contract.events import DAY, HOUR, SECOND
from streams.gateway.intake import Fact
from streams.hooks.fetching import next_try
from streams.hooks.sales import Fetch, Sales
from streams.hooks.taking import Hooks
from tests.support.deliveries import CLOVER, CLOVER_PAYMENT
from tests.support.taking_hooks import SECRET, hook, raw_of
from vigia.runtime.listener import Bounds, listening


class Vendor:
    """An API of Clover that answers as it is told."""

    def __init__(self) -> None:
        self.status, self.body, self.asked = 200, json.dumps(CLOVER_PAYMENT).encode(), list[Any]()
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        """Whatever is set."""
        self.asked.append((request.path, request.headers.get("Authorization")))
        return web.Response(status=self.status, body=self.body, headers={"Location": "/elsewhere"})


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    """One that runs."""
    vendor, app = Vendor(), web.Application()
    app.router.add_get("/{path:.*}", vendor.answer)
    async with listening(app, "127.0.0.1", 0, Bounds()) as port:
        vendor.url = f"http://127.0.0.1:{port}"
        yield vendor


class Sent(list[Fact]):
    """What would go to Kafka."""

    async def send(self, facts: Any) -> list[bool]:
        """Keep them."""
        self.extend(facts)
        return [False] * len(facts)


async def delivered(hooks: Hooks, sent: Sent) -> dict[str, object]:
    """A delivery of Clover."""
    return await hooks.take("clover", {"X-Clover-Auth": SECRET}, raw_of(CLOVER), sent.send)


async def test_a_named_payment_is_fetched_after_the_answer(vendor: Vendor, tmp_path: Path) -> None:
    """With the token, once, although the gateway restarts in between."""
    hooks, sent = Hooks({"clover": hook("clover", address=vendor.url)}, tmp_path), Sent()
    assert await delivered(hooks, sent) == {"accepted": 0, "duplicates": 0, "fetching": 1}
    assert (vendor.asked, sent) == ([], [])
    again = Hooks({"clover": hook("clover", address=vendor.url)}, tmp_path)
    running = asyncio.create_task(again.run(sent.send))
    while Sales(tmp_path / "hooks.sqlite").due(2**62, 9):
        await asyncio.sleep(0.05)
    running.cancel()
    assert vendor.asked == [("/v3/merchants/M1/payments/PAY1", f"Bearer {SECRET}")]
    assert [fact.event.id for fact in sent] == ["payment:PAY1", "refund:RF1"]


@pytest.mark.parametrize("status", [500, 401, 429, 302])
async def test_a_fetch_that_fails_is_tried_again(vendor: Vendor, tmp_path: Path, status: int) -> None:
    """Later; a redirection is not followed."""
    hooks, sent = Hooks({"clover": hook("clover", address=vendor.url)}, tmp_path), Sent()
    await delivered(hooks, sent)
    vendor.status = status
    async with aiohttp.ClientSession() as session:
        assert [await hooks.fetch_due(session, sent.send) for _ in range(2)] == [1, 0]
        assert (len(vendor.asked), sent) == (1, [])
    waiting = Sales(tmp_path / "hooks.sqlite").due(time.time_ns() // 1000 + HOUR, 9)
    assert [one.id for one in waiting] == ["PAY1"]


@pytest.mark.parametrize(("status", "body"), [(404, b""), (200, b" " * 1_100_000), (200, b"{"), (200, b'{"id": "X"}')])
async def test_what_gives_no_event_is_not_asked_for_again(
    vendor: Vendor, tmp_path: Path, status: int, body: bytes
) -> None:
    """An object that is gone, too large, or of another shape."""
    hooks, sent = Hooks({"clover": hook("clover", address=vendor.url)}, tmp_path), Sent()
    await delivered(hooks, sent)
    vendor.status, vendor.body = status, body
    async with aiohttp.ClientSession() as session:
        assert [await hooks.fetch_due(session, sent.send) for _ in range(2)] == [1, 0]
    assert (Sales(tmp_path / "hooks.sqlite").due(2**62, 9), sent) == ([], [])


async def test_the_code_of_clover_is_answered(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Unsigned, and told in the log, where somebody looks for it."""
    hooks = Hooks({"clover": hook("clover")}, tmp_path)
    await hooks.take("clover", {}, b'{"verificationCode":"ce7643c1-83ea"}', Sent().send)
    assert "the verification code to enter at Clover is ce7643c1-83ea" in caplog.text


def test_the_waits_grow_and_end() -> None:
    """From five seconds to an hour, for three days."""
    one = Fetch("h", "m", "i", since=0, due=0)
    waits = [(next_try(one, at) or at) - at for at in (SECOND, 60 * SECOND, 2 * HOUR, 4 * DAY)]
    assert waits == [5 * SECOND, 60 * SECOND, HOUR, 0]


def test_an_object_that_changed_meanwhile_is_fetched_again() -> None:
    """The note of the change is not taken away with the older fetch."""
    sales = Sales()
    sales.want("clover", [("M1", "PAY1")], now=1)
    (first,) = sales.due(1, 9)
    sales.want("clover", [("M1", "PAY1")], now=2)
    sales.fetched(first)
    assert [one.since for one in sales.due(2, 9)] == [2]

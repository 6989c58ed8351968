"""Webhooks against real servers: the meaning of answers, and hostile receivers."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from alerts.channels import webhook
from alerts.channels.contract import Refused, Retry
from scorers.contract.alarms import Reason
from scorers.contract.events import DAY, SECOND
from tests.support.receivers import alarm, closing, hook, notification, server


@pytest.mark.parametrize(
    ("status", "headers", "raised", "after", "disable"),
    [
        (200, {}, None, None, None),
        (299, {}, None, None, None),
        (500, {}, Retry, None, None),
        (503, {"Retry-After": "7"}, Retry, 7 * SECOND, None),
        (429, {"Retry-After": "120"}, Retry, 120 * SECOND, None),
        (429, {"retry-after": "99999999999999999999"}, Retry, DAY, None),
        (429, {"Retry-After": "soon"}, Retry, None, None),
        (
            429,
            {"Retry-After": "Mon, 01 Jan 2024 00:01:00 GMT", "Date": "Mon, 01 Jan 2024 00:00:00 GMT"},
            Retry,
            60 * SECOND,
            None,
        ),
        (401, {}, Retry, None, None),
        (404, {}, Retry, None, None),
        (410, {}, Refused, None, True),
        (413, {}, Refused, None, False),
        (301, {"Location": "http://127.0.0.1:1/"}, Retry, None, None),
        (307, {"Location": "/other"}, Retry, None, None),
    ],
)
async def test_the_status_of_an_answer_decides(
    status: int, headers: dict[str, str], raised: type[Exception] | None, after: Any, disable: Any
) -> None:
    """N1: the status decides, Retry-After is passed on, and a redirect is a failure and is not followed."""
    paths = []

    async def answer(request: web.Request) -> web.Response:
        paths.append(request.path)
        return web.Response(status=status, headers=headers)

    async with server(answer) as url, closing(hook(url)) as channel:
        if raised is None:
            await channel.send(notification())
        else:
            with pytest.raises(raised) as fault:
                await channel.send(notification())
            assert getattr(fault.value, "after", None) == after
            assert getattr(fault.value, "disable", None) == disable
    assert paths == ["/hook"]


async def test_a_huge_answer_is_not_read() -> None:
    """N2: of a body of a gigabyte hardly anything is transferred; only the status counts."""
    sent = 0
    over = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(headers={"Content-Length": str(2**30)})
        await response.prepare(request)
        try:
            while sent < 2**30:
                await response.write(bytes(2**16))
                sent += 2**16
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            over.set()
        return response

    async with server(answer) as url, closing(hook(url)) as channel:
        await channel.send(notification())
        await over.wait()
    assert sent < 2**26


@asynccontextmanager
async def socket_that(talks: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[str]:
    """A raw server that reads the request's beginning, then talks as it likes."""
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await reader.read(100)
            await talks(writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await listening.wait_closed()


async def never(writer: asyncio.StreamWriter) -> None:
    """Says nothing."""
    await asyncio.Event().wait()


async def slowly(writer: asyncio.StreamWriter) -> None:
    """Sends single bytes for ever."""
    while True:
        writer.write(b"H")
        await writer.drain()
        await asyncio.sleep(0.02)


async def reset(writer: asyncio.StreamWriter) -> None:
    """Breaks off within the status line."""
    writer.write(b"HTTP/1.1 2")
    await writer.drain()
    writer.transport.abort()


async def nonsense(writer: asyncio.StreamWriter) -> None:
    """Speaks another protocol."""
    writer.write(b"220 mail.example.com ESMTP\r\n")
    await writer.drain()


async def endless_headers(writer: asyncio.StreamWriter) -> None:
    """Sends headers for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-Pad: " + b"x" * 4000 + b"\r\n")
        await writer.drain()


@pytest.mark.parametrize("talks", [never, slowly, reset, nonsense, endless_headers])
async def test_a_hostile_receiver_costs_one_deadline(talks: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> None:
    """N2: silence, slow drops, a reset, another protocol, headers without end: each is one failure, tried again later."""
    async with socket_that(talks) as url, closing(hook(url, timeout=SECOND // 4)) as channel, asyncio.timeout(60):
        with pytest.raises(Retry):
            await channel.send(notification())


async def test_a_closed_port_is_a_retry() -> None:
    """A closed port is a failure to try again."""
    async with socket_that(never) as url:
        pass
    async with closing(hook(url)) as channel:
        with pytest.raises(Retry):
            await channel.send(notification())


def test_a_body_keeps_its_size() -> None:
    """Whatever is in it, a body has at most 20 kB and counts what it leaves out."""
    reasons = tuple(Reason("gap", 0.1, "\U0001f600" * 3000) for _ in range(20))
    many = [alarm(alarm_id=f"a{n}", name="\U0001f600" * 500, reasons=reasons) for n in range(500)]
    for one in (notification(many[0]), notification(*many)):
        content = webhook.body(one)
        assert len(content) <= webhook.MAX_BODY
        assert json.loads(content)["data"]["count"] == len(one.alarms)
    assert "evidence" not in json.loads(webhook.body(notification()))["data"]["alarms"][0]

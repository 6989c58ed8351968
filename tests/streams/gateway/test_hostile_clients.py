"""Clients that mean harm: none stops the gateway for the others, and none learns what software it is."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from io import BytesIO

import pytest

from scorers.contract.wire import Rejection, decode
from streams.gateway import body as bodies
from streams.gateway.settings import Limits
from streams.gateway.tokens import EVERYBODY
from tests.support.door import DIGEST, LINES, ONE, TOKEN, Door, batch, opened, purchase
from tests.support.wires import sale

TIGHT = Limits(
    connections=20, header_seconds=0.5, body_seconds=0.5, bytes_in_flight=1_000_000, requests_per_second=1000.0
)
AUTH = f"Authorization: Bearer {TOKEN}".encode()
HEAD = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + AUTH + b"\r\n"
BODY = batch(purchase())
CANARY = b"canary7f3a"

BROKEN: dict[str, bytes] = {
    "nothing of HTTP": CANARY + b"\r\n\r\n",
    "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a request line of a megabyte": b"POST /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n\r\n",
    "a header of a megabyte": HEAD + b"X: " + b"a" * 1_000_000 + b"\r\n\r\n",
    "ten thousand headers": HEAD + b"".join(b"X-%d: a\r\n" % n for n in range(10_000)) + b"\r\n",
    "a header without a colon": HEAD + CANARY + b"\r\n\r\n",
    "a header with NUL": HEAD + b"X: " + CANARY + b"\0\r\n\r\n",
    "a name with a blank": HEAD + b"X y: " + CANARY + b"\r\n\r\n",
    "a folded header": HEAD + b"X: a\r\n " + CANARY + b"\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a negative length": HEAD + b"Content-Length: -1\r\n\r\n",
    "a length that is none": HEAD + b"Content-Length: " + CANARY + b"\r\n\r\n",
    "an immense length": HEAD + b"Content-Length: " + b"9" * 400 + b"\r\n\r\n",
    "a length and chunks": HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk size that is none": HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + CANARY + b"\r\n",
    "a chunk size of 400 digits": HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 400 + b"\r\n",
    "an encoding of nobody": HEAD + b"Transfer-Encoding: " + CANARY + b"\r\n\r\n",
    "a version of nobody": b"POST /v1/events HTTP/9.9\r\n\r\n",
    "a method of nobody": CANARY + b" /v1/events HTTP/1.1\r\nHost: x\r\n\r\n",
    "another path": b"GET /" + CANARY + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "another method": b"DELETE /v1/events HTTP/1.1\r\nHost: x\r\n\r\n",
    "a path out of the root": b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    "a token with a line end": b"POST /v1/events HTTP/1.1\r\nAuthorization: Bearer a\nX: b\r\nHost: x\r\n\r\n",
}


@pytest.fixture
async def tight(broker: str) -> AsyncIterator[Door]:
    """A gateway with tight limits."""
    async with opened(broker, DIGEST, limits=TIGHT) as door:
        yield door


async def everything(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the connection is closed, also if that is not in order."""
    found = b""
    try:
        while piece := await reader.read(4096):
            found += piece
    except ConnectionError:
        pass
    return found


async def raw(door: Door, sent: bytes, *, more: bytes = b"") -> bytes:
    """All that the gateway answers to these bytes until it closes the connection; `more` follows piece by piece."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(door.url.rpartition(":")[2]))
    writer.write(sent)
    asked = asyncio.create_task(everything(reader))
    for piece in more:
        writer.write(bytes([piece]))
        await asyncio.wait([asked], timeout=0.05)
        if asked.done():
            break
    answer = await asyncio.wait_for(asked, 60)
    writer.close()
    return answer


@pytest.mark.parametrize("sent", [pytest.param(sent, id=name) for name, sent in BROKEN.items()])
async def test_a_broken_request_is_refused_and_reveals_nothing(tight: Door, sent: bytes) -> None:
    """The answer is an error or none; it repeats nothing, and names no software; the next request is served."""
    answer = await raw(tight, sent)
    assert not answer or re.match(rb"HTTP/1\.[01] 4\d\d ", answer), answer[:200]
    assert CANARY not in answer
    assert not re.search(rb"(?i)aiohttp|python|vigia|traceback", answer), answer
    assert (await tight.post(BODY))[0] == 202


async def test_a_slow_head_and_a_slow_body_are_given_up(tight: Door) -> None:
    """A byte now and then keeps no connection beyond its deadline: without a head it is closed, without a body answered 408."""
    slow_head, slow_body = await asyncio.gather(
        raw(tight, b"POST /v1/events HTTP/1.1\r\nX: ", more=b"a" * 400),
        raw(tight, HEAD + b"Content-Length: 1000\r\n\r\n", more=b" " * 400),
    )
    assert slow_head == b""
    assert slow_body.startswith(b"HTTP/1.1 408 ")


async def test_connections_that_only_wait_do_not_keep_others_out(tight: Door) -> None:
    """With every connection taken by somebody who sends nothing, a new one is served at the cost of the oldest."""
    port = int(tight.url.rpartition(":")[2])
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(TIGHT.connections * 3)]
    assert (await tight.post(BODY))[0] == 202
    for _, writer in held:
        writer.close()


async def test_the_token_is_looked_at_before_the_body(tight: Door) -> None:
    """Without a token the answer comes although no byte of the body was sent, and no body is asked for."""
    head = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 4000000\r\n"
    assert (await raw(tight, head + b"\r\n")).startswith(b"HTTP/1.1 401 ")
    answer = await raw(tight, head + b"Expect: 100-continue\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 401 ")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(tight.url.rpartition(":")[2]))
    writer.write(HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BODY))
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
    writer.write(BODY)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 202 ")
    writer.close()


async def test_too_many_bytes_in_flight_are_refused_before_they_come(tight: Door) -> None:
    """A token with a body in hand is told to wait for its next one; another connection of it is told at once."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(tight.url.rpartition(":")[2]))
    writer.write(HEAD.replace(b"json", b"x-ndjson") + b"Content-Length: 900000\r\n\r\n ")
    await writer.drain()
    for _ in range(100):
        status, _ = await tight.post(b" " * 150_000, LINES)
        if status == 429:
            break
    async with tight.session.post(
        f"{tight.url}/v1/events", data=b" " * 150_000, headers=LINES | {"Authorization": f"Bearer {TOKEN}"}
    ) as answer:
        assert answer.status == 429
        assert int(answer.headers["Retry-After"]) >= 1
    writer.close()
    await reader.read()


async def test_too_many_requests_are_answered_with_a_time_to_retry(broker: str) -> None:
    """A token has a second's worth at once, and then 429 with Retry-After."""
    async with opened(broker, DIGEST, limits=Limits(requests_per_second=0.001)) as door:
        assert [(await door.post(BODY))[0] for _ in range(3)] == [202, 429, 429]


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        pytest.param(b"x\n" * 49_999, LINES, id="lines of one byte"),
        pytest.param(b"x\n" * 2_000_000, LINES, id="more lines than allowed"),
        pytest.param(b"[" + b"1," * 49_998 + b"1]", ONE, id="an array of numbers"),
        pytest.param(b"[" + b"1," * 2_000_000 + b"1]", ONE, id="an array of two million"),
        pytest.param(b"[" * 4_000_000, ONE, id="brackets"),
        pytest.param(b"[" + b"[]," * 1_000_000 + b"[]]", ONE, id="an array of empty arrays"),
        pytest.param((b'{"a":1,' + b'"a":1,' * 40_000 + b'"b":1}\n') * 16, LINES, id="objects of one key"),
        pytest.param((b'{"x":[' + b"1.2345678901234567890e-300," * 9_000 + b"0]}\n") * 16, LINES, id="long fractions"),
        pytest.param(b"\xff" * 4_000_000, LINES, id="no UTF-8"),
        pytest.param(b"\r" * 4_000_000, LINES, id="returns"),
    ],
)
@pytest.mark.parametrize("partial", ["", "?partial=true"])
async def test_others_are_answered_while_a_body_is_worked_on(
    broker: str, content: bytes, headers: dict[str, str], partial: str
) -> None:
    """Whatever the body, it is refused, and /healthz is answered meanwhile."""
    async with opened(broker, DIGEST) as door:
        sent = door.session.post(
            f"{door.url}/v1/events{partial}",
            data=BytesIO(content),
            headers=headers | {"Authorization": f"Bearer {TOKEN}"},
        )
        asked = asyncio.create_task(sent.__aenter__())
        alive = 0
        while not asked.done():
            assert await door.get("/healthz") == (200, "")
            alive += 1
        answer = await asked  # the loop is this one, so each /healthz was answered between two slices
        assert answer.status in ({400, 413} if not partial else {207, 400, 413})
        assert alive > 0
        answer.release()


async def test_the_work_on_a_body_pauses_after_each_slice() -> None:
    """Counted, not timed: as many turns of the loop as the bytes of the body need, whatever they are."""
    parts = [(1, b"x" * 100)] * 5000
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(others())
    read = await bodies.read(parts, EVERYBODY, every=True)
    other.cancel()
    assert len(read.bad) == 5000
    assert turns >= 5000 * 100 // bodies.SLICE


def test_no_body_of_good_events_has_too_many() -> None:
    """As many of the shortest events as a body may hold, as lines and as an array, are within the other bounds."""
    shortest = b'{"type":"customer.erased","id":"a","source":"b","time":"2024-05-06T07:08:09Z","customer_id":"c"}'
    assert not isinstance(decode(shortest), Rejection)
    count = bodies.MAX_BATCH // (len(shortest) + 1)
    assert len(bodies.items(LINES["Content-Type"], {}, (shortest + b"\n") * count)) == count
    basket = sale(items=[{"sku": "a", "quantity": 1}] * 100).replace(b" ", b"")
    count = bodies.MAX_BATCH // (len(basket) + 1)
    assert len(bodies.items(ONE["Content-Type"], {}, b"[" + b",".join([basket] * count) + b"]")) == count


async def test_a_body_of_bad_lines_is_read_until_enough_are_known(tight: Door) -> None:
    """The first hundred are named, and the answer says how many were not looked at."""
    status, told = await tight.post(b"x\n" * 10_000, LINES)
    assert status == 400
    assert (len(told["lines"]), told["rejected"], told["unread"]) == (100, 100, 9_900)
    assert len(json.dumps(told)) < 20_000

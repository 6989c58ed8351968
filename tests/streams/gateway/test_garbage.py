"""The gateway looks rarely for garbage, so requests must not leave any that holds their bodies."""

import gc
from collections.abc import Iterator
from types import FrameType

import pytest

from streams.gateway import garbage
from streams.gateway.garbage import Garbage, collect_rarely
from tests.support.door import DIGEST, LINES, ONE, TOKEN, batch, opened, purchase

SALES = batch(*[purchase(number) for number in range(20)])
REQUESTS: dict[str, tuple[bytes, dict[str, str], str, int]] = {
    "a batch": (SALES, LINES, TOKEN, 202),
    "an event": (batch(purchase()), ONE, TOKEN, 202),
    "bad lines": (batch(b"{}", b"[1,2", b"x", purchase(time="yesterday")), LINES, TOKEN, 400),
    "an array cut short": (b"[1,2", ONE, TOKEN, 400),
    "an event cut short": (b'{"type":', ONE, TOKEN, 400),
    "an unknown token": (SALES, LINES, "x", 401),
    "a key for another body": (SALES, LINES | {"Idempotency-Key": "k"}, TOKEN, 422),
    "another kind of body": (SALES, {"Content-Type": "text/plain"}, TOKEN, 415),
    "too large an event": (b"x" * 500_000, ONE, TOKEN, 413),
}


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Leave the collector as it was."""
    threshold, frozen = gc.get_threshold(), gc.get_freeze_count()
    yield
    gc.enable()
    gc.set_debug(0)
    gc.garbage.clear()
    gc.set_threshold(*threshold)
    if not frozen:
        gc.unfreeze()


async def test_no_request_leaves_its_body_to_the_collector(broker: str) -> None:
    """Whatever is answered, no frame of ours and no bytes are left in cycles."""
    async with opened(broker, DIGEST) as door:
        assert (await door.post(b"", LINES | {"Idempotency-Key": "k"}))[0] == 400
        assert (await door.post(batch(purchase()), ONE | {"Idempotency-Key": "k"}))[0] == 202
        gc.collect()
        gc.disable()
        for name, (body, headers, token, status) in REQUESTS.items():
            assert (await door.post(body, headers, token))[0] == status, name
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            left = [one.f_code.co_qualname for one in gc.garbage if isinstance(one, FrameType)]
            held = sum(len(one) for one in gc.garbage if isinstance(one, bytes | bytearray))
            gc.garbage.clear()
            gc.set_debug(0)
            assert (left, held) == ([], 0), name


def test_many_bytes_of_bodies_are_a_reason_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """The collector looks once bodies of so many bytes were read, however few objects they made."""
    looked: list[int] = []
    monkeypatch.setattr(gc, "collect", looked.append)
    counted = Garbage()
    for _ in range(15):
        counted.read(garbage.AFTER_BYTES // 10)
    assert looked == [1]


def test_a_gateway_looks_rarely() -> None:
    """What is loaded is not looked at again, and what is new seldom."""
    collect_rarely()
    assert gc.get_threshold()[0] == garbage.AFTER_OBJECTS
    assert gc.get_freeze_count() > 10_000

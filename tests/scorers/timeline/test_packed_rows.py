"""A stored row is packed; its brief stands before it, and damaged bytes are an error that the caller knows."""

import os

import pytest
from msgspec import DecodeError

from scorers.contract.events import DAY
from scorers.timeline.packing import encode
from scorers.timeline.row import MOST_BYTES, PACKED, brief_of, decode_row, encode_row, unpacked
from tests.support.driver import Driver, instant, purchase
from vigia.operations.privacy import Trace

START = instant("2024-05-01T00:00:00Z")


@pytest.fixture(scope="module")
def stored() -> bytes:
    driver = Driver().feed(*(purchase(START + n * 5 * DAY, "C1", 1000 + n) for n in range(30)))
    timeline = driver.timelines["C1"]
    timeline.row.brief = os.urandom(40)
    return timeline.encode()


def test_a_row_is_read_as_it_was_written(stored: bytes) -> None:
    row = decode_row(stored)
    assert encode_row(row) == stored
    assert row.brief == brief_of(stored) != b""
    assert len(stored) < 0.8 * len(encode(row))


def test_a_row_that_a_former_build_did_not_pack_is_read_too(stored: bytes) -> None:
    row = decode_row(stored)
    assert decode_row(encode(row)) == row
    assert brief_of(encode(row)) == row.brief


@pytest.mark.parametrize("size", [0, 1, 5, 6, 9, 30, 60])
def test_a_row_cut_short_is_no_row(stored: bytes, size: int) -> None:
    with pytest.raises(DecodeError):
        decode_row(stored[:size])


def test_damaged_bytes_are_no_row_and_ask_for_no_memory(stored: bytes) -> None:
    begin = len(PACKED) + 2 + 40
    huge = stored[:begin] + (MOST_BYTES + 1).to_bytes(4, "little") + stored[begin + 4 :]
    with pytest.raises(DecodeError, match="size"):
        decode_row(huge)
    with pytest.raises(DecodeError):
        unpacked(stored[: begin + 4] + b"\xff" * (len(stored) - begin - 4))


def test_an_id_is_found_in_a_packed_row() -> None:
    """Where the row of another customer names it, the bytes of the name may be a copy of other ones."""
    driver = Driver().feed(purchase(START, "customer-4710", items=[{"sku": "customer-4711", "quantity": 1}]))
    timeline = driver.timelines["customer-4710"]
    timeline.row.ids = ("customer-4711",)
    row = b"prefix" + timeline.encode()
    assert b"customer-4711" not in row
    assert Trace("customer-4711").is_in(row)
    assert not Trace("customer-4712").is_in(row)
    assert not Trace("customer-4711").is_in(row[:40])

"""Deliveries that are read by a map of JSON paths."""

from pathlib import Path

import pytest

from streams.hooks.delivery import Unusable
from tests.support.deliveries import BOOKING
from tests.support.taking_hooks import OPTIONS, drafts, events

BOOKINGS = OPTIONS["map"]
RECEIPT = """
type = "purchase.completed"
source = "till"
group = "$.receipt"
[fields]
id = "$.receipt"
time = "$.at"
amount = { column = "each", times = "count" }
currency = { value = "EUR" }
[items]
sku = "what.code"
quantity = "count"
"""


def test_each_row_is_an_event() -> None:
    """A path with $ is looked up in the whole body; currencies have their own decimals."""
    sale, refund = events("map", BOOKING, **BOOKINGS)
    assert (sale["id"], sale["customer_id"], sale["amount_minor"], sale["store_id"]) == ("7-done", "12", 12050, "H1")
    assert (refund["type"], refund["amount_minor"], refund["source"]) == ("purchase.refunded", 1200, "booking")
    assert sale["time"] == "2024-05-06T07:08:09Z"
    assert events("map", BOOKING, source="mine", **BOOKINGS)[0]["source"] == "mine"


def test_the_rows_of_a_group_are_one_event(tmp_path: Path) -> None:
    """The lines of a receipt are its items, and their amounts add up."""
    (tmp_path / "map.toml").write_text(RECEIPT)
    lines = [{"what": {"code": f"A{n}"}, "count": n, "each": "1.10"} for n in (1, 2)]
    body = {"receipt": "R1", "at": "2024-05-06T07:08:09Z", "lines": lines}
    (sale,) = events("map", body, map=str(tmp_path / "map.toml"), rows="$.lines[*]")
    assert (sale["amount_minor"], sale["items"]) == (330, [{"sku": "A1", "quantity": 1}, {"sku": "A2", "quantity": 2}])
    assert drafts("map", {"lines": []}, map=str(tmp_path / "map.toml"), rows="$.lines[*]") == (
        "there is nothing at the path of rows"
    )


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b'{"bookings": [1]}', b'{"bookings": [{"state": "lost"}]}'])
def test_a_body_that_the_map_does_not_fit_is_refused(body: bytes) -> None:
    """With a sentence."""
    with pytest.raises(Unusable):
        drafts("map", body, **BOOKINGS)


def test_an_endless_amount_is_refused() -> None:
    """A number of thousands of digits cannot be written."""
    price = {"total": "9" * 5000, "currency": "EUR"}
    with pytest.raises(Unusable):
        drafts("map", {"bookings": [BOOKING["bookings"][0] | {"price": price}]}, **BOOKINGS)  # type: ignore[index]


def test_the_rows_are_bounded() -> None:
    """A body has at most 10,000."""
    with pytest.raises(Unusable, match="more than 10000 rows"):
        drafts("map", {"bookings": [1] * 10_001}, **BOOKINGS)

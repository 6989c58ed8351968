"""Deliveries of Square."""

import copy

import pytest

from tests.support.deliveries import SQUARE, SQUARE_REFUND
from tests.support.taking_hooks import drafts, events


def test_a_completed_payment_is_a_sale() -> None:
    """Under the payment's id, at the time it was made, without the tip."""
    assert events("square", SQUARE) == [
        {
            "type": "purchase.completed",
            "id": "payment:PAY1",
            "time": "2024-05-06T07:08:09.123000Z",
            "customer_id": "CUST1",
            "amount_minor": 1250,
            "currency": "USD",
            "store_id": "L1",
            "staff_id": "T1",
            "source": "square",
        }
    ]


def test_later_versions_of_a_payment_give_the_same_event() -> None:
    """A payment is delivered again as fees and refunds are added to it."""
    later = copy.deepcopy(SQUARE)
    later["event_id"] = "another"
    later["data"]["object"]["payment"] |= {"version": 9, "updated_at": "2024-05-09T00:00:00Z", "refunded_money": {}}
    assert events("square", later) == events("square", SQUARE)


@pytest.mark.parametrize("currency", ["JPY", "KWD"])
def test_minor_units_are_those_of_the_currency(currency: str) -> None:
    """Square counts in the smallest unit, as we do."""
    body = copy.deepcopy(SQUARE)
    body["data"]["object"]["payment"]["amount_money"]["currency"] = currency
    assert events("square", body)[0]["amount_minor"] == 1250


def test_a_refund_takes_the_customer_of_its_payment() -> None:
    """It names the payment and no customer."""
    (found,) = drafts("square", SQUARE_REFUND)
    assert found.sale == found.fields["purchase_id"] == "payment:PAY1"
    assert (found.fields["id"], found.fields["amount_minor"]) == ("refund:REF1", 500)
    assert "customer_id" not in found.fields


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"status": "APPROVED"}, "the status is APPROVED"),
        ({"status": "FAILED"}, "the status is FAILED"),
        ({"amount_money": None}, "without an amount"),
    ],
)
def test_what_is_not_a_sale_is_not_taken(change: dict[str, object], why: str) -> None:
    """Only what is completed counts."""
    body = copy.deepcopy(SQUARE)
    body["data"]["object"]["payment"] |= change
    assert why in drafts("square", body)


def test_other_events_are_not_used() -> None:
    """Whatever else is subscribed to is answered and left."""
    assert drafts("square", {"type": "inventory.count.updated", "data": {"object": {}}}) == (
        "inventory.count.updated is not used"
    )

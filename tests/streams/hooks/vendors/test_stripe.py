"""Deliveries of Stripe."""

from typing import Any

import pytest

from tests.support.deliveries import CHARGE, DISPUTE, STRIPE, stripe
from tests.support.taking_hooks import drafts, events


def test_a_charge_is_a_sale() -> None:
    """Under the charge's id; the intent is not a second sale."""
    assert events("stripe", STRIPE) == [
        {
            "type": "purchase.completed",
            "id": "charge:ch_1",
            "time": "2024-05-06T07:08:09Z",
            "customer_id": "cus_1",
            "amount_minor": 2000,
            "currency": "EUR",
            "source": "stripe",
        }
    ]
    assert "is not used" in drafts("stripe", stripe("payment_intent.succeeded", {"id": "pi_1"}))
    assert events("stripe", stripe("charge.succeeded", CHARGE | {"customer": {"id": "cus_1"}})) == events(
        "stripe", STRIPE
    )


@pytest.mark.parametrize(
    ("currency", "amount", "minor"),
    [("jpy", 500, 500), ("kwd", 1250, 1250), ("isk", 500, 5), ("ugx", 500, 5), ("mga", 500, 50_000), ("usd", 5, 5)],
)
def test_minor_units_are_those_of_iso_4217(currency: str, amount: int, minor: int) -> None:
    """Stripe counts some currencies in other units than the standard does."""
    charge = CHARGE | {"currency": currency, "amount": amount, "amount_captured": amount}
    (sale,) = events("stripe", stripe("charge.succeeded", charge))
    assert (sale["amount_minor"], sale["currency"]) == (minor, currency.upper())


def test_what_is_captured_later_is_taken_then() -> None:
    """A charge that is only authorized is no sale; what was captured is its amount."""
    held = CHARGE | {"captured": False, "amount_captured": 0}
    assert "not captured" in drafts("stripe", stripe("charge.succeeded", held))
    (sale,) = events("stripe", stripe("charge.captured", CHARGE | {"amount_captured": 1500}))
    assert (sale["id"], sale["amount_minor"]) == ("charge:ch_1", 1500)


@pytest.mark.parametrize("kind", ["charge.succeeded", "charge.refunded", "charge.dispute.created"])
def test_tests_are_not_taken(kind: str) -> None:
    """`livemode` false stands for the sandbox."""
    what: dict[str, Any] = DISPUTE if "dispute" in kind else CHARGE
    assert "livemode" in drafts("stripe", stripe(kind, what, livemode=False))


def test_each_listed_refund_is_an_event() -> None:
    """A charge that is refunded twice lists both, so deliveries in any order give the same events."""
    first = {
        "id": "re_1",
        "amount": 500,
        "created": 1_715_000_000,
        "status": "succeeded",
        "reason": "requested_by_customer",
    }
    second = {"id": "re_2", "amount": 700, "created": 1_715_100_000, "status": "pending"}
    failed = {"id": "re_3", "amount": 1, "created": 1_715_100_000, "status": "failed"}
    charge = CHARGE | {"amount_refunded": 1200, "refunds": {"data": [second, first, failed]}}
    found = events("stripe", stripe("charge.refunded", charge))
    assert [(one["id"], one["amount_minor"]) for one in found] == [("refund:re_2", 700), ("refund:re_1", 500)]
    assert {(one["customer_id"], one["purchase_id"]) for one in found} == {("cus_1", "charge:ch_1")}


def test_without_a_list_what_was_added_is_the_refund() -> None:
    """Newer versions of Stripe's API name only the sum."""
    charge = CHARGE | {"amount_refunded": 1200}
    body = stripe("charge.refunded", charge, previous_attributes={"amount_refunded": 500})
    (found,) = events("stripe", body)
    assert (found["id"], found["amount_minor"]) == ("refund:ch_1:1200", 700)
    assert found["time"] == "2024-05-06T07:08:20Z"


def test_a_dispute_is_a_complaint_of_the_charges_customer() -> None:
    """It is closed by its end; it names the charge and no customer."""
    (opened,) = drafts("stripe", stripe("charge.dispute.created", DISPUTE))
    assert opened.sale == "charge:ch_1"
    assert opened.fields == {
        "type": "complaint.opened",
        "id": "dispute:dp_1",
        "time": "2024-05-06T12:53:20Z",
        "complaint_id": "dp_1",
        "severity": "major",
        "subject": "product",
        "reason": "product_not_received",
        "source": "stripe",
    }
    (closed,) = events("stripe", stripe("charge.dispute.closed", DISPUTE | {"status": "won"}))
    assert (closed["type"], closed["id"], closed["complaint_id"]) == (
        "complaint.resolved",
        "dispute:dp_1:closed",
        "dp_1",
    )

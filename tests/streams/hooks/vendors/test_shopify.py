"""Deliveries of Shopify."""

import pytest

from streams.hooks.delivery import Unusable
from tests.support.deliveries import SHOPIFY, SHOPIFY_REDACT, SHOPIFY_REFUND
from tests.support.taking_hooks import drafts, events


def test_a_paid_order_is_a_sale() -> None:
    """Money is exact, lines have what was paid for them, and a line without any product id is left out."""
    (sale,) = events("shopify", SHOPIFY, {"X-Shopify-Topic": "orders/create"})
    assert sale == {
        "type": "purchase.completed",
        "id": "order:450789469",
        "time": "2024-05-06T07:08:09Z",
        "customer_id": "207119551",
        "amount_minor": 40994,
        "currency": "USD",
        "discount_minor": 334,
        "store_id": "487838322",
        "staff_id": "799407056",
        "channel": "pos",
        "items": [
            {"sku": "IPOD-GREEN", "quantity": 2, "amount_minor": 39650},
            {"sku": "49148385", "quantity": 1, "amount_minor": 1194},
        ],
        "source": "shopify",
    }
    assert events("shopify", SHOPIFY, {"X-Shopify-Topic": "orders/paid"}) == [sale]
    assert events("shopify", SHOPIFY) == [sale]


@pytest.mark.parametrize(
    ("currency", "price", "minor"), [("JPY", "1250", 1250), ("KWD", "1.250", 1250), ("EUR", "1.2", 120)]
)
def test_currencies_have_their_own_decimals(currency: str, price: str, minor: int) -> None:
    """None, three or two."""
    order = SHOPIFY | {"currency": currency, "total_price": price, "line_items": []}
    assert events("shopify", order)[0]["amount_minor"] == minor


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"test": True}, "a test order"),
        ({"financial_status": "pending"}, "pending"),
        ({"financial_status": "voided"}, "voided"),
        ({"cancelled_at": "2024-05-06T08:00:00Z"}, "cancelled"),
    ],
)
def test_what_is_not_paid_is_not_taken(change: dict[str, object], why: str) -> None:
    """Test orders, and orders without money."""
    assert why in drafts("shopify", SHOPIFY | change)


def test_a_guest_is_anonymous() -> None:
    """Most sales at a till have no customer."""
    assert "customer_id" not in events("shopify", SHOPIFY | {"customer": None})[0]


def test_a_refund_takes_the_customer_of_its_order() -> None:
    """Only what was given back counts; the reason is one line."""
    (found,) = drafts("shopify", SHOPIFY_REFUND, {"X-Shopify-Topic": "refunds/create"})
    assert found.sale == "order:450789469"
    assert found.fields == {
        "type": "purchase.refunded",
        "id": "refund:509562969",
        "time": "2024-05-08T14:00:00Z",
        "amount_minor": 19900,
        "currency": "USD",
        "purchase_id": "order:450789469",
        "sku": "IPOD-GREEN",
        "reason": "it broke during shipping",
        "source": "shopify",
    }
    assert drafts("shopify", SHOPIFY_REFUND | {"transactions": []}) == "no money was given back"
    tests = [one | {"test": True} for one in SHOPIFY_REFUND["transactions"]]
    assert "test order" in drafts("shopify", SHOPIFY_REFUND | {"transactions": tests})


def test_a_customer_is_erased_where_the_hook_says_so() -> None:
    """Without `erase = true` the request is answered and left."""
    headers = {"X-Shopify-Topic": "customers/redact", "X-Shopify-Triggered-At": "2024-05-09T10:00:00Z"}
    assert "erase = true" in drafts("shopify", SHOPIFY_REDACT, headers)
    (erased,) = events("shopify", SHOPIFY_REDACT, headers, erase=True)
    assert erased == {
        "type": "customer.erased",
        "id": "customer:207119551:redact",
        "time": "2024-05-09T10:00:00Z",
        "customer_id": "207119551",
        "source": "shopify",
    }


@pytest.mark.parametrize("topic", ["orders/updated", "app/uninstalled", "customers/data_request", "shop/redact", "x\n"])
def test_other_topics_are_not_used(topic: str) -> None:
    """Whatever else is subscribed to is answered and left."""
    assert "is not used" in drafts("shopify", SHOPIFY, {"X-Shopify-Topic": topic})


@pytest.mark.parametrize("price", ["1e999999999", "NaN", "-Infinity", "9" * 400])
def test_an_endless_amount_is_refused(price: str) -> None:
    """Before it is computed with."""
    with pytest.raises(Unusable):
        drafts("shopify", SHOPIFY | {"total_price": price})

"""Deliveries of Toast, Lightspeed, Clover and WooCommerce."""

import copy
from decimal import Decimal
from typing import Any

import pytest

from streams.hooks.delivery import Unusable, Wanted
from tests.support.deliveries import CLOVER, CLOVER_PAYMENT, LIGHTSPEED, LIGHTSPEED_RETURN, TOAST, WOOCOMMERCE, form
from tests.support.taking_hooks import NOW, drafts, events, raw_of, unverified


def test_a_paid_check_of_toast_is_a_sale_and_its_refund_an_event() -> None:
    """Tips are not turnover, what is voided is no item, and an open check is no sale."""
    sale, refund = events("toast", TOAST)
    assert (sale["id"], sale["amount_minor"], sale["currency"], sale["customer_id"]) == ("check:CH1", 3250, "USD", "G1")
    assert sale["items"] == [{"sku": "I1", "quantity": 2, "amount_minor": 3250}]
    assert (refund["id"], refund["amount_minor"], refund["purchase_id"]) == ("refund:P1", 1000, "check:CH1")
    assert events("toast", TOAST, {"Toast-Restaurant-External-ID": "R9"}, currency="KWD")[0]["amount_minor"] == 32500


def test_what_of_toast_is_not_taken() -> None:
    """A voided order, an open one, and other messages."""
    voided: dict[str, Any] = copy.deepcopy(TOAST)
    voided["details"]["order"]["voided"] = True
    assert drafts("toast", voided) == "the order is voided"
    voided["details"]["order"] |= {"voided": False, "checks": []}
    assert drafts("toast", voided) == "no check of the order is paid"
    assert drafts("toast", {"eventType": "low_quantity"}) == "low_quantity is not used"


def test_a_closed_sale_of_lightspeed_is_a_sale() -> None:
    """Tax belongs to what was paid; times are in UTC; the currency is the hook's."""
    (sale,) = events("lightspeed", form(LIGHTSPEED), currency="NZD")
    assert (sale["id"], sale["amount_minor"], sale["currency"]) == ("sale:a604d16b", 1380, "NZD")
    assert (sale["time"], sale["store_id"], sale["customer_id"]) == ("2024-05-06T07:08:09Z", "OUT1", "b1cabb53")
    assert sale["items"] == [{"sku": "PR1", "quantity": 2, "amount_minor": 1380}]
    open_sale = drafts("lightspeed", form(LIGHTSPEED | {"status": "SAVED"}))
    assert open_sale == "the sale is SAVED: only what is closed is taken"
    assert drafts("lightspeed", form({}, type="product.update")) == "product.update is not used"


def test_a_return_of_lightspeed_takes_the_customer_of_its_sale() -> None:
    """It is a sale below zero."""
    (found,) = drafts("lightspeed", form(LIGHTSPEED_RETURN))
    assert (found.sale, found.fields["type"]) == ("sale:a604d16b", "purchase.refunded")  # type: ignore[union-attr]
    assert (found.fields["id"], found.fields["amount_minor"]) == ("return:a604d16c", 690)  # type: ignore[union-attr]


@pytest.mark.parametrize("body", [b"", b"{}", b"payload=", b"payload=%7B", b"\xff", b"&" * 1000, b"a=1&" * 1000])
def test_a_broken_form_is_refused(body: bytes) -> None:
    """With a sentence."""
    with pytest.raises(Unusable):
        drafts("lightspeed", body)


def test_a_delivery_of_clover_only_names_payments() -> None:
    """Other objects, what was deleted, and names that would lead elsewhere are left out."""
    hook = unverified("clover")
    assert hook.wants({}, raw_of(CLOVER), NOW) == [Wanted("M1", "PAY1")]
    others = ("O:ORDER1", "P:../../x", "P:PAY1?x=1", "P:")
    named = {"M1": [{"objectId": name, "type": "CREATE"} for name in others], "../M": [{"objectId": "P:PAY1"}]}
    assert hook.wants({}, raw_of({"merchants": named}), NOW) == "no payment is named"
    assert hook.wants({}, raw_of({"merchants": {"M1": [{"objectId": "P:PAY1", "type": "DELETE"}]}}), NOW) == (
        "no payment is named"
    )
    assert hook.adapter.request is not None
    assert hook.adapter.request(hook.settings, Wanted("M1", "PAY1")).startswith(
        "https://api.clover.com/v3/merchants/M1/payments/PAY1?expand="
    )


def test_a_fetched_payment_of_clover_is_a_sale() -> None:
    """With the customer of its order; tips are not turnover."""
    sale, refund = events("clover", CLOVER_PAYMENT)
    assert (sale["id"], sale["amount_minor"], sale["customer_id"]) == ("payment:PAY1", 1250, "CU1")
    assert (refund["id"], refund["amount_minor"], refund["time"]) == ("refund:RF1", 250, "2024-05-06T12:53:20Z")
    assert drafts("clover", CLOVER_PAYMENT | {"order": {"testMode": True}}) == "a test order is not taken"
    assert drafts("clover", CLOVER_PAYMENT | {"result": "FAIL"}) == "the payment is not a success"
    assert "customer_id" not in events("clover", CLOVER_PAYMENT | {"order": {"id": "O1"}})[0]


def test_a_paid_order_of_woocommerce_is_a_sale_and_its_refund_an_event() -> None:
    """Pesos have no decimals; each delivery gives the same ids."""
    sale, refund = events("woocommerce", WOOCOMMERCE)
    assert (sale["id"], sale["amount_minor"], sale["time"]) == ("order:4750", 18000, "2024-05-06T07:08:09Z")
    assert (refund["id"], refund["amount_minor"], refund["customer_id"]) == ("refund:4761", 6000, "6")
    assert "customer_id" not in events("woocommerce", WOOCOMMERCE | {"customer_id": 0, "refunds": []})[0]
    (euros,) = events("woocommerce", WOOCOMMERCE | {"currency": "EUR", "total": "180.05", "refunds": []})
    assert euros["amount_minor"] == int(Decimal("180.05") * 100)


@pytest.mark.parametrize("status", ["pending", "on-hold", "cancelled", "failed", "checkout-draft"])
def test_an_unpaid_order_of_woocommerce_is_not_taken(status: str) -> None:
    """It comes again when it is paid."""
    assert f"the order is {status}" in drafts("woocommerce", WOOCOMMERCE | {"status": status})


def test_amounts_that_overflow_are_refused() -> None:
    """Each could be read; what they come to could not."""
    line = {"sku": "W-1", "total": "9e999999", "total_tax": "9e999999"}
    with pytest.raises(Unusable, match="too large"):
        drafts("woocommerce", WOOCOMMERCE | {"line_items": [line]})


def test_the_pings_of_vendors_are_known() -> None:
    """What they send, unsigned, to try an address; nothing else passes as one."""
    assert unverified("woocommerce").adapter.is_ping({}, b"webhook_id=17")
    assert unverified("clover").adapter.is_ping({}, b'{"verificationCode":"ce7643c1-83ea-4218"}')
    for body in (b"webhook_id=17&x=1", b"{}", b"", b'{"verificationCode": "\\n"}', raw_of(CLOVER)):
        assert not unverified("woocommerce").adapter.is_ping({}, body)
        assert not unverified("clover").adapter.is_ping({}, body)

"""Shopify, its tills included: paid orders, refunds, and requests to erase a customer.

https://shopify.dev/docs/apps/build/webhooks/subscribe/https. A refund names its order and no customer, so it takes the customer of
the order. Test orders are not taken, and neither are orders that nobody has paid or promised to pay.
"""

from decimal import Decimal
from typing import Any

from msgspec import Struct

from scorers.contract.rfc3339 import rfc3339
from streams.hooks.delivery import (
    Adapter,
    Delivery,
    Drafts,
    Id,
    Unusable,
    draft,
    instant,
    money,
    parsed,
    text,
    text_id,
)
from streams.hooks.signing import Scheme

SIGNATURE = Scheme("X-Shopify-Hmac-Sha256")
UNPAID = ("pending", "voided", "expired")


class _Has(Struct):
    id: Id


class _Line(Struct):
    quantity: float = 1
    sku: str | None = None
    variant_id: Id | None = None
    product_id: Id | None = None
    price: Decimal | None = None
    total_discount: Decimal | None = None


class _Order(Struct):
    id: Id
    total_price: Decimal
    currency: str
    created_at: str
    processed_at: str | None = None
    financial_status: str | None = None
    cancelled_at: str | None = None
    test: bool | None = None
    customer: _Has | None = None
    total_discounts: Decimal | None = None
    location_id: Id | None = None
    user_id: Id | None = None
    source_name: str | None = None
    line_items: list[_Line] = []


class _Transaction(Struct):
    amount: Decimal
    currency: str
    kind: str = "refund"
    status: str = "success"
    test: bool | None = None


class _Returned(Struct):
    line_item: _Line | None = None


class _Refund(Struct):
    id: Id
    order_id: Id
    created_at: str
    processed_at: str | None = None
    note: str | None = None
    transactions: list[_Transaction] = []
    refund_line_items: list[_Returned] = []


class _Redact(Struct):
    customer: _Has


class _Shape(Struct):
    order_id: Id | None = None
    line_items: list[Any] | None = None
    shop_domain: str | None = None
    customer: Any = None
    data_request: Any = None


def read(delivery: Delivery) -> Drafts:
    """The events of a delivery, by its topic, or by its shape where no header names one."""
    topic = delivery.headers.get("X-Shopify-Topic", "").lower() or _guessed(delivery.body)
    reader = _READS.get(topic)
    return reader(delivery) if reader else f"{text(topic, 60) or 'a body of no known shape'} is not used"


def _guessed(body: bytes) -> str:
    shape = parsed(body, _Shape)
    if shape.order_id is not None:
        return "refunds/create"
    if shape.line_items is not None:
        return "orders/create"
    return "customers/redact" if shape.shop_domain and shape.customer and shape.data_request is None else ""


def _sale(delivery: Delivery) -> Drafts:
    order = parsed(delivery.body, _Order)
    if order.test:
        return "a test order is not taken"
    if order.cancelled_at or order.financial_status in UNPAID:
        return (
            f"the order is {'cancelled' if order.cancelled_at else order.financial_status}: only what is paid is taken"
        )
    return [
        draft(
            "purchase.completed",
            f"order:{order.id}",
            instant(order.processed_at or order.created_at),
            customer_id=text_id(order.customer.id) if order.customer else None,
            amount_minor=money(order.total_price, order.currency),
            currency=order.currency,
            discount_minor=money(order.total_discounts, order.currency) or None,
            store_id=text_id(order.location_id),
            staff_id=text_id(order.user_id),
            channel=text(order.source_name),
            items=[item for line in order.line_items if (item := _item(line, order.currency))],
        )
    ]


def _item(line: _Line, currency: str) -> dict[str, Any] | None:
    sku = _sku(line)
    if sku is None:
        return None
    paid = None if line.price is None else line.price * Decimal(line.quantity) - (line.total_discount or 0)
    price = {} if paid is None else {"amount_minor": money(paid, currency)}
    return {"sku": sku, "quantity": line.quantity, **price}


def _sku(line: _Line) -> str | None:
    return text(line.sku) or text_id(line.variant_id) or text_id(line.product_id)


def _given_back(delivery: Delivery) -> Drafts:
    refund = parsed(delivery.body, _Refund)
    paid = [one for one in refund.transactions if one.kind == "refund" and one.status == "success"]
    if any(one.test for one in paid):
        return "a refund of a test order is not taken"
    if not paid:
        return "no money was given back"
    if len({one.currency for one in paid}) > 1:
        raise Unusable("a refund has more than one currency")
    skus = {sku for one in refund.refund_line_items if one.line_item and (sku := _sku(one.line_item))}
    order = f"order:{refund.order_id}"
    return [
        draft(
            "purchase.refunded",
            f"refund:{refund.id}",
            instant(refund.processed_at or refund.created_at),
            order,
            amount_minor=money(sum((one.amount for one in paid), Decimal()), paid[0].currency),
            currency=paid[0].currency,
            purchase_id=order,
            sku=skus.pop() if len(skus) == 1 else None,
            reason=text(refund.note),
        )
    ]


def _erased(delivery: Delivery) -> Drafts:
    customer = text_id(parsed(delivery.body, _Redact).customer.id)
    if not delivery.settings.erase:
        return "the hook does not say erase = true"
    at = delivery.headers.get("X-Shopify-Triggered-At", "")
    time = instant(at) if at else rfc3339(delivery.now)
    return [draft("customer.erased", f"customer:{customer}:redact", time, customer_id=customer)]


_READS = {
    "orders/create": _sale,
    "orders/paid": _sale,
    "refunds/create": _given_back,
    "customers/redact": _erased,
}
ADAPTER = Adapter(read, ("purchase.completed", "purchase.refunded"), SIGNATURE, ("erase",))

"""WooCommerce: orders that are paid, and their refunds.

https://woocommerce.github.io/woocommerce-rest-api-docs/#webhooks. Each delivery has the whole order, its refunds with it, so the customer is
known. A refund in an order has no time of its own: it gets that of the order's change.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct

from streams.hooks.delivery import Adapter, Delivery, Draft, Drafts, Id, draft, instant, money, parsed, text, text_id
from streams.hooks.signing import Scheme

SIGNATURE = Scheme("X-WC-Webhook-Signature")
PAID = ("processing", "completed", "refunded")


class _Line(Struct):
    quantity: float = 1
    sku: str | None = None
    product_id: Id | None = None
    total: Decimal | None = None
    total_tax: Decimal | None = None


class _Refund(Struct):
    id: Id
    total: Decimal
    reason: str | None = None


class _Order(Struct):
    id: Id
    status: str
    currency: str
    total: Decimal
    date_created_gmt: str
    date_paid_gmt: str | None = None
    date_modified_gmt: str | None = None
    customer_id: Id | None = None
    discount_total: Decimal | None = None
    created_via: str | None = None
    line_items: list[_Line] = []
    refunds: list[_Refund] = []


class _Status(Struct):
    status: str | None = None


def is_ping(headers: Mapping[str, str], body: bytes) -> bool:
    """What WooCommerce posts, unsigned, when a webhook is saved: it stays off unless the answer is 200."""
    return re.fullmatch(rb"webhook_id=[0-9]{1,20}", body) is not None


def read(delivery: Delivery) -> Drafts:
    """The sale of an order, and what was given back of it."""
    topic = delivery.headers.get("X-WC-Webhook-Topic", "order.updated")
    if topic not in ("order.created", "order.updated"):
        return f"{text(topic, 60)} is not used"
    status = parsed(delivery.body, _Status).status
    if status not in PAID:
        return f"the order is {text(status, 40)}: only what is paid is taken"
    order = parsed(delivery.body, _Order)
    return [_sale(order), *[_given_back(order, one) for one in order.refunds]]


def _sale(order: _Order) -> Draft:
    return draft(
        "purchase.completed",
        f"order:{order.id}",
        instant(order.date_paid_gmt or order.date_created_gmt),
        customer_id=_customer(order),
        amount_minor=money(order.total, order.currency),
        currency=order.currency,
        discount_minor=money(order.discount_total, order.currency) or None,
        channel=text(order.created_via),
        items=[item for line in order.line_items if (item := _item(line, order.currency))],
    )


def _item(line: _Line, currency: str) -> dict[str, Any] | None:
    sku = text(line.sku) or text_id(line.product_id)
    if sku is None:
        return None
    paid = None if line.total is None else line.total + (line.total_tax or 0)
    return {"sku": sku, "quantity": line.quantity, **({} if paid is None else {"amount_minor": money(paid, currency)})}


def _given_back(order: _Order, refund: _Refund) -> Draft:
    return draft(
        "purchase.refunded",
        f"refund:{refund.id}",
        instant(order.date_modified_gmt or order.date_created_gmt),
        customer_id=_customer(order),
        amount_minor=money(abs(refund.total), order.currency),
        currency=order.currency,
        purchase_id=f"order:{order.id}",
        reason=text(refund.reason),
    )


def _customer(order: _Order) -> str | None:
    """The customer; 0 stands for a guest."""
    return None if order.customer_id in (0, "0") else text_id(order.customer_id)


ADAPTER = Adapter(read, ("purchase.completed", "purchase.refunded"), SIGNATURE, is_ping=is_ping)

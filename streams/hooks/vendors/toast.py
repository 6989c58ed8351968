"""Toast: checks that are paid, and refunds of their payments.

https://doc.toasttab.com/doc/devguide/devOrdersWebhookRef.html and .../apiMessageSigning.html. Each delivery has the whole order. The signature
covers the body and the `timestamp` in it, which is when the order changed and not when it was delivered, so it does not tell a replay;
one gives the same events. Amounts are in the currency of the hook's `currency`, USD if left out; tips are not turnover.
"""

from decimal import Decimal
from typing import Any

from msgspec import Struct

from streams.hooks.delivery import (
    Adapter,
    Delivery,
    Draft,
    Drafts,
    Unusable,
    draft,
    instant,
    money,
    parsed,
    text,
    text_id,
)
from streams.hooks.signing import Scheme, Signed

PAID = ("PAID", "CLOSED")
CURRENCY = "USD"


class _Stamp(Struct):
    timestamp: str = ""


def _message(signed: Signed) -> bytes:
    try:
        stamp = parsed(signed.body, _Stamp).timestamp
    except Unusable:
        stamp = ""
    return signed.body + stamp.encode(errors="replace")


SIGNATURE = Scheme("Toast-Signature", _message)


class _Has(Struct):
    guid: str | None = None


class _Selection(Struct):
    item: _Has | None = None
    quantity: float = 1
    price: Decimal | None = None
    tax: Decimal | None = None
    voided: bool | None = None


class _GivenBack(Struct, rename="camel"):
    refund_amount: Decimal | None = None
    refund_date: str | None = None


class _Payment(Struct, rename="camel"):
    guid: str
    refund_status: str | None = None
    refund: _GivenBack | None = None


class _Check(Struct, rename="camel"):
    guid: str
    total_amount: Decimal | None = None
    payment_status: str | None = None
    paid_date: str | None = None
    customer: _Has | None = None
    voided: bool | None = None
    deleted: bool | None = None
    selections: list[_Selection] | None = None
    payments: list[_Payment] | None = None


class _Order(Struct, rename="camel"):
    checks: list[_Check] | None = None
    paid_date: str | None = None
    opened_date: str | None = None
    voided: bool | None = None
    deleted: bool | None = None
    server: _Has | None = None
    source: str | None = None


class _Details(Struct, rename="camel"):
    restaurant_guid: str | None = None
    order: _Order | None = None


class _Kind(Struct, rename="camel"):
    event_type: str = ""


class _Body(Struct):
    details: _Details


def read(delivery: Delivery) -> Drafts:
    """The sale of each paid check of an order, and what was given back of it."""
    kind = parsed(delivery.body, _Kind).event_type
    if kind not in ("order_updated", "channel_order_updated"):
        return f"{text(kind, 60) or 'a message without eventType'} is not used"
    details = parsed(delivery.body, _Body).details
    order = details.order
    if order is None or order.voided or order.deleted:
        return "the order is voided" if order else "a message without an order"
    found = [one for check in order.checks or [] for one in _check(check, order, details, delivery)]
    return found or "no check of the order is paid"


def _check(check: _Check, order: _Order, details: _Details, delivery: Delivery) -> list[Draft]:
    if check.payment_status not in PAID or check.voided or check.deleted or check.total_amount is None:
        return []
    currency = delivery.settings.currency or CURRENCY
    at = check.paid_date or order.paid_date or order.opened_date
    if at is None:
        raise Unusable("a paid check has no paidDate")
    customer = check.customer.guid if check.customer else None
    sale = draft(
        "purchase.completed",
        f"check:{check.guid}",
        instant(at),
        customer_id=text_id(customer),
        amount_minor=money(check.total_amount, currency),
        currency=currency,
        store_id=text_id(delivery.headers.get("Toast-Restaurant-External-ID") or details.restaurant_guid),
        staff_id=order.server.guid if order.server else None,
        channel=text(order.source),
        items=[item for one in check.selections or [] if (item := _item(one, currency))],
    )
    refunds = [_refund(one, one.refund, check, customer, currency, at) for one in check.payments or [] if one.refund]
    return [sale, *refunds]


def _item(one: _Selection, currency: str) -> dict[str, Any] | None:
    if one.voided or one.item is None or not one.item.guid:
        return None
    paid = {} if one.price is None else {"amount_minor": money(one.price + (one.tax or 0), currency)}
    return {"sku": one.item.guid, "quantity": one.quantity, **paid}


def _refund(
    payment: _Payment, refund: _GivenBack, check: _Check, customer: str | None, currency: str, paid: str
) -> Draft:
    return draft(
        "purchase.refunded",
        f"refund:{payment.guid}",
        instant(refund.refund_date or paid),
        customer_id=text_id(customer),
        amount_minor=money(refund.refund_amount or Decimal(), currency),
        currency=currency,
        purchase_id=f"check:{check.guid}",
    )


ADAPTER = Adapter(read, ("purchase.completed", "purchase.refunded"), SIGNATURE, ("currency",))

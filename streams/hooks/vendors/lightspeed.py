"""Lightspeed Retail X-Series (formerly Vend): sales that are closed, and returns.

https://x-series-api.lightspeedhq.com/docs/webhooks. The body is a form with JSON in `payload`; times are in UTC. Amounts are in the currency of
the hook's `currency`, USD if left out, as a payload names none. A sale below zero is a return; it names the sale that it is for.
"""

from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

from msgspec import Struct

from streams.hooks.delivery import Adapter, Delivery, Drafts, Unusable, draft, instant, money, parsed, text, text_id
from streams.hooks.signing import Scheme

SIGNATURE = Scheme("X-Signature", encoding="hex", found=r"(?:signature=|\A\s*)([0-9a-fA-F]{64})")
CLOSED = ("CLOSED", "LAYBY_CLOSED", "ONACCOUNT_CLOSED", "ON_ACCOUNT_CLOSED", "DISPATCHED_CLOSED", "PICKED_UP_CLOSED")
CURRENCY = "USD"


class _Line(Struct):
    product_id: str | None = None
    quantity: float = 1
    price: Decimal | None = None
    tax: Decimal | None = None


class _Totals(Struct):
    total_price: Decimal | None = None
    total_tax: Decimal | None = None


class _Sale(Struct):
    id: str
    status: str
    sale_date: str
    customer_id: str | None = None
    user_id: str | None = None
    register_id: str | None = None
    outlet_id: str | None = None
    return_for: str | None = None
    total_price: Decimal | None = None
    total_tax: Decimal | None = None
    totals: _Totals | None = None
    register_sale_products: list[_Line] | None = None


def read(delivery: Delivery) -> Drafts:
    """The sale or the return of a delivery."""
    form = _form(delivery.body)
    kind = form.get("type", "sale.update")
    if kind != "sale.update":
        return f"{text(kind, 60)} is not used"
    sale = parsed(form.get("payload", "").encode(errors="replace"), _Sale)
    if sale.status.upper() not in CLOSED:
        return f"the sale is {text(sale.status, 40)}: only what is closed is taken"
    totals = sale.totals or _Totals()
    price = sale.total_price if sale.total_price is not None else totals.total_price
    if price is None:
        raise Unusable("the sale has no total_price")
    tax = sale.total_tax if sale.total_tax is not None else totals.total_tax or Decimal()
    return _return(sale, -(price + tax), delivery) if price < 0 else _sold(sale, price + tax, delivery)


def _sold(sale: _Sale, paid: Decimal, delivery: Delivery) -> Drafts:
    currency = delivery.settings.currency or CURRENCY
    return [
        draft(
            "purchase.completed",
            f"sale:{sale.id}",
            instant(sale.sale_date),
            customer_id=text_id(sale.customer_id),
            amount_minor=money(paid, currency),
            currency=currency,
            store_id=text_id(sale.outlet_id or sale.register_id),
            staff_id=text(sale.user_id),
            items=[item for one in sale.register_sale_products or [] if (item := _item(one, currency))],
        )
    ]


def _item(line: _Line, currency: str) -> dict[str, Any] | None:
    if not line.product_id:
        return None
    each = None if line.price is None else (line.price + (line.tax or 0)) * Decimal(str(line.quantity))
    return {"sku": line.product_id, "quantity": line.quantity} | (
        {} if each is None else {"amount_minor": money(each, currency)}
    )


def _return(sale: _Sale, back: Decimal, delivery: Delivery) -> Drafts:
    currency = delivery.settings.currency or CURRENCY
    of = f"sale:{sale.return_for}" if sale.return_for else ""
    return [
        draft(
            "purchase.refunded",
            f"return:{sale.id}",
            instant(sale.sale_date),
            of,
            customer_id=text_id(sale.customer_id),
            amount_minor=money(back, currency),
            currency=currency,
            purchase_id=of,
        )
    ]


def _form(body: bytes) -> dict[str, str]:
    try:
        found = parse_qs(body.decode(), max_num_fields=20)
    except ValueError:
        raise Unusable("the body is no form") from None
    if "payload" not in found:
        raise Unusable("the form has no field payload")
    return {name: values[0] for name, values in found.items()}


ADAPTER = Adapter(read, ("purchase.completed", "purchase.refunded"), SIGNATURE, ("currency",))

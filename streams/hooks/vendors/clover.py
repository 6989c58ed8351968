"""Clover: payments and their refunds.

https://docs.clover.com/dev/docs/webhooks. Clover signs nothing: it sends a code in a header, and deliveries only name objects, which are
fetched from its API after the answer. Amounts are in the currency of the hook's `currency`, USD if left out; tips are not turnover.
"""

import re
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from scorers.contract.events import SECOND
from streams.hooks.delivery import Adapter, Delivery, Draft, Drafts, Wanted, draft, instant, parsed, text_id
from streams.hooks.settings import HookSettings, Table

API = "https://api.clover.com"
CURRENCY = "USD"
MILLISECOND = SECOND // 1000
_ID = re.compile(r"[A-Za-z0-9]{1,32}")  # it becomes a part of an address


class _Change(Struct):
    object_id: str = msgspec.field(name="objectId")
    type: str = ""


class _Notice(Struct):
    merchants: dict[str, list[_Change]]


class _Code(Struct):
    verification_code: str = msgspec.field(name="verificationCode")


class _Has(Struct):
    id: str | None = None


class _Many(Struct):
    elements: list[_Has] = []


class _Order(Struct, rename="camel"):
    customers: _Many | None = None
    test_mode: bool | None = None


class _Refund(Struct, rename="camel"):
    id: str
    amount: int
    created_time: int


class _Refunds(Struct):
    elements: list[_Refund] = []


class _Payment(Struct, rename="camel"):
    id: str
    amount: int
    created_time: int
    result: str = "SUCCESS"
    order: _Order | None = None
    employee: _Has | None = None
    merchant: _Has | None = None
    refunds: _Refunds | None = None


def is_ping(headers: Mapping[str, str], body: bytes) -> bool:
    """The code with which Clover tries the address; `code_of` reads it."""
    return code_of(body) != ""


def code_of(body: bytes) -> str:
    """The verification code in a body, which is entered at Clover; empty if there is none.

    >>> code_of(b'{"verificationCode": "ce7643c1-83ea"}'), code_of(b'{"merchants": {}}')
    ('ce7643c1-83ea', '')
    """
    try:
        code = msgspec.json.decode(body[:1000], type=_Code).verification_code
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ""
    return code if re.fullmatch(r"[0-9A-Za-z-]{1,100}", code) else ""


def wants(delivery: Delivery) -> list[Wanted] | str:
    """The payments that a delivery names."""
    found = [
        Wanted(merchant, change.object_id.removeprefix("P:"))
        for merchant, changes in parsed(delivery.body, _Notice).merchants.items()
        for change in changes
        if change.object_id.startswith("P:") and change.type.upper() != "DELETE"
    ]
    usable = [one for one in found if _ID.fullmatch(one.merchant) and _ID.fullmatch(one.id)]
    return usable or "no payment is named"


def request(settings: HookSettings, one: Wanted) -> str:
    """Where a payment is fetched, with its order's customer and its refunds."""
    address = (settings.address or API).rstrip("/")
    return f"{address}/v3/merchants/{one.merchant}/payments/{one.id}?expand=order,order.customers,refunds"


def read(delivery: Delivery) -> Drafts:
    """The sale that a fetched payment is, and what was given back of it."""
    payment = parsed(delivery.body, _Payment)
    if payment.result != "SUCCESS":
        return "the payment is not a success"
    order = payment.order or _Order()
    if order.test_mode:
        return "a test order is not taken"
    customer = text_id(order.customers.elements[0].id) if order.customers and order.customers.elements else None
    currency = delivery.settings.currency or CURRENCY
    sale = draft(
        "purchase.completed",
        f"payment:{payment.id}",
        instant(payment.created_time, MILLISECOND),
        customer_id=customer,
        amount_minor=payment.amount,
        currency=currency,
        store_id=payment.merchant.id if payment.merchant else None,
        staff_id=payment.employee.id if payment.employee else None,
    )
    refunds = payment.refunds.elements if payment.refunds else []
    return [sale, *[_given_back(one, payment, customer, currency) for one in refunds]]


def _given_back(refund: _Refund, payment: _Payment, customer: str | None, currency: str) -> Draft:
    return draft(
        "purchase.refunded",
        f"refund:{refund.id}",
        instant(refund.created_time, MILLISECOND),
        customer_id=customer,
        amount_minor=refund.amount,
        currency=currency,
        purchase_id=f"payment:{payment.id}",
    )


def check(table: Table) -> None:
    """The token is named, and sent to no address without encryption."""
    address = table.settings.address
    if not table.settings.token_env:
        raise table.wrong("token_env", "is missing; name the environment variable with the token of Clover's API")
    if address and not re.match(r"https://|http://(127\.0\.0\.1|localhost|\[::1\])[:/]", address + "/"):
        raise table.wrong("address", f"is {address!r}; write an address that begins with https://")


ADAPTER = Adapter(
    read,
    ("purchase.completed", "purchase.refunded"),
    None,
    ("currency", "token_env", "address"),
    header="X-Clover-Auth",
    is_ping=is_ping,
    check=check,
    wants=wants,
    request=request,
)

"""Stripe: charges, refunds and disputes. The charge is the sale, not the payment intent.

https://docs.stripe.com/webhooks#verify-manually. Amounts are in minor units as Stripe counts them
(https://docs.stripe.com/currencies), which differ from ISO 4217 for a few currencies. What is not `livemode` is not taken.
"""

import re
from typing import Any

from msgspec import Raw, Struct

from scorers.contract.currencies import minor_digits
from streams.hooks.delivery import Adapter, Delivery, Draft, Drafts, Unusable, draft, instant, minor_of, parsed
from streams.hooks.signing import Scheme, Signed

OTHER_DIGITS = {"ISK": 2, "UGX": 2, "MGA": 0}
"""Decimals of Stripe's minor units where ISO 4217 has others."""
OF_THE_PRODUCT = ("product_not_received", "product_unacceptable")


def _time(signed: Signed) -> str:
    found = re.search(r"(?:^|,)\s*t=(\d+)", signed.headers.get("Stripe-Signature", ""), re.ASCII)
    return found[1] if found else ""


SIGNATURE = Scheme(
    "Stripe-Signature",
    lambda signed: f"{_time(signed)}.".encode() + signed.body,
    encoding="hex",
    found=r"(?:^|,)\s*v1=([0-9a-fA-F]+)",
    time=_time,
)


class _Has(Struct):
    id: str


class _Refund(Struct):
    id: str
    amount: int
    created: int
    status: str | None = None
    reason: str | None = None


class _Refunds(Struct):
    data: list[_Refund] = []


class _Charge(Struct):
    id: str
    amount: int
    currency: str
    created: int
    captured: bool = True
    status: str = "succeeded"
    amount_captured: int | None = None
    amount_refunded: int = 0
    customer: str | _Has | None = None
    refunds: _Refunds | None = None


class _Dispute(Struct):
    id: str
    created: int
    charge: str | _Has | None = None
    reason: str | None = None


class _Before(Struct):
    amount_refunded: int | None = None


class _Data(Struct):
    object: Raw
    previous_attributes: _Before | None = None


class _Event(Struct):
    type: str
    data: _Data
    created: int
    livemode: bool


class _Kind(Struct):
    type: str


def read(delivery: Delivery) -> Drafts:
    """The events of a delivery."""
    kind = parsed(delivery.body, _Kind).type
    if kind not in _READS:
        return f"{kind} is not used"
    event = parsed(delivery.body, _Event)
    return "livemode is false: tests are not taken" if not event.livemode else _READS[kind](event)


def _sale(event: _Event) -> Drafts:
    charge = parsed(bytes(event.data.object), _Charge)
    if charge.status != "succeeded" or not charge.captured:
        return "the charge is not captured yet"
    amount = charge.amount if charge.amount_captured is None else charge.amount_captured
    fields = {"customer_id": _id(charge.customer), **_money(charge, amount)}
    return [draft("purchase.completed", f"charge:{charge.id}", instant(charge.created), **fields)]


def _given_back(event: _Event) -> Drafts:
    """The refunds of a charge: those that are listed, else what was given back since the delivery before."""
    charge = parsed(bytes(event.data.object), _Charge)
    listed = [one for one in charge.refunds.data if one.status not in ("failed", "canceled")] if charge.refunds else []
    if not listed:
        before = event.data.previous_attributes
        amount = charge.amount_refunded - ((before.amount_refunded if before else None) or 0)
        listed = [_Refund(f"{charge.id}:{charge.amount_refunded}", amount, event.created)]
    return [_refund(charge, one) for one in listed]


def _refund(charge: _Charge, one: _Refund) -> Draft:
    return draft(
        "purchase.refunded",
        f"refund:{one.id}",
        instant(one.created),
        customer_id=_id(charge.customer),
        purchase_id=f"charge:{charge.id}",
        reason=one.reason,
        **_money(charge, one.amount),
    )


def _dispute(event: _Event) -> Drafts:
    one = parsed(bytes(event.data.object), _Dispute)
    about = "product" if one.reason in OF_THE_PRODUCT else "service"
    return [_complaint("complaint.opened", one, "", one.created, severity="major", subject=about, reason=one.reason)]


def _dispute_closed(event: _Event) -> Drafts:
    one = parsed(bytes(event.data.object), _Dispute)
    return [_complaint("complaint.resolved", one, ":closed", event.created)]


def _complaint(kind: str, one: _Dispute, step: str, at: int, **fields: Any) -> Draft:
    charge = _id(one.charge)
    sale = f"charge:{charge}" if charge else ""
    return draft(kind, f"dispute:{one.id}{step}", instant(at), sale, complaint_id=one.id, **fields)


def _id(one: str | _Has | None) -> str | None:
    return one.id if isinstance(one, _Has) else one


def _money(charge: _Charge, amount: int) -> dict[str, Any]:
    currency = charge.currency.upper()
    if amount < 0:
        raise Unusable("an amount is negative")
    digits = OTHER_DIGITS.get(currency, minor_digits(currency))
    return {"amount_minor": minor_of(amount, currency, digits), "currency": currency}


_READS = {
    "charge.succeeded": _sale,
    "charge.captured": _sale,
    "charge.refunded": _given_back,
    "charge.dispute.created": _dispute,
    "charge.dispute.closed": _dispute_closed,
}
ADAPTER = Adapter(
    read, ("purchase.completed", "purchase.refunded", "complaint.opened", "complaint.resolved"), SIGNATURE
)

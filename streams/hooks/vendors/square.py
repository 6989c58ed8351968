"""Square: payments that are completed, and refunds of them.

https://developer.squareup.com/docs/webhooks/step3validate. A payment is delivered several times as it goes through its states; only
the completed one is a sale, under the payment's id, so it does not matter which of them comes first. Tips are not turnover.
"""

from msgspec import Struct

from streams.hooks.delivery import Adapter, Delivery, Draft, Drafts, draft, instant, parsed, text
from streams.hooks.signing import Scheme

SIGNATURE = Scheme("x-square-hmacsha256-signature", lambda signed: signed.url.encode() + signed.body)


class _Money(Struct):
    amount: int
    currency: str


class _Payment(Struct):
    id: str
    status: str
    created_at: str
    amount_money: _Money | None = None
    customer_id: str | None = None
    location_id: str | None = None
    team_member_id: str | None = None


class _Refund(Struct):
    id: str
    status: str
    created_at: str
    amount_money: _Money | None = None
    payment_id: str | None = None
    reason: str | None = None


class _Object(Struct):
    payment: _Payment | None = None
    refund: _Refund | None = None


class _Data(Struct):
    object: _Object | None = None


class _Body(Struct):
    type: str
    data: _Data | None = None


def read(delivery: Delivery) -> Drafts:
    """The sale or the refund of a delivery."""
    body = parsed(delivery.body, _Body)
    found = body.data.object if body.data else None
    if found is None or body.type.partition(".")[0] not in ("payment", "refund"):
        return f"{body.type} is not used"
    one = found.payment or found.refund
    if one is None or one.amount_money is None:
        return f"{body.type} without an amount"
    if one.status != "COMPLETED":
        return f"the status is {one.status}: only what is COMPLETED is taken"
    return [_sale(one, one.amount_money) if isinstance(one, _Payment) else _given_back(one, one.amount_money)]


def _sale(one: _Payment, paid: _Money) -> Draft:
    return draft(
        "purchase.completed",
        f"payment:{one.id}",
        instant(one.created_at),
        customer_id=one.customer_id,
        amount_minor=paid.amount,
        currency=paid.currency,
        store_id=one.location_id,
        staff_id=text(one.team_member_id),
    )


def _given_back(one: _Refund, paid: _Money) -> Draft:
    sale = f"payment:{one.payment_id}" if one.payment_id else ""
    return draft(
        "purchase.refunded",
        f"refund:{one.id}",
        instant(one.created_at),
        sale,
        amount_minor=paid.amount,
        currency=paid.currency,
        purchase_id=sale,
        reason=text(one.reason),
    )


ADAPTER = Adapter(read, ("purchase.completed", "purchase.refunded"), SIGNATURE, ("notification_url",))

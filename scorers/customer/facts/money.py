"""What the customer has spent, by currency: amounts of two currencies are never added.

The customer's own currency is that of most purchases of the last year, of equals that of the newest. It is kept in `spending` itself,
where value, tier and features read it; each other currency has a purse beside it.
"""

from scorers.contract.events import Micros, Purchase, Refund
from scorers.customer import tiers
from scorers.customer.facts import contradictions
from scorers.customer.parts.buying import MAX_CURRENCIES, Purse, Spending
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.in_force.discounts import DISCOUNTS, discount_bucket
from scorers.in_force.figures import Contribution
from scorers.policy.tables import Policy

_FAST, _SLOW = 0.4, 0.1  # weights of the newest occasion in the two averages of spend


def spend(c: Customer, e: Purchase, day: int, begins: bool, ctx: Context) -> None:
    """Add a purchase that belongs to the occasion of a day; `begins` if it is the first of that occasion."""
    spending = c.spending
    spending.currency = spending.currency or e.currency
    purse = _purse(c, e.currency)
    if begins:
        spent = float(e.amount_minor)
        purse.fast += (spent - purse.fast) * (_FAST if purse.fast else 1.0)
        purse.slow += (spent - purse.slow) * (_SLOW if purse.slow else 1.0)
    purse.amount_minor += e.amount_minor
    if e.margin_minor is not None:
        purse.margin_minor += e.margin_minor
        purse.margin_of_minor += e.amount_minor
    if e.discount_minor:
        purse.discount_minor += e.discount_minor
        purse.discounted_minor += e.amount_minor
        spending.discounted += 1
    tiers.expire_purse(purse, e.time, ctx.policy)
    _take(purse, day, e.amount_minor if e.margin_minor is None else e.margin_minor)
    if spending.others:
        _choose(c, e.currency, e.time, ctx.policy)


def count_discounts(c: Customer, day: int, counts: list[Contribution]) -> None:
    """Move the customer to the bucket of their own share of money given away as discounts, in the base's histogram (Q5)."""
    spending = c.spending
    # the prices of distributors and staff say nothing about those of customers
    bucket = -1 if c.profile.party else discount_bucket(spending.discount_minor, spending.amount_minor)
    if bucket != spending.discount_bucket:
        if spending.discount_bucket >= 0:
            counts.append((day, DISCOUNTS, spending.discount_bucket, -1))
        if bucket >= 0:
            counts.append((day, DISCOUNTS, bucket, 1))
        spending.discount_bucket = bucket


def refund(c: Customer, e: Refund, ctx: Context, counts: list[Contribution]) -> None:
    """Deduct a refund from the last purchase day of its currency: the day of a refund is no purchase day."""
    c.spending.refunds += 1
    c.spending.currency = c.spending.currency or e.currency
    purse = _purse(c, e.currency)
    purse.refund_minor += e.amount_minor
    if purse.refund_minor > purse.amount_minor:
        contradictions.note(c, "refunds_above_purchases", e.time, counts)
    known = purse.margin_of_minor
    lost = e.amount_minor * purse.margin_minor // known if known else e.amount_minor
    tiers.expire_purse(purse, e.time, ctx.policy)
    if purse.days:
        purse.takings[-1] -= lost
        purse.year_minor -= lost


def _purse(c: Customer, currency: str) -> Spending | Purse:
    """Where the money of a currency is kept. Beyond the bound the currency of the fewest purchases is forgotten, and counted."""
    spending = c.spending
    if currency == spending.currency:
        return spending
    for purse in spending.others:
        if purse.currency == currency:
            return purse
    if len(spending.others) == MAX_CURRENCIES - 1:
        least = min(spending.others, key=_purchases)
        spending.others = tuple([purse for purse in spending.others if purse is not least])
        c.forget("currency")
    purse = Purse(currency)
    spending.others = (*spending.others, purse)
    return purse


def _purchases(purse: Spending | Purse) -> int:
    """How many purchases there are on the purchase days that are kept, which are those of the last year."""
    return sum(purse.times) if purse.times else len(purse.days)


def _take(purse: Spending | Purse, day: int, minor: int) -> None:
    purse.year_minor += minor
    if purse.days and purse.days[-1] == day:
        purse.takings[-1] += minor
        times = purse.times or (1,) * len(purse.days)
        purse.times = (*times[:-1], times[-1] + 1)
    else:
        purse.days.append(day)
        purse.takings.append(minor)
        if purse.times:
            purse.times = (*purse.times, 1)


def _choose(c: Customer, newest: str, now: Micros, policy: Policy) -> None:
    """Make the currency of most purchases the customer's own; of equals the newest."""
    spending = c.spending
    tiers.expire_purse(spending, now, policy)
    for purse in spending.others:
        tiers.expire_purse(purse, now, policy)
    best = max(spending.others, key=lambda purse: (_purchases(purse), purse.currency == newest))
    if (_purchases(best), best.currency == newest) > (_purchases(spending), spending.currency == newest):
        for name in Purse.__struct_fields__:
            own, other = getattr(spending, name), getattr(best, name)
            setattr(spending, name, other)
            setattr(best, name, own)

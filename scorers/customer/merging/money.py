"""The money of two ids that were one customer: every amount adds up, in each currency for itself."""

from msgspec.structs import asdict, replace

from scorers.customer import tiers
from scorers.customer.merging.habits import mean
from scorers.customer.parts.buying import MAX_CURRENCIES, Purse, Spending
from scorers.customer.parts.costs import Costs
from scorers.customer.state import Customer
from scorers.in_force.context import Context


def spending(own: Customer, other: Customer, ctx: Context) -> Spending:
    """The money of both. The own currency is that of most purchases of the last year, of equals that of the id which goes on.

    The places in histograms stay those of `own`; the caller takes back those of the other.
    """
    mine, theirs = own.spending, other.spending
    purses: dict[str, Purse] = {}
    now = max(own.purchases.last, other.purchases.last)
    for purse in (*_purses(mine), *_purses(theirs)):
        tiers.expire_purse(purse, now, ctx.policy)
        known = purses.get(purse.currency)
        purses[purse.currency] = purse if known is None else _joined(known, purse)
    ordered = sorted(purses.values(), key=_purchases, reverse=True)
    for _ in ordered[MAX_CURRENCIES:]:
        own.forget("currency")
    first, *rest = ordered[:MAX_CURRENCIES] or [Purse(mine.currency)]
    return Spending(
        **asdict(first),
        discounted=mine.discounted + theirs.discounted,
        refunds=mine.refunds + theirs.refunds,
        year_bucket=mine.year_bucket,
        counted_in=mine.counted_in,
        discount_bucket=mine.discount_bucket,
        others=tuple(rest),
        shrunk=mine.shrunk if not theirs.days else theirs.shrunk if not mine.days else None,
    )


def costs(own: Customer, other: Customer) -> Costs | None:
    """What it has cost to serve both, if any of that was told. Whether it fits is judged anew."""
    mine, theirs = own.costs, other.costs
    if mine is None or theirs is None:
        return mine or theirs
    days: dict[int, int] = {}
    for day, minor in (*zip(mine.days, mine.minor, strict=True), *zip(theirs.days, theirs.minor, strict=True)):
        days[day] = days.get(day, 0) + minor
    ordered = sorted(days)
    ref = theirs.ref if theirs.days[-1:] > mine.days[-1:] else mine.ref
    return Costs(
        days=ordered,
        minor=[days[day] for day in ordered],
        ref=ref,
        told=mine.told or theirs.told,
        under=mine.under,
        over=mine.over,
    )


def _purses(held: Spending) -> list[Purse]:
    """The money of each currency, the own one first."""
    if not held.currency:
        return []
    own = Purse(**{name: getattr(held, name) for name in Purse.__struct_fields__})
    return [own, *held.others]


def _purchases(purse: Purse) -> int:
    return sum(purse.times) if purse.times else len(purse.days)


def _joined(one: Purse, other: Purse) -> Purse:
    days: dict[int, tuple[int, int]] = {}
    for purse in (one, other):
        for day, taking, bought in zip(purse.days, purse.takings, purse.times or (1,) * len(purse.days), strict=True):
            minor, count = days.get(day, (0, 0))
            days[day] = minor + taking, count + bought
    ordered = sorted(days)
    times = tuple([days[day][1] for day in ordered])
    weights = len(one.days), len(other.days)
    if not any(weights):
        weights = 1, 1
    return replace(
        one,
        amount_minor=one.amount_minor + other.amount_minor,
        margin_minor=one.margin_minor + other.margin_minor,
        margin_of_minor=one.margin_of_minor + other.margin_of_minor,
        discount_minor=one.discount_minor + other.discount_minor,
        refund_minor=one.refund_minor + other.refund_minor,
        discounted_minor=one.discounted_minor + other.discounted_minor,
        year_minor=one.year_minor + other.year_minor,
        days=ordered,
        takings=[days[day][0] for day in ordered],
        times=times if any(count > 1 for count in times) else (),
        fast=mean(one.fast, other.fast, weights),
        slow=mean(one.slow, other.slow, weights),
    )

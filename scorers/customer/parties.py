"""Kinds of party (P1): final customers, distributors who sell on (`external`), and staff (`internal`).

Staff buy as long as they work here, so their silence is nobody's alarm, and they count in no figure of the base. Distributors are few and
bring much: they do not move the tiers of customers, and their risk is an alarm of its own.
"""

from scorers.contract.events import Micros
from scorers.customer.state import Customer
from scorers.in_force.context import Context

STAFF, DISTRIBUTOR = "internal", "external"


def margin_share(c: Customer, now: Micros, ctx: Context) -> float:
    """The share of what all customers bring in a year that this one brings; 0 while the base's figures do not know it."""
    brought = ctx.figures(now).brought.get(c.spending.currency, 0)
    return min(max(c.spending.year_minor, 0) / brought, 1.0) if brought else 0.0

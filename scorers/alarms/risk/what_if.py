"""What one usual purchase would change about a risk (A7): it is folded into a copy of the state, which is then read as at a review."""

import msgspec

from scorers.alarms.risk.reported import reported_risk
from scorers.contract.events import Instant, Micros, Purchase
from scorers.customer.facts.evolve import evolve
from scorers.customer.open_time import closed_for
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.risk.features import features
from scorers.risk.rules import rules_risk
from scorers.timeline.facts import NO_FACT

_decode = msgspec.msgpack.Decoder(Customer).decode


def risk_after_purchase(c: Customer, at: Micros, ctx: Context) -> float:
    """The reported risk right after one purchase of the usual amount at an instant, by what is in force now."""
    copy = _decode(msgspec.msgpack.encode(c, enc_hook=int))
    amount, currency = max(round(c.spending.fast), 0), c.spending.currency or "EUR"
    bought = Purchase(id="-", source="-", time=Instant(at), customer_id="-", amount_minor=amount, currency=currency)
    evolve(copy, bought, NO_FACT, ctx, [])
    horizon, base, closed = ctx.policy.risk.horizon, ctx.figures(at).base, closed_for(copy, ctx)
    x, by_rules = features(copy, at, horizon, base, closed), rules_risk(copy, at, horizon, base, closed)
    return reported_risk(copy, at, ctx, ctx.model(at).risk(x, by_rules))

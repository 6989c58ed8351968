"""Renders a customer as an entry of the worklist, without rank, funds and the size of the list."""

from msgspec import UNSET

from scorers.alarms.risk.reported import reported_horizon
from scorers.alarms.words import background, silence
from scorers.contract.events import DAY, SECOND, Instant, Micros
from scorers.contract.rfc3339 import rfc3339
from scorers.contract.worklist import WorklistEntry
from scorers.customer.parts.effort import Effort
from scorers.customer.parts.verdicts import MILLION
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.worklist.effort import TREATMENTS, chance_to_save


def render_entry(c: Customer, effort: Effort, end: Micros, final: bool, ctx: Context) -> WorklistEntry:
    """The entry of a customer, whose state is that at the end of the date; `effort` is the reading by which they are listed."""
    rules, tier = ctx.policy.worklist, c.tiering.tier
    risk, treatment = effort.risk / MILLION, TREATMENTS[effort.treatment]
    at = end - SECOND
    return WorklistEntry(
        date=date_of(end, ctx),
        at=Instant(at),
        rank=0,
        customer_id=c.id,
        risk=risk,
        horizon_days=reported_horizon(c, ctx.policy) / DAY,
        worth_minor=effort.worth,
        expected_loss_minor=round(risk * effort.worth),
        save_chance=round(chance_to_save(treatment, risk, effort.at * SECOND, ctx), 6),
        cost_minor=effort.cost,
        net_minor=effort.net,
        currency=c.spending.currency or None,
        stage=c.life.stage,
        tier=tier,
        reasons=(silence(c, round(risk, 3), at, ctx), *background(c, at, ctx)),
        treatment=treatment if rules.budget.of(tier) else "do_not_spend",
        alarms=tuple(sorted(e.alarm_id for e in c.open if e.status == "open")),
        funded=False,
        held_out=False,
        final=final,
        listed=0,
        not_listed=0,
        history=True if at < ctx.history_before else UNSET,
    )


def date_of(end: Micros, ctx: Context) -> str:
    """The date of the business that ends at an instant."""
    return rfc3339(end - 1 + ctx.zone.offset(end - 1))[:10]

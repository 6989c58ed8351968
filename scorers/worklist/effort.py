"""What an effort to keep a customer would bring (J7, A5): risk x worth x chance to save, less the cost.

It is read whenever the risk is read, so it depends on facts and deadlines alone, and costs a few multiplications. The state keeps the
readings of the dates whose worklist is not final, one for each: with a late fact the customer is folded again, and they follow.
"""

from typing import get_args

from msgspec.structs import replace

from scorers.alarms.catalogue import KINDS
from scorers.contract.alarms import SEVERITIES, Treatment
from scorers.contract.events import DAY, SECOND, Micros
from scorers.customer.lifecycle import is_first_time
from scorers.customer.open_time import closed_for
from scorers.customer.parties import STAFF
from scorers.customer.parts.effort import Effort
from scorers.customer.parts.verdicts import MILLION
from scorers.customer.state import Customer
from scorers.customer.treatments import suitable, wants_offer
from scorers.customer.value import usual_margin, worth
from scorers.in_force.closures import open_until
from scorers.in_force.context import Context
from scorers.in_force.uplift import save_chance
from scorers.policy.tables import Policy

TREATMENTS: tuple[Treatment, ...] = get_args(Treatment)
_YEAR = 365 * DAY


def review(c: Customer, at: Micros, is_fact: bool, acted: bool, ctx: Context) -> None:
    """Read what an effort would bring, if the risk was read at this instant; otherwise note what is new.

    `is_fact`: the customer is better known, which an action is not; `acted`: somebody has acted on an alarm or on an entry of a worklist.
    """
    if acted:
        c.contacts.acted = at // SECOND
    before = c.efforts[-1] if c.efforts else None
    evidence = c.last_fact // SECOND if is_fact or before is None else before.evidence
    if c.profile.party == STAFF:
        c.efforts = ()
    elif c.risk.at >= at and c.risk.last >= 0.0:  # at a deadline, an alarm reads it right after that instant
        effort = None if c.exit.at else _reading(c, evidence, at, ctx)
        if effort is not None or before is not None:
            _keep(c, effort or Effort(at // SECOND, 0, evidence=evidence), ctx)
    elif before is not None and before.net > 0 and (is_fact or acted):  # the risk is not read
        _keep(c, replace(before, at=at // SECOND, evidence=evidence, acted=c.contacts.acted), ctx)


def reading_before(efforts: tuple[Effort, ...], end: Micros) -> Effort | None:
    """The last reading before an instant, if an effort paid by it; None if there is none."""
    for effort in reversed(efforts):
        if effort.at * SECOND < end:
            return effort if effort.net > 0 else None
    return None


def treatment_of(c: Customer, policy: Policy) -> Treatment:
    """What to do: what the gravest open alarm proposes; without one, help if something is unanswered, else what fits the tier."""
    if standing := [e for e in c.open if e.status == "open"]:
        return suitable(KINDS[min(standing, key=lambda e: SEVERITIES.index(e.severity)).kind].treatment, c)
    if c.complaints.open or c.contacts.requests:
        return "help"
    if wants_offer(c, policy):
        return suitable("special_offer", c)
    return "preferential_treatment" if c.tiering.tier in ("platinum", "gold") else "tailored_service"


def chance_to_save(treatment: Treatment, risk: float, at: Micros, ctx: Context) -> float:
    """The chance that an effort keeps a customer who would have left: in full where the loss is nearly sure.

    Where more of those with such a risk would have come anyway than `worklist.sure_from` leaves room for, it is less in proportion: one
    place of the list reaches only so many who needed it. It grows like the odds of the loss, so a base that loses one in twenty and one
    that loses six in ten are ranked by one rule.
    """
    policy = ctx.policy
    chance = save_chance(treatment, ctx.figures(at).save_chance, policy)
    room = 1.0 - policy.worklist.sure_from
    return chance if risk >= 1.0 - room else chance * room / (1.0 - risk)


def priority(treatment: Treatment, risk: float, value: int, at: Micros, ctx: Context) -> int:
    """What acting on an alarm is expected to keep (A5): chance x value x chance to save, less the cost; 0 where nothing is to be spent."""
    if treatment == "do_not_spend":
        return 0
    cost = ctx.policy.worklist.cost_minor.of(treatment)
    return round(risk * value * chance_to_save(treatment, risk, at, ctx)) - cost


def _reading(c: Customer, evidence: int, at: Micros, ctx: Context) -> Effort | None:
    """What an effort brings by the risk just read; None if it does not pay."""
    rules, risk, policy = ctx.policy.worklist, c.risk.last, ctx.policy
    treatment = treatment_of(c, policy)
    chance, cost = chance_to_save(treatment, risk, at, ctx), rules.cost_minor.of(treatment)
    seen = min(at - c.rhythm.first, _YEAR) + DAY
    if risk * c.spending.year_minor * policy.value.life * chance <= cost * seen:  # cheap, and no worth is more
        return None
    value = worth(c, at, ctx)
    expenses = round(cost + (1.0 - risk) * rules.given_away * usual_margin(c, at, policy))
    net = round(risk * value * chance) - expenses
    if net <= 0:
        return None
    limit = c.purchases.second_limit if is_first_time(c) else c.purchases.quiet_limit
    return Effort(
        at // SECOND,
        net,
        round(risk * MILLION),
        value,
        expenses,
        TREATMENTS.index(treatment),
        open_until(closed_for(c, ctx), c.purchases.last, round(rules.silent_at_most * limit)) // SECOND,
        max([evidence, *[e.at // SECOND for e in c.open if e.status == "open"]]),
        c.contacts.acted,
    )


def _keep(c: Customer, effort: Effort, ctx: Context) -> None:
    """Append a reading in the place of one of the same date, and drop those that no worklist can ask for any more."""
    efforts, day = list(c.efforts), ctx.zone.day
    if efforts and day(efforts[-1].at * SECOND) == day(effort.at * SECOND):
        efforts[-1] = effort
    elif effort.net > 0 or efforts[-1].net > 0:
        efforts.append(effort)
    oldest = effort.at - ctx.policy.time.allowed_lateness // SECOND
    while len(efforts) > 1 and efforts[1].at <= oldest:
        del efforts[0]
    if len(efforts) == 1 and efforts[0].net <= 0:
        efforts.clear()
    c.efforts = tuple(efforts)

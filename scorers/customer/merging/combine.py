"""The settled state of a customer and that of an id that was merged into them, as one state."""

from collections import Counter
from typing import Any

from scorers.contract.events import DAY, SECOND
from scorers.customer import exposed
from scorers.customer.facts import contradictions
from scorers.customer.lifecycle import LEFT
from scorers.customer.merging import habits, matters, money, person
from scorers.customer.parts.told import LAST_EVENTS, Loss
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.in_force.counted import base_counts, flows
from scorers.in_force.figures import Contribution


def combine(own: Customer, other: Customer, counts: list[Contribution], ctx: Context) -> None:
    """Add the state `other` to `own`, concern by concern. Nothing is judged but the stage; `due` asks for all verdicts."""
    mine, theirs = own.life, other.life
    own.forgotten = dict(Counter(own.forgotten) + Counter(other.forgotten))
    parts = combined(own, other, ctx) | {"purchases": habits.purchases(own, other, counts, ctx)}
    losses = [_counted(own, other), _counted(other, own)]
    loss = (other if other.purchases.last > own.purchases.last else own).loss
    for name, part in parts.items():
        setattr(own, name, part)
    if own.rhythm.occasions:
        habits.limits(own, ctx)
    person.stage(own, mine, theirs, int(own.last_fact), ctx)
    if own.life.stage in LEFT:
        own.loss = loss
        own.risk.next_review, own.risk.last = 0, -1.0  # who has left is not reviewed
    for one, taken_back in losses:
        if one is not own.loss:
            counts += taken_back
    own.due = int(own.last_fact)


def _counted(c: Customer, following: Customer) -> tuple[Loss | None, list[Contribution]]:
    """The loss of an id, and what takes back that it was counted; nothing if the other one is the comeback, which was counted too."""
    loss = c.loss
    if loss is None or following.rhythm.first > loss.at * SECOND:
        return loss, []
    day, currency, store = loss.at * SECOND // DAY, c.spending.currency, c.profile.store_id
    since, number = c.life.customer_since or c.rhythm.first, 0 if c.life.known else c.rhythm.occasions
    left = base_counts.left(day, since, c.rhythm.last, number, loss.tier, -1)
    return loss, [*flows.lost(day, currency, loss.tier, store, loss.spend_minor, -1), *left]


def combined(own: Customer, other: Customer, ctx: Context) -> dict[str, Any]:
    """The parts of both states as one, by name."""
    return {
        "spending": money.spending(own, other, ctx),
        "baskets": habits.baskets(own, other),
        "bought": exposed.combined(own, other),
        "contacts": matters.contacts(own, other),
        "complaints": matters.complaints(own, other),
        "promises": matters.promises(own, other),
        "opinion": person.opinion(own, other),
        "ties": person.ties(own, other),
        "exit": person.exit_of(own, other),
        "account": matters.account(own, other, ctx.policy),
        "life": person.life(own, other),
        "tiering": person.tiering(own, other),
        "attitude": person.attitude(own, other),
        "risk": person.risk(own, other),
        "profile": person.profile(own, other),
        "costs": money.costs(own, other),
        "cohort": own.cohort,
        "lead": own.lead or other.lead,
        "contradictions": contradictions.combined(own, other),
        "saved": own.saved or other.saved,
        "lately": tuple(sorted((*own.lately, *other.lately))[-LAST_EVENTS:]),
        "counted": own.counted,  # that of the other id is taken back
        "rhythm": habits.rhythm(own, other),
        "efforts": own.efforts or other.efforts,
        "told": own.told,
        "loss": None,
        "tried": own.tried,
        "purchases": own.purchases,  # which `combine` replaces, as it counts
        "first_seen": min(c.first_seen for c in (own, other)),
        "last_fact": max(own.last_fact, other.last_fact),
    }

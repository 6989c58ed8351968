"""How facts and time change a customer's state: the function for each type of event.

Nothing is judged here. Facts come in the order of `Fact.key`, which the timeline ensures.
"""

from collections.abc import Callable
from typing import Any, assert_never

from scorers.contract import events as ev
from scorers.customer import ledger
from scorers.customer.facts import complaints, contacts, opinion, profile, promises, purchases
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.in_force.figures import Contribution
from scorers.timeline.facts import Ref

Evolution = Callable[[Customer, Any, Ref, Context, list[Contribution]], None]


def evolution(event: ev.CustomerEvent) -> Evolution:
    """The function that folds events of this type; mypy reports a type that has none."""
    match event:
        case ev.Purchase():
            return purchases.purchase
        case ev.Refund():
            return purchases.refund
        case ev.ContactReceived():
            return contacts.received
        case ev.ContactMade():
            return contacts.made
        case ev.LeadCreated():
            return contacts.lead
        case ev.ComplaintOpened():
            return complaints.opened
        case ev.ComplaintAcknowledged():
            return complaints.acknowledged
        case ev.ComplaintResolved():
            return complaints.resolved
        case ev.ComplaintReopened():
            return complaints.reopened
        case ev.SurveyAnswered():
            return opinion.survey
        case ev.ReferralMade():
            return opinion.referral
        case ev.OwnerJudged():
            return opinion.owner
        case ev.CompetitorMentioned():
            return opinion.competitor
        case ev.ExitExplained():
            return opinion.explained_exit
        case ev.PromiseMade():
            return promises.made
        case ev.PromiseKept():
            return promises.kept
        case ev.PromiseBroken():
            return promises.broken
        case ev.RewardGranted():
            return profile.reward
        case ev.BondStarted():
            return profile.bond_started
        case ev.BondEnded():
            return profile.bond_ended
        case ev.CustomerDescribed():
            return profile.described
        case _:
            assert_never(event)


EVOLVE: dict[type, Evolution] = {}
"""A cache of `evolution` by type of event."""


def evolve(c: Customer, event: ev.CustomerEvent, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """Fold one fact into the state."""
    fold = EVOLVE.get(type(event))
    if fold is None:
        fold = EVOLVE[type(event)] = evolution(event)
    fold(c, event, ref, ctx, counts)


def lapse(c: Customer, now: ev.Micros, ctx: Context, counts: list[Contribution]) -> None:
    """Apply what time alone changes: deadlines of cases and of the second purchase, and quiet weeks that have passed."""
    if c.rhythm.occasions == 1 and not c.life.known:
        purchases.lapse(c, now, ctx)
    if c.promises.open:
        promises.lapse(c, now, ctx)
    if c.contacts.requests:
        contacts.lapse(c, now, ctx, counts)
    if c.complaints.open:
        complaints.lapse(c, now, ctx, counts)
    if c.account.pending:
        ledger.mature(c, now, ctx.policy.ledger)

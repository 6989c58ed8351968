"""Negative experiences (X1, L3, L4): complaints, refunds, satisfaction 1-2, broken promises and breached deadlines."""

from scorers.contract.events import Micros
from scorers.customer import ledger
from scorers.customer.state import Customer, Trouble
from scorers.in_force.context import Context
from scorers.timeline.episodes import MAX_EVIDENCE
from scorers.timeline.facts import Ref


def negative(c: Customer, at: Micros, ref: Ref, ctx: Context) -> None:
    """Enter a negative experience into the ledger, and as trouble for first-time and early repeat buyers."""
    account = c.account
    account.bad += 1
    account.last_bad_ref = ref
    ledger.bad(c, at, ctx.policy.ledger)
    if c.life.golden_by >= at:
        c.life.golden_by = 0
    if c.life.stage in ("first_time_buyer", "early_repeat_buyer"):
        if account.trouble is None:
            account.trouble = Trouble(c.life.stage, at, ref)
        else:
            account.trouble.count += 1
            if len(account.trouble.evidence) < MAX_EVIDENCE:
                account.trouble.evidence.append(ref)


def breach(c: Customer, at: Micros, ref: Ref, ctx: Context) -> None:
    """Enter a missed deadline into the ledger only."""
    ledger.bad(c, at, ctx.policy.ledger)
    c.account.last_bad_ref = ref

"""Negative experiences (X1, L3, L4): complaints, refunds, satisfaction 1-2, broken promises and breached deadlines."""

from scorers.contract.events import Micros
from scorers.customer import ledger
from scorers.customer.lifecycle import is_still_judging
from scorers.customer.parts.experience import BAD_SUBJECTS, MAX_CAUSES, Cause, Trouble
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import MAX_EVIDENCE
from scorers.timeline.facts import Ref


def negative(c: Customer, at: Micros, ref: Ref, cause: Cause, ctx: Context, about: str = "") -> None:
    """Enter a negative experience into the ledger, and as trouble for those who are still judging us (L3, L4).

    `about` is one of `BAD_SUBJECTS`; empty if it is not known.
    """
    account = c.account
    account.bad += 1
    count_about(c, about, 1)
    account.last_bad_ref, account.last_bad = ref, cause
    ledger.bad(c, at, ctx.policy.ledger)
    if c.life.golden_by >= at:
        c.life.golden_by = 0
    if c.life.stage in ("first_time_buyer", "early_repeat_buyer") and is_still_judging(c, at, ctx.policy):
        if account.trouble is None:
            account.trouble = Trouble(c.life.stage, at, ref, causes=(cause,))
        else:
            account.trouble.count += 1
            first, *others = account.trouble.causes or (cause,)
            account.trouble.causes = (first, *others[2 - MAX_CAUSES :], cause)
            if len(account.trouble.evidence) < MAX_EVIDENCE:
                account.trouble.evidence.append(ref)


def count_about(c: Customer, about: str, times: int) -> None:
    """Add to the bad experiences with the product, the service or the brand; one whose subject is not known stands in none."""
    if about:
        known = c.account.about or (0,) * len(BAD_SUBJECTS)
        c.account.about = tuple([n + times * (name == about) for name, n in zip(BAD_SUBJECTS, known, strict=True)])


def breach(c: Customer, at: Micros, ref: Ref, cause: Cause, ctx: Context) -> None:
    """Enter a missed deadline into the ledger only."""
    ledger.bad(c, at, ctx.policy.ledger)
    c.account.last_bad_ref, c.account.last_bad = ref, cause

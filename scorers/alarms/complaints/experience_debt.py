"""`experience-debt`: more good experiences are owed for bad ones than the limit allows."""

from scorers.alarms.words import named, told
from scorers.contract.alarms import Reason
from scorers.contract.events import Micros
from scorers.customer import ledger
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import NEVER, Answer, Episode, Finding
from scorers.timeline.kinds import Kind


def condition(c: Customer, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """True from above `debt_limit` until below `debt_settled`; time and purchases without trouble lower the debt."""
    rules = ctx.policy.ledger
    owed = ledger.debt(c, now, rules)
    if episode is None:
        if owed <= rules.debt_limit:
            return NEVER
        return Finding(c.account.debt_at, c.account.last_bad_ref, until=_until(c, now, ctx))
    if owed < rules.debt_settled:
        return NEVER
    return episode.unchanged(_until(c, now, ctx) if episode.status == "open" else NEVER)


def _until(c: Customer, now: Micros, ctx: Context) -> Micros:
    """When time may settle the debt: below `debt_settled` by decay, or at the end of a purchase's week."""
    rules = ctx.policy.ledger
    after = ledger.settled_after(c, rules)
    soon = after if now <= after else NEVER
    if c.account.pending and now <= (matures := c.account.pending[0] + rules.quiet_week):
        soon = min(soon, matures)
    return soon


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """The newest bad experience by name, and how many good ones are owed."""
    owed, newest = round(ledger.debt(c, now, ctx.policy.ledger)), c.account.last_bad
    found = [] if newest is None else named(c, newest, "negative_experience", 1.0, now, ctx)
    return [*found, told("experience_debt", 0.5 if found else 1.0, "debt", now, ctx, {"owed": owed})]


KIND = Kind(
    name="experience-debt",
    rules=("X1",),
    matter="trouble",
    headline="{who} has had too many bad experiences",
    example="Hana had two complaints in a month and only one good visit since; 23 good experiences are owed.",
    severity="warning",
    treatment="preferential_treatment",
    remedy="Good experiences repay this one by one.",
    when="account.debt",
    condition=condition,
    reasons=reasons,
)

"""What `single-failure` and `small-mishap` share: negative experiences since the last occasion, and the stage at the first."""

from scorers.alarms.words import named, told
from scorers.contract.alarms import Reason, Stage
from scorers.contract.events import Micros
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import NEVER, Answer, Finding


def holds_in(c: Customer, stage: Stage) -> Answer:
    """True while there is trouble that began in the given stage."""
    found = c.account.trouble
    if found is None or found.stage != stage:
        return NEVER
    return Finding(found.at, found.opener, evidence=tuple(found.evidence))


def reasons(c: Customer, now: Micros, ctx: Context) -> list[Reason]:
    """The bad experiences by name and date, the newest first, and how many more there were."""
    found = c.account.trouble
    if found is None:
        return []
    reasons = [
        reason
        for n, cause in enumerate(reversed(found.causes))
        for reason in named(c, cause, "negative_experience", 0.5 if n else 1.0, now, ctx)
    ]
    if (more := found.count - len(found.causes)) > 0:
        reasons.append(told("negative_experience", 0.25, "and_more", now, ctx, {"more": more}))
    return reasons

"""What `single-failure` and `small-mishap` share: negative experiences since the last occasion, and the stage at the first."""

from scorers.alarms.complaints import cases
from scorers.alarms.words import times
from scorers.contract.alarms import Reason, Stage
from scorers.customer.state import Customer
from scorers.timeline.episodes import NEVER, Answer, Finding


def holds_in(c: Customer, stage: Stage) -> Answer:
    """True while there is trouble that began in the given stage."""
    found = c.account.trouble
    if found is None or found.stage != stage:
        return NEVER
    return Finding(found.at, found.opener, evidence=tuple(found.evidence))


def reason(c: Customer, who: str) -> list[Reason]:
    """How many bad experiences there were, and what the newest complaint among them says."""
    found = c.account.trouble
    count = times(found.count if found else 1, "bad experience")
    reasons = [Reason("negative_experience", 1.0, f"{count} since the last purchase, of {who}.")]
    if found is not None:
        facts = (found.opener, *found.evidence)
        quoted = [case for case in (*c.complaints.open, *c.complaints.closed) if case.opener in facts and case.says]
        reasons += cases.says(max(quoted, key=lambda case: case.opened)) if quoted else []
    return reasons

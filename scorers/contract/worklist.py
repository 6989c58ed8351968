"""The worklist of the contract: the customers who are most worth an effort on a date of the business (J7)."""

from msgspec import Struct

from scorers.contract.alarms import Reason, Stage, Tier, Treatment
from scorers.contract.events import Instant


class WorklistEntry(Struct, frozen=True, kw_only=True, tag_field="type", tag="worklist.entry"):
    """One customer on the list of one date; amounts are minor units of `currency`."""

    date: str  # of the business, as in 2024-05-06
    at: Instant  # the last second of that date: the list holds the facts up to it
    rank: int  # from 1
    customer_id: str
    risk: float  # of no purchase within `horizon_days`
    horizon_days: float
    worth_minor: int
    expected_loss_minor: int  # risk times worth
    save_chance: float  # of an effort
    cost_minor: int  # of an effort
    net_minor: int  # risk times worth times save_chance, less the cost
    currency: str | None
    stage: Stage
    tier: Tier
    reasons: tuple[Reason, ...]
    treatment: Treatment
    alarms: tuple[str, ...]  # ids of the alarms that stand
    funded: bool  # within the capacity of the day and the budget of the tier
    held_out: bool
    final: bool  # no late fact can change the list any more
    listed: int  # how many entries this edition of the list has
    not_listed: int  # how many customers are only counted: an effort would pay for them too

"""The state of a customer, one struct for each concern.

It holds facts and the verdicts in force, never text that can be rendered from them. Each struct is encoded as an array and new fields
are appended at its end, so rows of the same form stay readable. Every list is bounded by a constant below or by a window of the
policy, and is a tuple where most customers have nothing in it: the empty tuple takes no memory. Instants are microseconds, 0 if unknown.
"""

from typing import Any

from msgspec import Struct, field

from scorers.customer.parts.buying import Baskets, Bought, Purchases, Spending
from scorers.customer.parts.cases import Complaints, Contacts, Promises
from scorers.customer.parts.cohort import Cohort, Counted
from scorers.customer.parts.costs import Costs
from scorers.customer.parts.effort import Effort
from scorers.customer.parts.experience import Account, Exit, Opinion, Ties
from scorers.customer.parts.lead import Lead
from scorers.customer.parts.told import Loss, Saved, Told
from scorers.customer.parts.verdicts import Attitude, Life, RiskReading, Tiering
from scorers.customer.rhythm import Rhythm
from scorers.timeline.subjects import Bound, State


class Profile(Struct, array_like=True, gc=False):
    """Names and attributes for lists and messages."""

    name: str = ""
    locale: str = ""
    owner_id: str = ""
    store_id: str = ""
    refuses_offers: bool = False  # has refused marketing
    party: str = ""  # external (a distributor) or internal (staff); empty for a final customer (P1)


class Customer(State, array_like=True, gc=False):
    """Everything known of one customer at one instant of event time."""

    rhythm: Rhythm = field(default_factory=Rhythm)
    purchases: Purchases = field(default_factory=Purchases)
    spending: Spending = field(default_factory=Spending)
    baskets: Baskets = field(default_factory=Baskets)
    contacts: Contacts = field(default_factory=Contacts)
    complaints: Complaints = field(default_factory=Complaints)
    promises: Promises = field(default_factory=Promises)
    opinion: Opinion = field(default_factory=Opinion)
    ties: Ties = field(default_factory=Ties)
    exit: Exit = field(default_factory=Exit)
    account: Account = field(default_factory=Account)
    life: Life = field(default_factory=Life)
    tiering: Tiering = field(default_factory=Tiering)
    attitude: Attitude = field(default_factory=Attitude)
    risk: RiskReading = field(default_factory=RiskReading)
    profile: Profile = field(default_factory=Profile)
    efforts: tuple[Effort, ...] = ()  # of the dates whose worklist is not final, one each
    told: tuple[Told, ...] = ()  # alarms of the present silence, or without an answer yet
    loss: Loss | None = None  # of a customer who has left
    tried: tuple[int, ...] = ()  # the newest quarter with alarms on trial, and their kinds by `uplift.code_of`
    costs: Costs | None = None  # of a customer whose costs are told, or who is served for too little
    cohort: Cohort = field(default_factory=Cohort)
    bought: Bought = field(default_factory=Bought)
    saved: Saved | None = None  # of one who came back after somebody had acted
    lately: tuple[int, ...] = ()  # the newest facts: the hour of each, times 2,048, plus its type (A4)
    contradictions: tuple[int, ...] = ()  # how often, by `live_quality.CONTRADICTION_NAMES`
    counted: Counted = field(default_factory=Counted)
    lead: Lead | None = None  # of one who was a prospect

    def cases(self) -> int:
        """How many cases are kept, closed ones included."""
        return (
            len(self.complaints.open)
            + len(self.complaints.closed)
            + len(self.contacts.requests)
            + len(self.promises.open)
        )

    def forget_oldest_half(self) -> None:
        """Drop the older half of each list of cases, and the alarms about them."""
        lists: dict[Bound, list[Any]] = {
            "complaint": self.complaints.open,
            "request": self.contacts.requests,
            "promise": self.promises.open,
            "closed_complaint": self.complaints.closed,
        }
        for about, cases in lists.items():
            keep_newest(self, about, cases, len(cases) // 2)


def keep_newest(c: Customer, about: Bound, cases: list[Any], most: int) -> None:
    """Forget the oldest of a list of cases beyond `most`; what is forgotten is counted, and its alarms expire."""
    while len(cases) > most:
        case = cases.pop(0)
        c.forget_case(about, case.id)
        if about == "complaint" and case.hostage_at and not any(other.hostage_at for other in cases):
            c.end_as("expired", "hostage")

"""What is known of one customer: facts and the alarms that stand open, nothing judged beside them.

One bounded record, O(1) to update, plain numbers and short lists, so that it packs into about a kilobyte. Instants are
microseconds, 0 where unknown; lists are bounded by the constants below. Facts change in `evolve` alone. Nothing here can
refer back to what holds it, so Python's search for cycles leaves these records out (`gc=False`).
"""

from typing import Any, Literal

from msgspec import Struct, field

from scorers.contract.alarms import LoyaltyType, Outcome, Severity, Stage, SubjectType, Tier
from scorers.contract.events import ComplaintSeverity, Duration, Micros, PartyType
from scorers.customer.rhythm import Rhythm

MAX_OPEN_CASES = 48
MAX_CLOSED_CASES = 6
MAX_OUTREACH = 12
MAX_EVIDENCE = 6
MAX_QUESTIONS = 4
MAX_PENDING = 16
MILLION = 1_000_000


class Ref(Struct, array_like=True, frozen=True, gc=False):
    """Which fact, and where it stands in the log (in replay: file, 0, line)."""

    source: str
    id: str
    topic: str = ""
    partition: int = 0
    offset: int = 0


NOBODY = Ref("", "")


class Case(Struct, array_like=True, gc=False):
    """A complaint and its two clocks (X6). Its tier and stage are those at the opening."""

    id: str
    opened: Micros
    opener: Ref
    severity: ComplaintSeverity
    acknowledge_by: Micros
    rectify_by: Micros
    exempt: bool  # a core customer's minor complaint: no alarm before the rectification deadline (L5)
    public: bool = False
    acknowledged: Micros = 0
    resolved: Micros = 0
    left: Duration = 0  # business time that was left when the clock stopped
    breached: bool = False  # the rectification deadline has passed in this spell
    occasions_since_breach: int = 0
    hostage_at: Micros = 0
    subject: str = ""
    store_id: str = ""
    grave_since: Micros = 0  # a minor complaint became a major one then
    grave_ref: Ref = NOBODY


class Request(Struct, array_like=True, gc=False):
    """Something the customer asked for that nobody has answered yet (X7)."""

    id: str
    opened: Micros
    opener: Ref
    answer_by: Micros
    breached: bool = False


class Promise(Struct, array_like=True, gc=False):
    """Something we said we would do (X11)."""

    id: str
    made: Micros
    opener: Ref
    due: Micros = 0
    broken: Micros = 0
    breaker: Ref = NOBODY


class Trouble(Struct, array_like=True, gc=False):
    """Negative experiences since the last occasion, and the stage in which the first one hit (L3, L4)."""

    stage: Stage
    at: Micros
    opener: Ref
    count: int = 1
    evidence: list[Ref] = field(default_factory=list)  # beyond the opener


class Episode(Struct, array_like=True, gc=False):
    """An alarm from its raising to its end, as the customer's row keeps it."""

    alarm_id: str
    kind: str
    subject: SubjectType
    subject_id: str  # "" for the customer
    at: Micros
    opener: Ref
    severity: Severity
    status: Literal["open", "settled", "spent", "told"] = "open"
    # spent: timed out while its condition still holds; told: a state change, born settled
    outcome: Outcome | None = None
    evidence: list[Ref] = field(default_factory=list)  # beyond the opener
    cause: list[Ref] = field(default_factory=list)
    detail: str = ""  # for state changes: from what to what
    ended: Micros = 0


class Question(Struct, array_like=True, gc=False):
    """Will this customer buy again within the horizon? Asked with the features of that day, answered late."""

    asked: Micros
    features: bytes  # packed
    answered: Micros = 0  # instant of the first purchase after it was asked
    risk: int = 0  # what the model in force said, in millionths
    rules: int = 0  # what the rules said, likewise
    model_version: str = ""
    voices: bytes = (
        b""  # log-odds of each of `contract.lessons.MEMBERS` when asked, packed by `risk.columns.pack_floats`
    )


class Customer(Struct, array_like=True, gc=False):
    """Everything known of one customer at one instant of event time."""

    id: str
    first_seen: Micros = 0
    last_fact: Micros = 0

    # purchases
    rhythm: Rhythm = field(default_factory=Rhythm)
    purchases: int = 0
    last_purchase: Micros = 0
    last_purchase_ref: Ref = NOBODY
    first_purchase_ref: Ref = NOBODY
    currency: str = ""
    amount_minor: int = 0
    margin_minor: int = 0
    margin_of_minor: int = 0  # revenue of the purchases whose margin is known
    discount_minor: int = 0
    discounted: int = 0  # purchases bought at a discount
    refunds: int = 0
    refund_minor: int = 0
    last_refund: Micros = 0
    days: list[int] = field(default_factory=list)  # purchase days of the last year, as day numbers
    takings: list[int] = field(default_factory=list)  # margin (else revenue) of each of these days
    year_minor: int = 0  # their sum
    spend_fast: float = 0.0
    spend_slow: float = 0.0
    variety: int = 0  # a bit for each category bought, categories hashed to 64
    breadth_fast: float = 0.0
    breadth_slow: float = 0.0
    store_id: str = ""

    # limits set by the last occasion, with the figures in force then
    quiet_limit: Duration = 0
    second_limit: Duration = 0

    # contacts
    first_contact: Micros = 0  # first contact or lead
    first_contact_ref: Ref = NOBODY
    contacts_in: int = 0
    contacts_out: int = 0
    last_contact_in: Micros = 0
    last_contact_out: Micros = 0
    outreach: list[Micros] = field(default_factory=list)  # unanswered outreach
    answers: int = 0  # outreach answered within the window
    tone: int = 0  # 0 calm, 1 tense, 2 rude: the last known
    requests: list[Request] = field(default_factory=list)
    cost_minor: int = 0

    # complaints
    cases: list[Case] = field(default_factory=list)
    closed: list[Case] = field(default_factory=list)
    complaints: int = 0
    complaints_public: int = 0
    resolutions_in_time: int = 0
    breaches: int = 0
    last_complaint: Micros = 0
    last_public: Micros = 0
    promises: list[Promise] = field(default_factory=list)
    promises_broken: int = 0

    # what they say
    satisfaction_count: int = 0
    satisfaction_sum: int = 0
    satisfaction_last: int = 0
    satisfaction_at: Micros = 0
    satisfaction_mood: float = 0.0  # exponentially weighted mean, 0 where unknown
    survey_last: int = 0  # of surveys alone
    survey_at: Micros = 0
    recommend_last: int = -1
    referrals_good: int = 0
    referrals_bad: int = 0
    referral_last: int = 0  # +1 good, -1 bad, 0 none
    referral_at: Micros = 0
    bad_experiences: int = 0  # complaints, refunds, satisfaction 1-2, broken promises
    last_bad: Micros = 0
    last_bad_ref: Ref = NOBODY
    owner_good: int = 0  # +1 good, -1 not, 0 never judged
    competitor_mentions: int = 0
    last_competitor: Micros = 0
    rewards: int = 0
    last_reward: Micros = 0
    bonds: list[str] = field(default_factory=list)
    exit_at: Micros = 0  # said goodbye after the last purchase
    exit_ref: Ref = NOBODY
    exit_reason: str = ""

    # the ledger (X1)
    debt: float = 0.0
    debt_at: Micros = 0
    pending: list[Micros] = field(default_factory=list)  # purchases whose week is not over
    trouble: Trouble | None = None
    golden_by: Micros = 0  # first purchase + a week, where it was inside the conversion window

    # verdicts in force: what the next assessment is compared with
    stage: Stage = "prospect"
    stage_since: Micros = 0
    core_before: bool = False  # went dormant as a core customer
    tier: Tier = "none"
    tier_ranked: bool = False
    tier_low_since: Micros = 0  # the lower verdict has lasted since then
    tier_low_opener: Ref = NOBODY
    drop_from: Tier = "none"
    drop_at: Micros = 0
    drop_opener: Ref = NOBODY
    loyalty: LoyaltyType = "unknown"
    apostle_until: Micros = 0  # left the apostles then, dwell running
    apostle_opener: Ref = NOBODY
    terrorist_at: Micros = 0
    terrorist_opener: Ref = NOBODY
    risk: float = -1.0  # the last reading, -1 where none
    risk_at: Micros = 0
    year_bucket: int = -1  # where the histogram of yearly values counts this customer

    # who they are
    name: str = ""
    party_type: PartyType = "final"
    locale: str = ""
    owner_id: str = ""

    # alarms and questions
    open: list[Episode] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    next_review: Micros = 0
    next_question: Micros = 0
    due: Micros = 0  # the next instant at which something may change by itself

    def cases_open(self) -> int:
        """How many cases are kept, the closed ones among them."""
        return len(self.cases) + len(self.requests) + len(self.promises) + len(self.closed)

    def forget_oldest_half(self) -> None:
        """Make room: the newer half of the cases, and the alarms on them, are kept."""
        kept: list[list[Any]] = [self.cases, self.requests, self.promises, self.closed]
        for cases in kept:
            del cases[: (len(cases) + 1) // 2]
        known = {"", *(case.id for cases in kept for case in cases)}
        self.open = [e for e in self.open if e.subject_id in known]

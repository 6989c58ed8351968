"""The state of a customer, one struct for each concern.

It holds facts and the verdicts in force, never text that can be rendered from them. Each struct is encoded as an array and new fields
are appended at its end, so rows of the same form stay readable. Every list is bounded by a constant below or by a window of the
policy, and is a tuple where most customers have nothing in it: the empty tuple takes no memory. Instants are microseconds, 0 if unknown.
"""

from typing import Any, Literal

from msgspec import Struct, field

from scorers.contract.alarms import LoyaltyType, Stage, Tier
from scorers.contract.events import ComplaintSeverity, Duration, Micros
from scorers.customer.effort import Effort
from scorers.customer.rhythm import Rhythm
from scorers.customer.told import Loss, Told
from scorers.timeline.facts import NO_FACT, Ref
from scorers.timeline.subjects import Bound, State

MAX_OPEN_CASES = 48
MAX_CLOSED_CASES = 6
MAX_OUTREACH = 12
MAX_QUESTIONS = 4
MAX_PENDING = 16  # beyond it, the two that are nearest to each other become one
MAX_CURRENCIES = 4
MAX_CAUSES = 3
MARK_BITS = 3  # of a packed mark
MAX_MARKS = 24  # the newest of the last year; three are enough to judge by
MILLION = 1_000_000
RISK_SCALE = 10_000  # of risks in a `Rise`
BAD_SUBJECTS = ("product", "service", "brand")  # what a bad experience can be with (Q4); of some it is not known


class Case(Struct, array_like=True, gc=False):
    """A complaint and its two deadlines (X6), which follow from the tier and stage at the opening."""

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
    left: Duration = 0  # business time left to `rectify_by` when it was resolved
    breached: bool = False  # the rectification deadline has passed since it was opened or reopened
    occasions_since_breach: int = 0
    hostage_at: Micros = 0
    subject: str = ""
    store_id: str = ""
    grave_since: Micros = 0  # when a minor complaint became a major one
    grave_ref: Ref = NO_FACT
    says: str = ""  # the beginning of what the customer wrote, one inert line


class Request(Struct, array_like=True, gc=False):
    """A request of the customer without an answer (X7)."""

    id: str
    opened: Micros
    opener: Ref
    answer_by: Micros
    breached: bool = False
    topic: str = ""  # the beginning of what it is about, one inert line


class Promise(Struct, array_like=True, gc=False):
    """A promise to the customer that is not kept yet (X11)."""

    id: str
    made: Micros
    opener: Ref
    due: Micros = 0
    broken: Micros = 0
    breaker: Ref = NO_FACT
    topic: str = ""  # the beginning of what was promised, one inert line


class Cause(Struct, array_like=True, frozen=True, gc=False):
    """A bad experience by its name: what it was, when, and of what; for people to recognise it."""

    what: Literal["complaint", "refund", "mark", "promise", "request"]
    at: Micros
    word: str = ""  # the id of a complaint, the reason of a refund, a mark, the topic of a promise or request
    thing: str = ""  # the sku of a refund


class Trouble(Struct, array_like=True, gc=False):
    """Negative experiences since the last occasion, and the stage at the first of them (L3, L4)."""

    stage: Stage
    at: Micros
    opener: Ref
    count: int = 1
    evidence: list[Ref] = field(default_factory=list)  # beyond the opener
    causes: tuple[Cause, ...] = ()  # the first and the newest of them, at most MAX_CAUSES


class Question(Struct, array_like=True, gc=False):
    """Whether the customer buys again within the horizon: asked with the features of that day, answered later."""

    asked: Micros
    features: bytes  # packed
    answered: Micros = 0  # the first purchase after it was asked
    risk: int = 0  # by the model in force, in millionths
    rules: int = 0  # by the rules alone, in millionths
    model_version: str = ""
    voices: bytes = b""  # log-odds of each of `lessons.MEMBERS` when asked, packed by `risk.columns.pack_floats`


class Purchases(Struct, array_like=True, gc=False):
    """When the customer bought, and the limits of silence by the figures in force at the last occasion.

    `second_limit` moves to the one in force when it falls due, if that is later.
    """

    count: int = 0
    last: Micros = 0
    last_ref: Ref = NO_FACT
    first_ref: Ref = NO_FACT
    quiet_limit: Duration = 0
    second_limit: Duration = 0
    reached: int = 0  # how many classes of `in_force.comebacks.MULTIPLES` the present silence has reached
    next_class: Micros = 0  # when it reaches the next one
    gone: Micros = 0  # when the customer was given up for it (J8)
    other_stores: tuple[tuple[str, int], ...] = ()  # and the second of the last purchase there, newest first


class Purse(Struct, array_like=True, gc=False):
    """Money in a currency that is not the customer's own; the fields are those of `Spending`."""

    currency: str
    amount_minor: int = 0
    margin_minor: int = 0
    margin_of_minor: int = 0
    discount_minor: int = 0
    refund_minor: int = 0
    days: list[int] = field(default_factory=list)
    takings: list[int] = field(default_factory=list)
    times: tuple[int, ...] = ()
    year_minor: int = 0
    fast: float = 0.0
    slow: float = 0.0
    discounted_minor: int = 0


class Shrunk(Struct, array_like=True, gc=False):
    """A wallet that shrinks (P7): since when, and what was usual in a window before; 0 for what had not fallen."""

    at: Micros
    ref: Ref
    currency: str
    usual_minor: int = 0
    usual_breadth: float = 0.0  # number of categories


class Spending(Struct, array_like=True, gc=False):
    """Money, in minor units of the customer's own currency; counts are those of all currencies."""

    currency: str = ""
    amount_minor: int = 0
    margin_minor: int = 0
    margin_of_minor: int = 0  # revenue of the purchases whose margin is known
    discount_minor: int = 0
    discounted: int = 0  # number of purchases at a discount
    refunds: int = 0
    refund_minor: int = 0
    days: list[int] = field(default_factory=list)  # purchase days of the last year, as day numbers
    takings: list[int] = field(default_factory=list)  # margin (else revenue) of each of these days
    year_minor: int = 0  # their sum
    year_bucket: int = -1  # this customer's bucket in the histogram of yearly values, -1 for none
    fast: float = 0.0  # spend per occasion, exponentially weighted with a short memory
    slow: float = 0.0  # the same with a long memory
    times: tuple[int, ...] = ()  # purchases on each of `days`; empty if there is one on each
    others: tuple[Purse, ...] = ()  # money in other currencies, which is never added to this
    counted_in: str = ""  # the currency of `year_bucket`; empty in rows of former builds, which knew one histogram
    shrunk: Shrunk | None = None  # while less is spent, or in fewer categories, than was usual
    discounted_minor: int = 0  # money of the purchases at a discount
    discount_bucket: int = -1  # this customer's bucket in the histogram of discounts, -1 for none


class Visit(Struct, array_like=True, gc=False):
    """One occasion: the hour in which it began (since 1970), and a 64-bit mask of the categories bought, by their hash."""

    hour: int
    categories: int = 0


class Baskets(Struct, array_like=True, gc=False):
    """What is bought: categories, and how many of them per occasion."""

    variety: int = 0  # a 64-bit mask of all categories ever bought
    breadth_fast: float = 0.0  # categories per occasion, exponentially weighted with a short memory
    breadth_slow: float = 0.0  # the same with a long memory
    visits: tuple[Visit, ...] = ()  # the newest occasions
    bored_at: Micros = 0  # since when variety has fallen while gaps grew (X9)
    bored_ref: Ref = NO_FACT
    bored_from: float = 0.0  # the variety before
    block: int = 0  # the newest block of four weeks, since the first purchase, with known categories,
    in_block: int = 0  # their mask in it,
    blocks: list[int] = field(default_factory=list)  # and in the blocks before it, a bit for each place in `order`
    order: bytes = (
        b""  # the bits of a mask in the order in which they first came; so the masks of older blocks are small
    )


class Contacts(Struct, array_like=True, gc=False):
    """Contacts in both directions, and what is unanswered on either side."""

    first: Micros = 0  # the first contact or lead
    first_ref: Ref = NO_FACT
    received: int = 0
    made: int = 0
    last_received: Micros = 0
    last_made: Micros = 0
    outreach: list[Micros] = field(default_factory=list)  # outreach without an answer
    answered: int = 0  # outreach answered within the window
    tone: int = 0  # 0 calm, 1 tense, 2 rude: the last known
    requests: list[Request] = field(default_factory=list)
    outreach_ref: Ref = NO_FACT  # the newest outreach
    acted: int = 0  # the last contact by us for service or sales, in seconds


class Complaints(Struct, array_like=True, gc=False):
    """Complaints, open and recently closed."""

    open: list[Case] = field(default_factory=list)
    closed: list[Case] = field(default_factory=list)
    count: int = 0
    public: int = 0  # how many of them were made in public
    last: Micros = 0


class Promises(Struct, array_like=True, gc=False):
    """Promises to the customer that are not kept yet."""

    open: list[Promise] = field(default_factory=list)
    broken: int = 0


class OwnersView(Struct, array_like=True, gc=False):
    """When the owner last changed the judgement of the customer."""

    at: Micros
    ref: Ref


class Opinion(Struct, array_like=True, gc=False):
    """The customer's opinion of the business, and the owner's judgement of the customer."""

    marks: int = 0  # satisfaction marks given
    marks_sum: int = 0
    mark: int = 0  # the last, 1 to 5
    mood: float = 0.0  # their exponentially weighted mean, 0 where unknown
    survey: int = 0  # the last mark given in a survey
    recommends: int = -1  # the last answer, 0 to 10
    referrals: int = 0  # positive ones
    referral: int = 0  # the last: +1 positive, -1 negative, 0 none
    owner: int = 0  # the owner's judgement: +1 good, -1 not good, 0 none
    competitors: int = 0  # mentions of competitors
    competitor_at: Micros = 0
    owners_view: OwnersView | None = None
    marks_lately: tuple[
        int, ...
    ] = ()  # of the last year: the second in which each was given, times eight, plus the mark
    told: int = 0  # the second in which others last heard something bad


class Cut(Struct, array_like=True, gc=False):
    """A bond that has ended and is not back."""

    bond: str
    at: Micros
    ref: Ref


class Ties(Struct, array_like=True, gc=False):
    """Rewards and bonds (P5)."""

    rewards: int = 0
    last_reward: Micros = 0
    bonds: list[str] = field(default_factory=list)
    cut: tuple[Cut, ...] = ()  # at most one for each bond


class Exit(Struct, array_like=True, gc=False):
    """An explained exit since the last purchase."""

    at: Micros = 0
    ref: Ref = NO_FACT
    reason: str = ""


class Account(Struct, array_like=True, gc=False):
    """The ledger of experiences (X1), and the negative experiences since the last occasion."""

    debt: float = 0.0  # at `debt_at`
    debt_at: Micros = 0
    pending: list[Micros] = field(default_factory=list)  # purchases whose week is not over, ascending
    bad: int = 0  # negative experiences ever
    last_bad_ref: Ref = NO_FACT
    trouble: Trouble | None = None
    merged: tuple[int, ...] = ()  # empty, or how many more purchases each of `pending` stands for
    about: tuple[int, ...] = ()  # empty, or how many of `bad` were with each of `BAD_SUBJECTS`
    last_bad: Cause | None = None  # the newest experience that was bad


class Life(Struct, array_like=True, gc=False):
    """The stage in force (L1)."""

    stage: Stage = "prospect"
    since: Micros = 0
    core_before: bool = False  # was core before the present stage
    golden_by: Micros = 0  # end of the first purchase's week, where that purchase was inside the conversion window
    customer_since: Micros = 0  # as the business says (J5)
    known: bool = False  # was a customer long before the first purchase that was seen


class Tiering(Struct, array_like=True, gc=False):
    """The tier in force (T1), and a fall that is pending or from which the customer has not recovered (T2)."""

    tier: Tier = "none"
    ranked: bool = False
    low_since: Micros = 0  # since when the yearly value belongs to a lower tier
    low_opener: Ref = NO_FACT
    drop_from: Tier = "none"
    drop_at: Micros = 0
    drop_opener: Ref = NO_FACT


class Attitude(Struct, array_like=True, gc=False):
    """The loyalty type in force (Q1)."""

    type: LoyaltyType = "unknown"
    apostle_until: Micros = 0  # when the customer stopped being an apostle; the dwell time runs from then
    apostle_opener: Ref = NO_FACT
    terrorist_at: Micros = 0
    terrorist_opener: Ref = NO_FACT


class Rise(Struct, array_like=True, gc=False):
    """A step by which the risk has risen (`risk-rising`)."""

    at: Micros
    ref: Ref  # the last purchase before it
    low: int  # the lowest risk of the window before, in ten-thousandths
    high: int  # the risk at the review or fact that showed the rise, in ten-thousandths
    over: bool = False  # the risk is back by half; until the next purchase nothing more is said


class RiskReading(Struct, array_like=True, gc=False):
    """The risk at the last review, and the questions that will become lessons."""

    last: float = -1.0  # -1 where none
    at: Micros = 0
    next_review: Micros = 0
    next_question: Micros = 0
    questions: list[Question] = field(default_factory=list)
    lows: list[int] = field(default_factory=list)  # day and risk in ten-thousandths by turns; both rise
    rise: Rise | None = None


class Profile(Struct, array_like=True, gc=False):
    """Names and attributes for lists and messages."""

    name: str = ""
    locale: str = ""
    owner_id: str = ""
    store_id: str = ""
    refuses_offers: bool = False  # has refused marketing


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

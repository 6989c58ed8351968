"""What a customer has open with us: complaints, requests and promises, and contacts in both directions."""

from msgspec import Struct, field

from scorers.contract.events import ComplaintSeverity, Duration, Micros
from scorers.timeline.facts import NO_FACT, Ref

MAX_OPEN_CASES = 48
MAX_CLOSED_CASES = 6
MAX_OUTREACH = 12


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
    unacknowledged: bool = False  # the acknowledgement deadline has passed without one


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

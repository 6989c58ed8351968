"""The events of the contract, as types that cannot hold an invalid value.

An event is a fact with an identity (`source`, `id`), an instant and, with few exceptions, a customer. This module holds
types and closed lists of codes; `wire` decodes them. A new event type is a class here and a function in `evolve`.
"""

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from scorers.contract.ids import TRIMMED

Micros = int  # microseconds since 1970-01-01T00:00:00Z
Duration = int  # microseconds

SECOND: Duration = 1_000_000
MINUTE: Duration = 60 * SECOND
HOUR: Duration = 60 * MINUTE
DAY: Duration = 24 * HOUR


class Instant(int):
    """A point in event time, in microseconds since 1970; RFC 3339 with a zone on the wire."""


# `wire` checks these patterns on whole records, as a pattern per field is slow; here they are for the JSON schema.
_PLAIN = r"^[^\x00-\x1f\x7f-\x9f]+$"  # no control characters
Key = Annotated[
    str, Meta(min_length=1, max_length=512, extra_json_schema={"pattern": TRIMMED})
]  # what facts are joined on
Name = Annotated[str, Meta(min_length=1, max_length=512, extra_json_schema={"pattern": _PLAIN})]
_FREE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"
Text = Annotated[
    str, Meta(max_length=4096, extra_json_schema={"pattern": _FREE})
]  # free text: tabs and line ends are allowed, other control characters are not
Code = Annotated[str, Meta(min_length=1, max_length=128, extra_json_schema={"pattern": _PLAIN})]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$", max_length=3)]  # the length, as `$` lets a line end pass
MAX_MINOR = 10**15  # ten trillion in a currency of two decimals: more is a mistake, not a sale
Amount = Annotated[int, Meta(ge=0, le=MAX_MINOR)]
SignedAmount = Annotated[int, Meta(ge=-MAX_MINOR, le=MAX_MINOR)]
Stars = Annotated[int, Meta(ge=1, le=5)]
Recommendation = Annotated[int, Meta(ge=0, le=10)]
Quantity = Annotated[float, Meta(ge=-1e9, le=1e9)]

Purpose = Literal["service", "marketing", "sales"]
RequestStatus = Literal["open", "answered", "closed"]
Tone = Literal["calm", "tense", "rude"]
ComplaintSeverity = Literal["minor", "major", "critical"]
ComplaintSubject = Literal["product", "service", "brand"]
Formality = Literal["formal", "informal"]
RewardKind = Literal["financial", "non_financial"]
Bond = Literal["cross_sell", "bundle", "reward", "social", "customization", "structural"]
Pulse = Literal["asked", "thanked", "answered"]
PulseCode = Literal["recognition", "independence", "contribution", "salary"]
ActionName = Literal["ack", "snooze", "act", "resolve", "note", "dismiss", "undo"]
PartyType = Literal["internal", "external", "final"]
EXIT_REASONS = (
    "competitor",
    "unattended_service",
    "unrectified_defect",
    "boredom",
    "price",
    "service_quality",
    "product_quality",
    "pressure",
    "moved_away",
    "no_more_need",
    "unknown",
)
ExitReason = Annotated[str, Meta(pattern="^(" + "|".join(EXIT_REASONS) + "|other:[^\\x00-\\x1f\\x7f-\\x9f]{1,64})$")]


class Event(Struct, frozen=True, kw_only=True, tag_field="type", gc=False, omit_defaults=True):
    """The fields of every event."""

    id: Key
    source: Key
    time: Instant
    customer_id: Key
    schema_version: Annotated[int, Meta(ge=1, le=1)] | None = 1


class Item(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One line of a basket."""

    sku: Key
    quantity: Quantity
    amount_minor: SignedAmount | None = None
    category: Name | None = None
    lot: Key | None = None


class Purchase(Event, frozen=True, kw_only=True, gc=False, tag="purchase.completed"):
    """A sale. Without a customer it is anonymous: counted, never profiled."""

    amount_minor: Amount
    currency: Currency
    customer_id: Key | None = None  # type: ignore[assignment]  # the till may not know the buyer
    margin_minor: SignedAmount | None = None
    discount_minor: Amount | None = None
    store_id: Key | None = None
    channel: Name | None = None
    staff_id: Name | None = None
    items: tuple[Item, ...] | None = None


class Refund(Event, frozen=True, kw_only=True, gc=False, tag="purchase.refunded"):
    """Money given back. It never moves the stage back. Without a customer it is that of an anonymous sale."""

    amount_minor: Amount
    currency: Currency
    customer_id: Key | None = None  # type: ignore[assignment]  # as of the sale
    purchase_id: Key | None = None
    sku: Key | None = None
    reason: Text | None = None


class Contact(Event, frozen=True, kw_only=True, gc=False):
    """The fields of contacts in either direction."""

    channel: Name
    purpose: Purpose | None = None
    topic: Text | None = None
    request_id: Key | None = None
    request_status: RequestStatus | None = None
    staff_id: Name | None = None
    store_id: Key | None = None
    satisfaction: Stars | None = None
    tone: Tone | None = None
    cost_minor: Amount | None = None


class ContactReceived(Contact, frozen=True, kw_only=True, gc=False, tag="contact.received"):
    """The customer contacted the business."""


class ContactMade(Contact, frozen=True, kw_only=True, gc=False, tag="contact.made"):
    """The business contacted the customer: outreach, or an answer to a request."""


class Complaint(Event, frozen=True, kw_only=True, gc=False):
    """The fields of every step of a complaint."""

    complaint_id: Key
    customer_id: Key | None = None  # type: ignore[assignment]  # an anonymous complaint counts for themes
    severity: ComplaintSeverity | None = None  # minor if no step has said it; the newest step that says it counts
    subject: ComplaintSubject | None = None
    sku: Key | None = None
    lot: Key | None = None
    store_id: Key | None = None
    formality: Formality | None = None  # formal if no step has said it
    public: bool | None = None  # not public if no step has said it; the newest step that says it counts
    reason: Text | None = None


class ComplaintOpened(Complaint, frozen=True, kw_only=True, gc=False, tag="complaint.opened"):
    """A complaint was made; both of its deadlines start to run."""


class ComplaintAcknowledged(Complaint, frozen=True, kw_only=True, gc=False, tag="complaint.acknowledged"):
    """The customer was told that the complaint was received."""


class ComplaintResolved(Complaint, frozen=True, kw_only=True, gc=False, tag="complaint.resolved"):
    """The complaint was rectified; both deadlines stop."""


class ComplaintReopened(Complaint, frozen=True, kw_only=True, gc=False, tag="complaint.reopened"):
    """The complaint was not rectified after all; its deadline goes on with the time that was left."""


class SurveyAnswered(Event, frozen=True, kw_only=True, gc=False, tag="survey.answered"):
    """The customer answered a survey."""

    satisfaction: Stars
    would_recommend: Recommendation | None = None
    store_id: Key | None = None  # that the survey was about


class ReferralMade(Event, frozen=True, kw_only=True, gc=False, tag="referral.made"):
    """The customer recommended the business to others, or warned them of it."""

    positive: bool
    referred_customer_id: Key | None = None


class OwnerJudged(Event, frozen=True, kw_only=True, gc=False, tag="owner.judged"):
    """A member of staff judged the customer good, or not."""

    good: bool
    by: Name | None = None
    note: Text | None = None


class ExitExplained(Event, frozen=True, kw_only=True, gc=False, tag="exit.explained"):
    """The customer left and said why."""

    reason: ExitReason
    competitor: Name | None = None
    note: Text | None = None


class CompetitorMentioned(Event, frozen=True, kw_only=True, gc=False, tag="competitor.mentioned"):
    """The customer mentioned a competitor."""

    competitor: Name


class Promise(Event, frozen=True, kw_only=True, gc=False):
    """The fields of every step of a promise."""

    promise_id: Key
    due: Instant | None = None
    topic: Text | None = None


class PromiseMade(Promise, frozen=True, kw_only=True, gc=False, tag="promise.made"):
    """The business made a promise to the customer."""


class PromiseKept(Promise, frozen=True, kw_only=True, gc=False, tag="promise.kept"):
    """The promise was kept."""


class PromiseBroken(Promise, frozen=True, kw_only=True, gc=False, tag="promise.broken"):
    """The promise was broken."""


class RewardGranted(Event, frozen=True, kw_only=True, gc=False, tag="reward.granted"):
    """The customer received a reward, like a coupon, a gift or an honour."""

    reward: RewardKind
    value_minor: Amount | None = None


class BondStarted(Event, frozen=True, kw_only=True, gc=False, tag="bond.started"):
    """A bond with the customer began, like a bundle or a membership."""

    bond: Bond


class BondEnded(Event, frozen=True, kw_only=True, gc=False, tag="bond.ended"):
    """A bond ended."""

    bond: Bond


class LeadCreated(Event, frozen=True, kw_only=True, gc=False, tag="lead.created"):
    """Somebody may become a customer."""

    value_minor: Amount | None = None
    traits: dict[str, str] | None = None
    location: Name | None = None
    affiliation: Name | None = None
    campaign: Name | None = None


class StaffPulse(Event, frozen=True, kw_only=True, gc=False, tag="staff.pulse"):
    """Staff of a site were asked, thanked, or answered; `customer_id` is the site's id."""

    store_id: Key
    pulse: Pulse
    codes: tuple[PulseCode, ...] | None = None
    score: Stars | None = None


class CustomerDescribed(Event, frozen=True, kw_only=True, gc=False, tag="customer.described"):
    """The customer's name, other ids and attributes, for rosters and messages, and since when they are known as a customer."""

    name: Name | None = None
    party_type: PartyType | None = None
    locale: Code | None = None
    owner_id: Name | None = None
    aliases: tuple[Key, ...] | None = None
    consent: dict[str, bool] | None = None
    attributes: dict[str, str] | None = None
    customer_since: date | None = None


class CustomerMerged(Event, frozen=True, kw_only=True, gc=False, tag="customer.merged"):
    """Two ids belong to one customer: this one is continued as `into`."""

    into: Key


class CustomerErased(Event, frozen=True, kw_only=True, gc=False, tag="customer.erased"):
    """The customer asked to be erased."""


class AlarmAction(Event, frozen=True, kw_only=True, gc=False, tag="alarm.action"):
    """A person did something about an alarm, or about an entry of a worklist; one that names neither has no effect."""

    customer_id: Key | None = None  # type: ignore[assignment]  # None where the alarm is about no customer
    alarm_id: Code | None = None
    worklist_date: Annotated[str, Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$", max_length=10)] | None = None
    action: ActionName
    by: Name
    until: Instant | None = None
    reason: Text | None = None
    treatment: Code | None = None
    channel: Name | None = None
    cost_minor: Amount | None = None


CustomerEvent = (
    Purchase
    | Refund
    | ContactReceived
    | ContactMade
    | ComplaintOpened
    | ComplaintAcknowledged
    | ComplaintResolved
    | ComplaintReopened
    | SurveyAnswered
    | ReferralMade
    | OwnerJudged
    | ExitExplained
    | CompetitorMentioned
    | PromiseMade
    | PromiseKept
    | PromiseBroken
    | RewardGranted
    | BondStarted
    | BondEnded
    | LeadCreated
    | CustomerDescribed
)
"""The events that change the state of a customer."""

AnyEvent = CustomerEvent | AlarmAction | StaffPulse | CustomerMerged | CustomerErased

TOPIC_OF: dict[str, str] = {
    "purchase": "purchases",
    "contact": "contacts",
    "complaint": "complaints",
    "survey": "feedback",
    "referral": "feedback",
    "owner": "feedback",
    "exit": "feedback",
    "competitor": "feedback",
    "promise": "feedback",
    "reward": "feedback",
    "bond": "feedback",
    "lead": "feedback",
    "staff": "feedback",
    "customer": "feedback",
    "alarm": "alarm-actions",
}
"""Input topic by the first word of the event type."""

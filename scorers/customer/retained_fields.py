"""The fields of events that a customer's row does not keep, because nothing reads them."""

from typing import get_args

from scorers.contract.events import (
    AlarmAction,
    AnyEvent,
    CompetitorMentioned,
    Complaint,
    ContactReceived,
    CustomerDescribed,
    ExitExplained,
    LeadCreated,
    OwnerJudged,
    Purchase,
    ReferralMade,
    Refund,
    SurveyAnswered,
)
from scorers.customer.exposed import pack
from scorers.timeline.retained_fields import RetainedFields, Unread

_UNREAD: Unread = {
    AlarmAction: {"until": None, "reason": None, "treatment": None, "channel": None},
    Purchase: {"channel": None, "staff_id": None},
    Refund: {"purchase_id": None},
    ContactReceived: {"staff_id": None},
    Complaint: {"sku": None, "lot": None},
    SurveyAnswered: {"store_id": None},
    ReferralMade: {"referred_customer_id": None},
    OwnerJudged: {"by": None, "note": None},
    ExitExplained: {"competitor": None, "note": None},
    CompetitorMentioned: {"competitor": "-"},
    LeadCreated: {"campaign": None},
    CustomerDescribed: {"aliases": (), "attributes": None},
}
RETAINED = RetainedFields(get_args(AnyEvent), _UNREAD, pack)

"""Deliveries of Zendesk, Freshdesk, Intercom and Chatwoot: a case is a contact, or by rules a complaint."""

from typing import Any

import pytest

from streams.hooks.delivery import Unusable
from streams.hooks.settings import ComplaintRules
from tests.support.deliveries import FRESHDESK, chatwoot, chatwoot_message, intercom, zendesk
from tests.support.taking_hooks import drafts, events

RULES = ComplaintRules(types=("Problem",), priorities=("urgent",), csat_at_most=2)
TAGGED = ["Complaint", "vip"]


def kinds(type: str, body: Any, **settings: Any) -> list[tuple[str, str]]:
    """Types and ids of the events."""
    return [(one["type"], one["id"]) for one in events(type, body, **settings)]


def test_a_ticket_is_a_contact() -> None:
    """It is open until it is solved; nothing of its words is kept."""
    (opened,) = events("zendesk", zendesk("created"))
    assert opened == {
        "type": "contact.received",
        "id": "ticket:35436",
        "time": "2024-05-06T07:00:00Z",
        "customer_id": "20978392",
        "channel": "web_service",
        "request_id": "35436",
        "request_status": "open",
        "purpose": "service",
        "source": "zendesk",
    }
    (solved,) = events("zendesk", zendesk("status_changed", {"current": "SOLVED", "previous": "OPEN"}))
    assert (solved["type"], solved["request_status"]) == ("contact.made", "closed")


@pytest.mark.parametrize(
    ("detail", "is_one"),
    [
        ({"tags": ["complaint"]}, True),
        ({"tags": ["COMPLAINT "]}, True),
        ({"type": "PROBLEM"}, True),
        ({"priority": "URGENT"}, True),
        ({"tags": ["complaints"], "type": "QUESTION", "priority": "HIGH"}, False),
        ({"tags": None, "type": None, "priority": None}, False),
    ],
)
def test_the_rules_say_what_is_a_complaint(detail: dict[str, Any], is_one: bool) -> None:
    """A tag, a type or a priority, in any case of letters."""
    ((kind, _),) = kinds("zendesk", zendesk("created", **detail), complaint=RULES)
    assert kind == ("complaint.opened" if is_one else "contact.received")


def test_a_complaint_has_its_steps() -> None:
    """Acknowledged by an answer, resolved when solved, and reopened; whenever it is tagged, the complaint is the same."""
    (opened,) = events("zendesk", zendesk("created", tags=TAGGED, priority="HIGH"))
    assert (opened["complaint_id"], opened["severity"]) == ("35436", "major")
    assert events("zendesk", zendesk("tags_changed", tags=TAGGED, priority="HIGH")) == [opened]
    reply = {"comment": {"id": "5", "is_public": True, "author": {"is_staff": True}}}
    assert kinds("zendesk", zendesk("comment_added", reply, tags=TAGGED)) == [("complaint.acknowledged", "comment:5")]
    solved = zendesk("status_changed", {"current": "SOLVED", "previous": "OPEN"}, tags=TAGGED)
    assert kinds("zendesk", solved) == [("complaint.resolved", "ticket:35436:cbe4028c")]
    again = zendesk("status_changed", {"current": "OPEN", "previous": "SOLVED"}, tags=TAGGED)
    assert kinds("zendesk", again) == [("complaint.reopened", "ticket:35436:cbe4028c")]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (zendesk("comment_added", {"comment": {"id": "5", "is_public": False}}), "does not see"),
        (zendesk("status_changed", {"current": "CLOSED", "previous": "SOLVED"}), "solved before"),
        (zendesk("status_changed", {"current": "PENDING", "previous": "OPEN"}), "pending is not used"),
        (zendesk("created", requester_id=None), "of nobody"),
        (zendesk("tags_changed"), "no complaint"),
        ({"type": "zen:event-type:user.created", "id": "x"}, "is not used"),
    ],
)
def test_what_of_zendesk_is_not_taken(body: dict[str, Any], why: str) -> None:
    """With the reason."""
    assert why in drafts("zendesk", body)


@pytest.mark.parametrize(
    ("happened", "kind"),
    [
        ("created", "contact.received"),
        ("asked", "contact.received"),
        ("answered", "contact.made"),
        ("resolved", "contact.made"),
        ("reopened", "contact.received"),
        ("rated", "survey.answered"),
    ],
)
@pytest.mark.parametrize("desk", ["zendesk", "freshdesk"])
def test_the_form_to_paste_is_read(desk: str, happened: str, kind: str) -> None:
    """By both desks, with the time of the delivery where none is given."""
    form = {"ticket_id": 42, "happened": happened, "requester_id": 7, "ticket_tags": "a, b", "rating": "2"}
    (event,) = events(desk, form)
    assert (event["type"], event["customer_id"], event["time"]) == (kind, "7", "2024-05-06T07:10:00Z")


def test_the_simple_form_of_freshdesk_is_read() -> None:
    """The keys that Freshdesk makes of the boxes that are ticked, under its own name."""
    (complaint,) = events("freshdesk", FRESHDESK)
    assert (complaint["type"], complaint["severity"], complaint["time"]) == (
        "complaint.opened",
        "major",
        "2024-05-06T07:08:09Z",
    )
    simple = {
        "ticket_id": 43,
        "ticket_status": "Open",
        "ticket_requester_email": "ana@example.com",
        "triggered_event": "{ticket_action:created}",
        "ticket_source": "Portal",
    }
    (contact,) = events("freshdesk", {"freshdesk_webhook": simple})
    assert (contact["id"], contact["customer_id"], contact["channel"]) == ("ticket:43", "ana@example.com", "Portal")
    assert "is not used" in drafts("freshdesk", {"freshdesk_webhook": {"ticket_id": 1, "ticket_status": "Pending"}})


def test_a_bad_rating_is_an_answer_and_by_rule_a_complaint() -> None:
    """One from 1 to 5."""
    rating = {
        "ticket_id": 42,
        "happened": "rated",
        "rating": 2,
        "customer_id": "C-7",
        "happened_at": "2024-05-06T07:08:09Z",
    }
    assert [kind for kind, _ in kinds("freshdesk", rating)] == ["survey.answered"]
    assert [kind for kind, _ in kinds("freshdesk", rating, complaint=RULES)] == ["survey.answered", "complaint.opened"]
    assert [kind for kind, _ in kinds("freshdesk", rating | {"rating": 3}, complaint=RULES)] == ["survey.answered"]
    with pytest.raises(Unusable, match="1 to 5"):
        drafts("freshdesk", rating | {"rating": 6})


@pytest.mark.parametrize(
    ("topic", "kind"),
    [
        ("conversation.user.created", ("contact.received", "ticket:1911149811")),
        ("conversation.user.replied", ("contact.received", "part:9")),
        ("conversation.admin.replied", ("contact.made", "part:9")),
        ("conversation.admin.closed", ("contact.made", "part:9")),
        ("conversation.admin.opened", ("contact.received", "part:9")),
        ("conversation.rating.added", ("survey.answered", "ticket:1911149811:rating:2024-05-06T07:08:00Z")),
    ],
)
def test_the_topics_of_intercom(topic: str, kind: tuple[str, str]) -> None:
    """A step has the id of its part of the conversation; the customer is the business's own id."""
    parts = {"conversation_parts": [{"id": "9", "created_at": 1_714_979_200}]}
    rating = {"rating": 4, "created_at": 1_714_979_280}
    found = events("intercom", intercom(topic, conversation_parts=parts, conversation_rating=rating))
    assert [(one["type"], one["id"]) for one in found] == [kind]
    assert found[0]["customer_id"] == "C-7"


def test_other_topics_of_intercom_are_not_used() -> None:
    """Its ping too, and a tag makes a complaint."""
    assert "ping is not used" in drafts("intercom", {"type": "notification_event", "topic": "ping", "data": {}})
    tagged = intercom("conversation_part.tag.created", tags={"tags": [{"name": "complaint"}]})
    assert kinds("intercom", tagged) == [("complaint.opened", "ticket:1911149811:complaint")]
    nameless = intercom("conversation.user.created", contacts={"contacts": [{"id": "5bc8f7ae"}]})
    assert events("intercom", nameless)[0]["customer_id"] == "5bc8f7ae"


def test_the_events_of_chatwoot() -> None:
    """Conversations, messages of either side, their end, and the answer to a survey."""
    assert kinds("chatwoot", chatwoot("conversation_created")) == [("contact.received", "ticket:12")]
    assert kinds("chatwoot", chatwoot_message()) == [("contact.received", "message:77")]
    assert kinds("chatwoot", chatwoot_message(message_type="outgoing")) == [("contact.made", "message:77")]
    resolved = chatwoot("conversation_status_changed", status="resolved")
    assert kinds("chatwoot", resolved) == [("contact.made", "ticket:12:resolved:2024-05-06T07:08:09.500000Z")]
    (opened,) = events("chatwoot", chatwoot("conversation_updated", labels=["complaint"], priority="urgent"))
    assert (opened["type"], opened["severity"], opened["time"]) == (
        "complaint.opened",
        "critical",
        "2024-05-06T07:03:20Z",
    )
    survey = {"submitted_values": {"csat_survey_response": {"rating": 1, "feedback_message": "canary"}}}
    (rated,) = events("chatwoot", chatwoot_message("message_updated", content_attributes=survey))
    assert (rated["type"], rated["satisfaction"], rated["id"]) == ("survey.answered", 1, "message:77:rating")
    for body, why in (
        (chatwoot_message(private=True), "private note"),
        (chatwoot_message(message_type="template"), "of the system"),
        (chatwoot_message("message_updated"), "that changes"),
        (chatwoot("webwidget_triggered"), "is not used"),
    ):
        assert why in drafts("chatwoot", body)


@pytest.mark.parametrize(
    ("desk", "body"),
    [
        ("zendesk", zendesk("created")),
        ("freshdesk", FRESHDESK),
        ("intercom", intercom("conversation.user.created")),
        ("chatwoot", chatwoot_message()),
    ],
)
def test_no_word_of_a_message_is_kept(desk: str, body: Any) -> None:
    """Ids and categories only."""
    assert "canary" not in str(events(desk, body))

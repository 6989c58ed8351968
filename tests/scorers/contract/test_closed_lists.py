"""Errors about a value that is on no closed list name the list."""

import json

import msgspec
import pytest

from scorers.contract.closed_lists import event_values
from scorers.contract.wire import EVENT_TYPES, Rejection, decode

FIELDS = [(kind, field) for kind in sorted(EVENT_TYPES) for field in (
    "severity", "subject", "formality", "purpose", "request_status", "tone", "reward", "bond", "party_type", "pulse",
) if event_values(kind, field)]  # fmt: skip


@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_a_value_that_is_not_listed_is_answered_with_the_list(kind: str, field: str) -> None:
    """For every closed list of every type, generated from the types."""
    needed = {
        "complaint_id": "K",
        "channel": "phone",
        "store_id": "s",
        "pulse": "asked",
        "reward": "financial",
        "bond": "reward",
    }
    head = {"id": "1", "source": "t", "type": kind, "time": "2024-01-01T00:00:00Z", "customer_id": "a"}
    found = decode(json.dumps(head | needed | {field: "huge"}).encode())
    assert isinstance(found, Rejection)
    assert found.code == "bad_value"
    assert found.detail == f"{field} is none of {', '.join(event_values(kind, field))}"


def test_lists_inside_lists_and_open_lists_are_named_too() -> None:
    """The codes of staff, and the reasons of an exit, which may be one's own."""
    head = {"id": "1", "source": "t", "time": "2024-01-01T00:00:00Z", "customer_id": "a"}
    pulse = head | {"type": "staff.pulse", "store_id": "a", "pulse": "asked", "codes": ["huge"]}
    told = decode(msgspec.json.encode(pulse))
    assert isinstance(told, Rejection)
    assert told.detail == "codes[0] is none of recognition, independence, contribution, salary"
    told = decode(msgspec.json.encode(head | {"type": "exit.explained", "reason": "bored"}))
    assert isinstance(told, Rejection)
    assert "none of competitor, unattended_service" in told.detail
    assert told.detail.endswith("or other: with a code of your own")

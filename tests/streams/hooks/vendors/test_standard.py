"""Deliveries after Standard Webhooks, with events of the contract."""

import pytest

from streams.hooks.delivery import Unusable
from tests.support.deliveries import STANDARD
from tests.support.taking_hooks import drafts, events


def test_events_are_carried_as_they_are() -> None:
    """One, or an array; the source is the hook's where none is named."""
    assert events("standard", STANDARD) == [STANDARD]
    bare = {name: value for name, value in STANDARD.items() if name != "source"}
    assert events("standard", [STANDARD, bare | {"id": "s2"}]) == [STANDARD, STANDARD | {"id": "s2"}]


def test_the_recommended_form_is_read() -> None:
    """Type, timestamp and data; the webhook's id is the event's."""
    data = {"customer_id": "C1", "amount_minor": 1200, "currency": "EUR"}
    body = {"type": "purchase.completed", "timestamp": "2024-05-06T07:08:09Z", "data": data}
    assert events("standard", body, {"webhook-id": "s1"}) == [STANDARD]


@pytest.mark.parametrize(
    "body", [b"1", b"[1]", b"null", b'"x"', b"{", b'{"id": 1, "id": 2}', b"[" * 100_000, b'"%s"' % (b"9" * 20_000)]
)
def test_what_is_no_object_is_refused(body: bytes) -> None:
    """With a sentence."""
    with pytest.raises(Unusable):
        drafts("standard", body)

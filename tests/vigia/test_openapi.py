"""The OpenAPI document of the gateway."""

import jsonschema_rs

from scorers.contract.events import AnyEvent
from streams.gateway.gateway import STATUSES
from tests.support.door import purchase
from vigia.openapi import REFUSALS, openapi


def test_every_status_is_documented() -> None:
    """What the gateway counts by is what the document names."""
    named = {status for path in openapi()["paths"].values() for one in path.values() for status in one["responses"]}
    assert named == {str(status) for status in STATUSES}
    assert set(REFUSALS) == {status for status in named if status >= "400"}


def test_the_events_of_the_document_are_those_of_the_contract() -> None:
    """A sale fits, one without an amount does not."""
    found = openapi()
    check = jsonschema_rs.Draft202012Validator(
        {"$ref": "#/components/schemas/Event", "components": found["components"]}
    )
    assert check.is_valid(purchase())
    assert not check.is_valid({name: value for name, value in purchase().items() if name != "amount_minor"})
    assert len(found["components"]["schemas"]["Event"]["oneOf"]) == len(AnyEvent.__args__)

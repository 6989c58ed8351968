"""CloudEvents over real HTTP: structured, batch and binary become the events that they stand for."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorers.contract.wire import Rejection, decode
from streams.gateway.cloud_events import BATCH, STRUCTURED, of_headers, unwrapped
from tests.support.door import DIGEST, TOKEN, Door, opened
from vigia.runtime.broker import Broker
from vigia.runtime.topic_reader import read


@pytest.fixture
async def door(broker: str) -> AsyncIterator[Door]:
    async with opened(broker, DIGEST) as door:
        yield door


def cloud(number: int, **changed: Any) -> dict[str, Any]:
    """A sale as a structured CloudEvent."""
    event = {
        "specversion": "1.0",
        "id": f"ce{number}",
        "source": "till",
        "type": "purchase.completed",
        "time": "2024-05-06T07:08:09Z",
        "subject": "C7",
        "datacontenttype": "application/json; charset=utf-8",
        "comexampleextension": "ignored",
        "data": {"amount_minor": 1200, "currency": "EUR"},
    }
    return {name: value for name, value in (event | changed).items() if value is not None}


def sale(number: int, **changed: Any) -> dict[str, Any]:
    """The event that it stands for."""
    event = {"type": "purchase.completed", "id": f"ce{number}", "source": "till", "time": "2024-05-06T07:08:09Z"}
    return event | {"customer_id": "C7", "amount_minor": 1200, "currency": "EUR"} | changed


async def sales(broker: str) -> dict[str, Any]:
    """The sales on Kafka by id."""
    found: list[bytes] = []
    await read(Broker(broker), "purchases", lambda record: found.append(record.value))
    return {event["id"]: event for event in map(json.loads, found)}


async def test_all_three_modes_arrive_as_events_of_the_contract(door: Door, broker: str) -> None:
    """`subject` is the customer where the data names none; attributes in headers are percent-encoded."""
    accepted = (202, {"accepted": 1, "duplicates": 0})
    assert await door.post(json.dumps(cloud(1)).encode(), {"Content-Type": STRUCTURED}) == accepted
    both = [cloud(2), cloud(3, data={"customer_id": "C8", "amount_minor": 5, "currency": "EUR"})]
    assert await door.post(json.dumps(both).encode(), {"Content-Type": BATCH}) == (
        202,
        {"accepted": 2, "duplicates": 0},
    )
    headers = {f"ce-{name}": str(value) for name, value in cloud(4, subject="Jos%C3%A9").items() if name != "data"}
    body = b'{"amount_minor": 1200, "currency": "EUR"}'
    assert await door.post(body, {"Content-Type": "application/json"} | headers) == accepted
    assert await door.post(json.dumps(cloud(1)).encode(), {"Content-Type": STRUCTURED}) == (
        202,
        {"accepted": 1, "duplicates": 1},
    )
    found = await sales(broker)
    assert {name: found[name] for name in ("ce1", "ce2", "ce3", "ce4")} == {
        "ce1": sale(1),
        "ce2": sale(2),
        "ce3": sale(3, customer_id="C8", amount_minor=5),
        "ce4": sale(4, customer_id="José"),
    }


@pytest.mark.parametrize(
    ("changed", "code", "detail"),
    [
        ({"specversion": None}, "missing_field", "not a CloudEvent: Object missing required field `specversion`"),
        ({"specversion": "0.3"}, "schema_unknown", "specversion is '0.3'; only '1.0' is read"),
        ({"id": 7}, "wrong_type", "not a CloudEvent: Expected `str`, got `int` - at `$.id`"),
        ({"time": None}, "missing_field", "time is missing"),
        ({"type": "purchase.done"}, "unknown_type", ""),
        ({"data": "12 euros"}, "not_object", "data is not a JSON object"),
        ({"data": None}, "missing_field", "amount_minor is missing"),
        ({"data": {"id": "x", "amount_minor": 1, "currency": "EUR"}}, "bad_value", ""),
        ({"data_base64": "AAAA"}, "wrong_type", "data_base64 is not read: send data as a JSON object"),
        ({"datacontenttype": "text/plain"}, "wrong_type", "datacontenttype is 'text/plain'; send JSON"),
    ],
)
async def test_what_is_no_event_is_refused_with_its_reason(
    door: Door, changed: dict[str, Any], code: str, detail: str
) -> None:
    """In a batch by its place, and nothing of the batch is taken."""
    body = json.dumps([cloud(10), cloud(11, **changed)]).encode()
    status, answer = await door.post(body, {"Content-Type": BATCH})
    assert (status, answer["rejected"]) == (400, 1)
    (bad,) = answer["lines"]
    assert (bad["index"], bad["code"]) == (1, code)
    assert detail in bad["detail"]


async def test_a_partial_batch_takes_the_good_ones(door: Door) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}", "Content-Type": BATCH}
    body = json.dumps([cloud(20), cloud(21, specversion="2"), cloud(22)])
    async with door.session.post(f"{door.url}/v1/events?partial=true", data=body, headers=bearer) as answer:
        assert answer.status == 207
        assert [one["status"] for one in (await answer.json())["items"]] == [202, 400, 202]


async def test_headers_without_an_attribute_are_refused(door: Door) -> None:
    headers = {"Content-Type": "application/json", "ce-specversion": "1.0", "ce-id": "1", "ce-source": "till"}
    status, answer = await door.post(b"{}", headers)
    assert (status, answer["lines"][0]["detail"]) == (400, "not a CloudEvent: there is no header ce-type")


async def test_other_kinds_are_told_what_may_be_sent(door: Door) -> None:
    status, answer = await door.post(b"<xml/>", {"Content-Type": "application/cloudevents+xml"})
    assert status == 415
    assert STRUCTURED in answer["error"]


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    st.binary()
    | st.fixed_dictionaries({}, optional=dict.fromkeys(cloud(1), _values)).map(lambda one: json.dumps(one).encode())
)
def test_nothing_makes_it_raise(raw: bytes) -> None:
    """Whatever comes, it is an event, a rejection, or bytes whose rejection the decoder names."""
    found = unwrapped(raw)
    assert isinstance(found, Rejection) or decode(found) is not None


@given(
    st.dictionaries(st.sampled_from(["ce-specversion", "ce-id", "ce-type", "ce-source", "ce-subject"]), st.text()),
    st.binary(),
)
def test_no_header_makes_it_raise(headers: dict[str, str], body: bytes) -> None:
    found = of_headers({"ce-specversion": "1.0"} | headers, body)
    assert isinstance(found, Rejection) or decode(found) is not None


def test_a_deep_envelope_is_bounded() -> None:
    """Nesting ends in a rejection, not in the end of the process."""
    deep = b'{"specversion":"1.0","id":"1","source":"s","type":"t","data":' + b"[" * 100_000
    found = unwrapped(deep)
    rejected = found if isinstance(found, Rejection) else decode(found)
    assert isinstance(rejected, Rejection)

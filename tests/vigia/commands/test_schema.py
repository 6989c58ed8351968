"""The published schemas and the decoder tell the same contract."""

import copy
import json
from pathlib import Path
from typing import Any, get_args

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorers.contract.events import TOPIC_OF, AnyEvent
from scorers.contract.wire import Rejection, decode, encode_alarm, encode_event
from tests.scorers.contract.test_wire import ACCEPTED
from tests.scorers.contract.test_wire_back import ALARM, records
from tests.support.paths import DATA
from vigia.schema import asyncapi, json_schemas, write_schemas

OFFICIAL = DATA / "asyncapi" / "asyncapi-3.0.0.json"
# numbers that the standard library's parser, or the validator, does not take
UNPARSED = {"a huge number in an unknown field", "5,000 digits in an unknown field"}
EVENTS = {str(cls.__struct_config__.tag): cls for cls in get_args(AnyEvent)}


def validator(schema: dict[str, Any]) -> Any:
    """A validator that takes formats seriously."""
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


VALIDATORS = {name: validator(schema) for name, schema in json_schemas().items()}


def official_faults(document: dict[str, Any]) -> list[str]:
    """What the official schema of AsyncAPI finds wrong."""
    official = jsonschema_rs.Draft7Validator(json.loads(OFFICIAL.read_text(encoding="utf-8")))
    return [error.message for error in official.iter_errors(document)]


def test_asyncapi_document_is_valid() -> None:
    """The official schema accepts the document, and does not accept just anything."""
    assert official_faults(asyncapi()) == []
    for breakage in (
        {"asyncapi": "2.6.0"},
        {"operations": {"x": {"action": "shout"}}},
        {"channels": {"x": {"topic": 1}}},
    ):
        assert official_faults(asyncapi() | breakage)


def test_asyncapi_references_lead_somewhere() -> None:
    """Every $ref of the document points at something in it."""
    document = asyncapi()

    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            return [node["$ref"]] if "$ref" in node else [r for part in node.values() for r in references(part)]
        return [r for part in node for r in references(part)] if isinstance(node, list) else []

    found = references(document)
    assert len(found) > 2 * len(EVENTS)
    for reference in found:
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_every_event_stands_on_its_topic() -> None:
    """A channel carries exactly the types of its topic, each keyed for Kafka."""
    document = asyncapi()
    for name in EVENTS:
        topic = TOPIC_OF[name.split(".")[0]]
        assert [t for t, channel in document["channels"].items() if name in channel["messages"]] == [topic]
        assert document["components"]["messages"][name]["bindings"]["kafka"]["key"]["type"] == "string"
    assert list(document["channels"]["alarms"]["messages"]) == ["alarm"]
    assert document["channels"]["purchases"]["bindings"]["kafka"]["topic"] == "purchases"


def test_files_are_written(tmp_path: Path) -> None:
    """One file a type and one for AsyncAPI, the same every time, each a schema that validators take."""
    written = write_schemas(tmp_path / "new")
    names = {f"{name}.json" for name in (*EVENTS, "alarm", "lesson", "worklist.entry")}
    names |= {"asyncapi.json", "policy.schema.json"}
    assert {path.name for path in written} == names
    before = {path: path.read_bytes() for path in written}
    assert {path: path.read_bytes() for path in write_schemas(tmp_path / "new")} == before
    for path in written:
        if path.name != "asyncapi.json":
            jsonschema_rs.meta.validate(json.loads(before[path]))


@pytest.mark.parametrize("raw", [pytest.param(raw, id=name) for name, raw in ACCEPTED if name not in UNPARSED])
def test_what_is_accepted_is_valid(raw: bytes) -> None:
    """What the decoder takes the schema takes."""
    record = json.loads(raw)
    VALIDATORS[record["type"]].validate(record)


@pytest.mark.parametrize("name", EVENTS)
def test_every_encoded_event_is_valid(name: str) -> None:
    """What is told of any event its schema takes."""

    @settings(max_examples=25, deadline=None)
    @given(records(EVENTS[name]))
    def told(event: AnyEvent) -> None:
        VALIDATORS[name].validate(json.loads(encode_event(event)))

    told()


def test_alarm_is_valid() -> None:
    """What is told of an alarm its schema takes; an alarm without its kind it does not."""
    told = json.loads(encode_alarm(ALARM))
    VALIDATORS["alarm"].validate(told)
    del told["kind"]
    assert not VALIDATORS["alarm"].is_valid(told)


ODD = st.sampled_from(
    [None, True, 0, -1, 7, 1.5, 10**16, "", " ", "c ", "\u00a0c", "\ufeffc", "a\nb", "a\x7f", "\x85", "eur", "EUR\n", "price\n",
     "other:", "other:\u2028", "2024-05-06", "2024-02-30T00:00:00Z", "2024-05-06 07:08:09Z", "x" * 600, [], {}, [" a"], [1], [{}],
     [{"sku": "", "quantity": 1}], [{"sku": "a", "quantity": "1"}], {"a": 1}, {"a": "b"}]
)  # fmt: skip


@pytest.mark.parametrize("name", EVENTS)
def test_what_the_schema_refuses_is_refused(name: str) -> None:
    """The decoder is at least as strict as the schema, whatever field is spoilt."""
    refused = 0

    @settings(max_examples=60, deadline=None)
    @given(records(EVENTS[name]), st.data())
    def spoilt(event: AnyEvent, data: st.DataObject) -> None:
        nonlocal refused
        record = copy.deepcopy(json.loads(encode_event(event)))
        field = data.draw(st.sampled_from(sorted({*EVENTS[name].__struct_fields__} | {"unknown"})))
        if field in record and data.draw(st.booleans()):
            del record[field]
        else:
            record[field] = data.draw(ODD)
        if not VALIDATORS[name].is_valid(record):
            refused += 1
            assert isinstance(decode(json.dumps(record).encode()), Rejection), record

    spoilt()
    assert refused > 5


VALUES = (
    "null", "true", "false", "0", "1", "-1", "3", "7", "1.0", "3.0", "2e3", "1E2", "1.5", "-0.0", "1e15", "1e16", "1000000000000001",
    '""', '"a"', '" a"', '"a "', '"a b"', '"a\u200b"', '"\u00a0a"', '"\ufeffa"', '"a\u3164"', '"e\u0301"', '"\u00e9"', '"a\\u0007"',
    '"a\\tb"', '"\\u0061 "', '"EUR"', '"eur"', '"minor"', '"major"', '"formal"', '"product"', '"open"', '"calm"', '"price"', '"other:x"',
    '"other:"', '"asked"', '"financial"', '"bundle"', '"final"', '"service"', '"2024-05-06T07:08:09Z"', '"2024-05-06"',
    "[]", "{}", '["a"]', '["salary"]', '[" a"]', "[null]", '{"a": "b"}', '{"a": true}', '{"a": null}',
    '[{"sku": "a", "quantity": 1}]', '[{"sku": "a", "quantity": 2e0, "amount_minor": 10.0, "category": null, "lot": null}]',
    '[{"sku": "a ", "quantity": 1}]', '[{"sku": "a", "quantity": 1, "lot": "b "}]', '[{"sku": null, "quantity": 1}]', '[{"sku": "a"}]',
    '[{"sku": "a", "quantity": null}]', '[{"sku": "a", "quantity": 1, "amount_minor": 1.5}]', '"' + "x" * 513 + '"', '"' + "x" * 4097 + '"',
)  # fmt: skip
"""JSON texts that some field takes and others do not."""

LEAST: dict[str, Any] = {
    "id": "e1", "source": "s", "time": "2024-05-06T07:08:09Z", "customer_id": "c1", "amount_minor": 1, "currency": "EUR",
    "channel": "web", "complaint_id": "K", "satisfaction": 3, "positive": True, "good": True, "reason": "price", "competitor": "X",
    "promise_id": "P", "reward": "financial", "bond": "bundle", "store_id": "S", "pulse": "asked", "into": "c2", "action": "act", "by": "Eva",
}  # fmt: skip
"""A value for each field that some type requires."""


def least(name: str) -> dict[str, Any]:
    """The smallest record of a type."""
    wanted = [field.name for field in msgspec.structs.fields(EVENTS[name]) if field.required]
    return {"type": name, **{field: LEAST[field] for field in wanted}}


@pytest.mark.parametrize("name", EVENTS)
def test_schema_and_decoder_agree_on_every_field(name: str) -> None:
    """Each field of the type with each of many values, and without it: what one accepts, the other accepts."""
    seen = set()
    for field in EVENTS[name].__struct_fields__:
        for text in (*VALUES, None):
            record = least(name)
            record.pop(field, None)
            raw = json.dumps(record).encode()
            if text is not None:
                raw = raw[:-1] + f', "{field}": {text}}}'.encode()
            valid = VALIDATORS[name].is_valid(json.loads(raw))
            decoded = decode(raw)
            assert valid == (not isinstance(decoded, Rejection)), (raw, decoded)
            seen.add(valid)
    assert seen == {True, False}


@pytest.mark.parametrize("name", EVENTS)
def test_null_is_the_same_as_absent(name: str) -> None:
    """In every optional field of every type, and all at once."""
    record = least(name)
    optional = [field.name for field in msgspec.structs.fields(EVENTS[name]) if not field.required]
    bare = decode(json.dumps(record).encode())
    assert not isinstance(bare, Rejection)
    for fields in ([*optional], *([field] for field in optional)):
        given = decode(json.dumps(record | dict.fromkeys(fields)).encode())
        assert not isinstance(given, Rejection), (fields, given)
        assert encode_event(msgspec.structs.replace(given, schema_version=1)) == encode_event(bare)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        (name, field.name)
        for name in EVENTS
        for field in msgspec.structs.fields(EVENTS[name])
        if field.name in ("customer_id", "complaint_id", "request_id", "promise_id", "store_id", "sku")
    ],
)
def test_ids_that_facts_join_on_are_composed(name: str, field: str) -> None:
    """An accented letter of two characters, plain or escaped, is the same id as that of one."""
    for raw in (
        json.dumps(least(name) | {field: "pi\u00f1a"}),
        json.dumps(least(name) | {field: "pin\u0303a"}),
        json.dumps(least(name) | {field: "pin\u0303a"}, ensure_ascii=False),
    ):
        event = decode(raw.encode())
        assert not isinstance(event, Rejection), event
        assert getattr(event, field) == "pi\u00f1a"

"""Generate the wire contract: a JSON Schema for each type and one AsyncAPI document.

Schemas are generated from the types that `wire` decodes. What a schema rejects, `wire` rejects too; not the reverse,
because a schema cannot express a duplicate key or a date in 2100.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import msgspec

from scorers.contract.alarms import Alarm
from scorers.contract.events import TOPIC_OF, AnyEvent, Instant
from scorers.contract.worklist import WorklistEntry
from streams.records.lessons import LessonRecord
from vigia.policies.schema import NAME, policy_schema

Schema = dict[str, Any]

INFO = {
    "title": "Vigía",
    "version": "1",
    "description": "Who is about to leave, why, what it costs and what to do, while there is still time. "
    "Topic names are the defaults; a prefix is a setting. Unknown fields are ignored.",
    "license": {"name": "Apache-2.0"},
}

# topic, purpose, whether Vigía receives from it, whether it sends to it, the key of its records
TOPICS: tuple[tuple[str, str, bool, bool, str], ...] = (
    ("purchases", "Sales and refunds.", True, False, "customer_id"),
    ("contacts", "Contacts in either direction.", True, False, "customer_id"),
    ("complaints", "The steps of complaints.", True, False, "customer_id"),
    ("feedback", "What customers, staff and owners say.", True, False, "customer_id"),
    ("alarm-actions", "What people did about alarms.", True, True, "customer_id"),
    (
        "groups",
        "Facts about stores and sites, on their way to the partition of their key.",
        True,
        True,
        "a group's name",
    ),
    ("clock", "Ticks and control records, a copy per partition.", True, True, "none: sent to a partition"),
    ("alarms", "The life of every alarm.", True, True, "id of the alarm's subject"),
    (
        "worklist",
        "Who is worth an effort on each date; null for who is on an edition no more, and for the erased.",
        False,
        True,
        "customer_id",
    ),
    ("customers", "A row for each customer, compacted; null for the erased.", False, True, "customer_id"),
    ("lessons", "Features with the label that is now known.", True, True, "keyed hash of the customer's id"),
    ("figures", "Contributions to base-wide figures and to worklists.", True, True, "none: one partition"),
    ("models", "Signed model snapshots, compacted.", True, True, "model version"),
    (
        "dead-letters",
        "Records that could not be read or folded, with the reason in headers.",
        True,
        True,
        "as received",
    ),
)


def write_schemas(out: Path) -> list[Path]:
    """Write `<type>.json` for every event, the alarm, the lesson and the entry of a worklist, `asyncapi.json`, and the policy's schema."""
    out.mkdir(parents=True, exist_ok=True)
    documents = {f"{name}.json": schema for name, schema in json_schemas().items()}
    documents["asyncapi.json"] = asyncapi()
    documents[NAME] = policy_schema()
    written = []
    for name, document in documents.items():
        path = out / name
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(path)
    return written


def json_schemas() -> dict[str, Schema]:
    """Return a self-contained JSON Schema (2020-12) for each type, by its name.

    >>> json_schemas()["customer.erased"]["required"]
    ['type', 'id', 'source', 'time', 'customer_id']
    """
    return {name: _alone(name, record) for name, record in _records()}


def asyncapi() -> Schema:
    """Return the AsyncAPI 3.0 document: topics as channels, types as messages."""
    messages = {name: _topic_of(name) for name, _ in _records()}
    types = [record for _, record in _records()]
    _, schemas = msgspec.json.schema_components(types, schema_hook=instants, ref_template="#/components/schemas/{name}")
    return {
        "asyncapi": "3.0.0",
        "info": INFO,
        "defaultContentType": "application/json",
        "channels": {
            topic: {
                "address": topic,
                "description": purpose,
                "messages": {
                    name: {"$ref": f"#/components/messages/{name}"} for name, of in messages.items() if of == topic
                },
                "bindings": {"kafka": {"topic": topic, "bindingVersion": "0.5.0"}},
            }
            for topic, purpose, _, _, _ in TOPICS
        },
        "operations": dict(_operations()),
        "components": {
            "messages": {
                name: {
                    "name": name,
                    "summary": _first_sentence(record),
                    "payload": {"$ref": f"#/components/schemas/{record.__name__}"},
                    "bindings": {"kafka": {"key": _key_of(messages[name]), "bindingVersion": "0.5.0"}},
                }
                for name, record in _records()
            },
            "schemas": schemas,
        },
    }


def _records() -> Iterable[tuple[str, type]]:
    """Yield every type that is written to a topic, with its name."""
    for event in get_args(AnyEvent):
        yield str(event.__struct_config__.tag), event
    yield "alarm", Alarm
    yield "lesson", LessonRecord
    yield "worklist.entry", WorklistEntry


def _topic_of(name: str) -> str:
    return {"alarm": "alarms", "lesson": "lessons", "worklist.entry": "worklist"}.get(name) or TOPIC_OF[
        name.split(".")[0]
    ]


def _key_of(topic: str) -> Schema:
    key = next(key for name, _, _, _, key in TOPICS if name == topic)
    return {"type": "string", "description": key}


def _operations() -> Iterable[tuple[str, Schema]]:
    for topic, _, receives, sends, _ in TOPICS:
        for action, does in (("receive", receives), ("send", sends)):
            if does:
                yield f"{action}-{topic}", {"action": action, "channel": {"$ref": f"#/channels/{topic}"}}


def _alone(name: str, record: type) -> Schema:
    (top,), parts = msgspec.json.schema_components([record], schema_hook=instants)
    own = parts.pop(top["$ref"].rsplit("/", 1)[1])
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:vigia:{name}:1"}
    return {**head, **own, **({"$defs": parts} if parts else {})}


def instants(kind: type) -> Schema:
    """The schema of a type that msgspec does not know."""
    if kind is Instant:
        return {"type": "string", "format": "date-time"}
    raise NotImplementedError(f"{kind.__name__} is not a type of the contract")


def _first_sentence(record: type) -> str:
    return (record.__doc__ or record.__name__).split("\n")[0]

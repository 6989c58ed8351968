"""Which life of a topic this is: Kafka gives a topic that is made anew another id, under the same name.

Offsets of an earlier life mean nothing in the next one. The client library speaks an older form of the request that
knows no ids, so the newer one is spelled out here, and nothing else is. A broker that gives no ids (the embedded one
forgets everything anyway) has its topics in one life for ever. How many partitions a topic has comes with the answer.
"""

import base64
from collections.abc import Iterable
from io import BytesIO
from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import IncompatibleBrokerVersion
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

ONLY = "0"
"""The life of a topic whose broker gives no ids."""
LETTERS = 8  # of the id: forty-eight random bits are enough to tell two incarnations apart, and rows carry them


class Incarnation(NamedTuple):
    """A topic as it is: which life of its name, and over how many partitions it is spread (0 where that is not told)."""

    id: str = ONLY
    partitions: int = 0


class _Id:
    """Sixteen bytes."""

    @staticmethod
    def encode(value: bytes) -> bytes:
        return value

    @staticmethod
    def decode(data: BytesIO) -> bytes:
        return data.read(16)


_tags = ("tags", TaggedFields)
_name = ("name", CompactString("utf-8"))


class _Answer(Response):  # type: ignore[misc]  # the library has no types
    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                _tags,
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                _name,
                ("id", _Id),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        _tags,
                    ),
                ),
                ("authorized_operations", Int32),
                _tags,
            ),
        ),
        _tags,
    )


class _Question(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 12
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        ("topics", CompactArray(("id", _Id), _name, _tags)),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        _tags,
    )


class _Asked(Request[_Question]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, names: Iterable[str]) -> None:
        self._names = list(names)

    def build(self, request_struct_class: type[_Question]) -> _Question:
        return request_struct_class([(bytes(16), name, {}) for name in self._names], False, False, {})


async def incarnations(admin: AIOKafkaAdminClient, topics: Iterable[str]) -> dict[str, Incarnation]:
    """The life of each topic that there is."""
    names = list(topics)
    try:
        answer: Any = await admin._send_request(_Asked(names))
    except (IncompatibleBrokerVersion, NotImplementedError):
        return dict.fromkeys(names, Incarnation())
    return {
        name: Incarnation(
            base64.urlsafe_b64encode(topic_id).decode()[:LETTERS] if any(topic_id) else ONLY, len(partitions)
        )
        for error, name, topic_id, _, partitions, *_ in answer.topics
        if not error
    }

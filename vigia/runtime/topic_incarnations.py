"""Asks Kafka for the incarnation of a topic: one that is deleted and created again gets another id under the same name.

Offsets of one incarnation mean nothing in another. aiokafka speaks an older version of the metadata request that has no
ids, so the newer version is spelled out here. A broker without ids (the embedded one) has one incarnation for ever. The
answer contains the number of partitions as well.
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
"""The incarnation of a topic whose broker gives no ids."""
LETTERS = 8  # of the id: forty-eight random bits distinguish two incarnations, and every row carries them


class Incarnation(NamedTuple):
    """A topic as it is: the incarnation of its name, and its number of partitions (0 where the broker does not say)."""

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


class _MetadataResponse(Response):  # type: ignore[misc]  # the library has no types
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


class _MetadataRequestStruct(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 12
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", CompactArray(("id", _Id), _name, _tags)),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        _tags,
    )


class _MetadataRequest(Request[_MetadataRequestStruct]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, names: Iterable[str]) -> None:
        self._names = list(names)

    def build(self, request_struct_class: type[_MetadataRequestStruct]) -> _MetadataRequestStruct:
        return request_struct_class([(bytes(16), name, {}) for name in self._names], False, False, {})


async def incarnations(admin: AIOKafkaAdminClient, topics: Iterable[str]) -> dict[str, Incarnation]:
    """The incarnation of each topic that exists."""
    names = list(topics)
    try:
        answer: Any = await admin._send_request(_MetadataRequest(names))
    except (IncompatibleBrokerVersion, NotImplementedError):
        return dict.fromkeys(names, Incarnation())
    return {
        name: Incarnation(
            base64.urlsafe_b64encode(topic_id).decode()[:LETTERS] if any(topic_id) else ONLY, len(partitions)
        )
        for error, name, topic_id, _, partitions, *_ in answer.topics
        if not error
    }

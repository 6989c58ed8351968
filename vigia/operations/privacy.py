"""Finds what is held of one customer: rows and files of the state folder, topics, Redis, logs, or the folder of a replay.

An id is found where it stands as a whole: as the key of a record or row, as a text of JSON or MessagePack, or as a word.
Records on topics cannot be deleted one by one. Once an erasure of the customer is on `feedback`, they are reported with the date
by which they are gone (`vigia.runtime.privacy.register`), and count as found only after that date.
"""

import gzip
import json
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, cast

from msgspec import Struct, field, msgpack
from redis.asyncio import Redis
from rocksdict import AccessType, Options, Rdict

from streams.records.lessons import pseudonyms
from vigia.runtime.broker import Broker
from vigia.runtime.erasures import read_erasure
from vigia.runtime.privacy.keyed_hash import KeyedHash
from vigia.runtime.privacy.register import LIMITS
from vigia.runtime.topic_reader import read
from vigia.runtime.topics import TOPICS
from vigia.runtime.usage_error import UsageError

DAY_MS = 86_400_000
OLD_BYTES_DAYS = 1
COMPACTED = {topic.name for topic in TOPICS if topic.compacted}


class Trace:
    """Recognises one customer's id in bytes, or what stands for it in lessons.

    >>> trace = Trace("C1")
    >>> trace.is_in(b'{"customer_id":"C1"}'), trace.is_in(b'{"customer_id":"C12"}'), trace.is_in(b"customer C1, gone")
    (True, False, True)
    """

    def __init__(self, customer_id: str, hashes: KeyedHash | None = None) -> None:
        raw = customer_id.encode()
        self.key = raw
        others = [] if hashes is None else list(pseudonyms(hashes, customer_id))
        self.names = frozenset((customer_id, *others))
        texts = {json.dumps(customer_id).encode(), json.dumps(customer_id, ensure_ascii=False).encode()}
        words = [re.escape(one) for one in (*texts, msgpack.encode(customer_id), *(one.encode() for one in others))]
        if re.search(r"[^\d.:\-]", customer_id) or len(customer_id) >= 8:  # else times and amounts would be found
            words.append(rb"(?<![\w\-])" + re.escape(raw) + rb"(?![\w\-])")
        self._found = re.compile(b"|".join(words)).search

    def is_in(self, data: bytes | None) -> bool:
        """Whether the id stands in these bytes."""
        return data is not None and self._found(data) is not None

    def is_of(self, record: Any) -> bool:
        """Whether key or value of a record name the customer."""
        return record.key == self.key or self.is_in(record.key) or self.is_in(record.value)


class Finding(NamedTuple):
    """A place where the id stands: how often, the first time, and in milliseconds since 1970 when it is gone; 0 for never."""

    place: str
    times: int
    first: str
    gone_by: int = 0


class OnTopics(Struct):
    """What the topics hold of a customer: the records by topic, and when the last erasure was written, in milliseconds."""

    records: dict[str, list[Any]] = field(default_factory=dict)
    erased: int = 0

    def findings(self) -> Iterator[Finding]:
        """One finding for each topic."""
        for topic, found in self.records.items():
            first = f"partition {found[0].partition}, offset {found[0].offset}"
            written = max(max(record.timestamp for record in found), self.erased)
            replaced = topic not in COMPACTED or not _live(found)
            gone_by = written + LIMITS.get(topic, 0) * DAY_MS if self.erased and replaced else 0
            yield Finding(f"topic {topic}", len(found), first, gone_by)


def _live(records: list[Any]) -> bool:
    """Whether a record of a compacted topic stands: the newest of its key has a value."""
    newest: dict[Any, Any] = {}
    for record in records:
        if (record.key, record.partition) not in newest or newest[record.key, record.partition].offset < record.offset:
            newest[record.key, record.partition] = record
    return any(record.value is not None for record in newest.values())


async def on_topics(broker: Broker, trace: Trace) -> OnTopics:
    """Read all topics with personal data. A topic that does not exist is left out; raises `UsageError` if none exists."""
    held, missing = OnTopics(), 0
    for topic in LIMITS:
        found: list[Any] = []
        keys: set[bytes | None] = set()

        def look(record: Any, found: list[Any] = found, keys: set[bytes | None] = keys) -> None:
            if trace.is_of(record) or record.key in keys:
                keys.add(record.key)
                found.append(record)

        try:
            await read(broker, topic, look)
        except UsageError:
            missing += 1
            continue
        mine = found if topic in COMPACTED else [record for record in found if trace.is_of(record)]
        if mine:
            held.records[topic] = mine
        if topic == "feedback":
            erasures = [record for record in mine if record.key == trace.key and read_erasure(record) is not None]
            held.erased = max((record.timestamp for record in erasures), default=0)
    if missing == len(LIMITS):
        raise UsageError(f"there are no topics of Vigía with the prefix {broker.prefix!r}; correct --prefix")
    return held


def in_stores(state: Path, trace: Trace) -> Iterator[Finding]:
    """Rows of the stores below a state folder that name the customer."""
    for store in sorted(path for path in state.rglob("*.db*") if (path / "CURRENT").exists()):
        rows = [key for key, row in _rows(store) if trace.is_in(key) or key == trace.key or trace.is_in(row)]
        if rows:
            yield Finding(f"rows of {store}", len(rows), repr(rows[0]))


def _rows(store: Path) -> Iterator[tuple[bytes, bytes]]:
    table = Rdict(str(store), options=Options(raw_mode=True), access_type=AccessType.read_only())
    try:
        yield from cast("Iterator[tuple[bytes, bytes]]", table.items())  # raw mode knows bytes alone
    finally:
        table.close()


def in_files(folder: Path, trace: Trace, erased: int = 0) -> Iterator[Finding]:
    """Files below a folder whose bytes name the customer; packed files are unpacked.

    Files of a store keep the bytes of rows for some time after an erasure, which was written at `erased` milliseconds since 1970.
    """
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with suppress(FileNotFoundError):  # a store has compacted it away meanwhile
            data = path.read_bytes()
            if data[:2] == b"\x1f\x8b":
                data = gzip.decompress(data)
            if trace.is_in(data):
                lines = [number for number, line in enumerate(data.split(b"\n"), 1) if trace.is_in(line)]
                is_store = path.suffix == ".deleted" or path.parent.suffix == ".db"
                gone_by = erased + OLD_BYTES_DAYS * DAY_MS if erased and is_store else 0
                yield Finding(f"file {path}", len(lines), f"line {lines[0]}" if lines else "its end", gone_by)


async def in_redis(url: str, prefix: str, trace: Trace) -> Iterator[Finding]:
    """Keys of Vigía in a Redis that name the customer, or whose content does."""
    redis: Redis = Redis.from_url(url, socket_timeout=10, socket_connect_timeout=10)
    try:
        keys = redis.scan_iter(match=f"{prefix}vigia:*", count=1000)
        found = [key async for key in keys if trace.is_in(key) or trace.is_in(await _content(redis, key))]
    finally:
        await redis.aclose()
    return iter([Finding("Redis", len(found), repr(found[0].decode(errors="replace")))] if found else [])


async def _content(redis: Redis, key: bytes) -> bytes:
    found: Any
    match await redis.type(key):
        case b"hash":
            found = [one for pair in (await redis.hgetall(key)).items() for one in pair]
        case b"zset":
            found = await redis.zrange(key, 0, -1)
        case b"set":
            found = await redis.smembers(key)
        case b"list":
            found = await redis.lrange(key, 0, -1)
        case _:
            found = [await redis.get(key) or b""]
    return b"\n".join(cast("list[bytes]", found))


def is_overdue(finding: Finding) -> bool:
    """Whether nothing may stand there any more."""
    return finding.gone_by < time.time_ns() // 1_000_000

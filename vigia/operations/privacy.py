"""Finds what is held of one customer: rows, tables and files of the state folder, topics, Redis, logs, or the folder of a replay.

An id is found where it stands as a whole: as the key of a record or row, as a text of JSON or MessagePack, or as a word.
Records on topics cannot be deleted one by one. Once an erasure of the customer is on `feedback`, they are reported with the date
by which they are gone (`vigia.runtime.privacy.register`), and count as found only after that date.
"""

import gzip
import json
import re
import sqlite3
import time
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import quote

from msgspec import DecodeError, Struct, field, msgpack
from redis import Redis
from rocksdict import AccessType, Options, Rdict

from scorers.timeline.row import PACKED, unpacked
from streams.records.lessons import pseudonyms
from vigia.readmodel.redis_address import RedisAddress
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
        self._parts = frozenset((raw, b"%d:%b" % (len(raw), raw)))  # as stores write it into keys of several parts
        others = [] if hashes is None else list(pseudonyms(hashes, customer_id))
        self.names = frozenset((customer_id, *others))
        texts = {json.dumps(customer_id).encode(), json.dumps(customer_id, ensure_ascii=False).encode()}
        words = [re.escape(one) for one in (*texts, msgpack.encode(customer_id), *(one.encode() for one in others))]
        if re.search(r"[^\d.:\-]", customer_id) or len(customer_id) >= 8:  # else times and amounts would be found
            words.append(rb"(?<![\w\-])" + re.escape(raw) + rb"(?![\w\-])")
        self._found = re.compile(b"|".join(words)).search

    def is_in(self, data: bytes | None) -> bool:
        """Whether the id stands in these bytes, or in a packed row at their end."""
        if data is None:
            return False
        return self._found(data) is not None or (
            (row := _packed_row(data)) is not None and self._found(row) is not None
        )

    def is_value(self, value: Any) -> bool:
        """Whether a value of a store names the customer: the id as a whole or as a part of a key, or text that is packed or not."""
        if isinstance(value, str):
            value = value.encode("utf-8", "surrogateescape")
        if not isinstance(value, bytes):
            return False
        if value[:1] == b"x":
            with suppress(zlib.error):
                value = zlib.decompress(value)
        return value in self._parts or self.is_in(value) or not self._parts.isdisjoint(value.split(b"\0"))

    def is_of(self, record: Any) -> bool:
        """Whether key or value of a record name the customer."""
        return record.key == self.key or self.is_in(record.key) or self.is_in(record.value)


def _packed_row(data: bytes) -> bytes | None:
    """The row of a subject that ends these bytes, unpacked; None if there is none."""
    begin = data.find(PACKED)
    if begin < 0:
        return None
    try:
        return unpacked(data[begin:])
    except DecodeError:
        return None  # a file of a store has the mark too, but it is no row


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


def in_tables(folder: Path, trace: Trace) -> Iterator[Finding]:
    """Rows of the SQLite files below a folder that name the customer; packed values are unpacked."""
    for path in sorted(folder.rglob("*.sqlite")):
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=30)) as db:
            for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall():
                rows = db.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - a name that the file itself gives
                found = [n for n, row in enumerate(rows, 1) if any(trace.is_value(value) for value in row)]
                if found:
                    yield Finding(f"table {table} of {path}", len(found), f"row {found[0]}")


def in_redis(address: RedisAddress, prefix: str, trace: Trace) -> Iterator[Finding]:
    """Keys of Vigía in a Redis that name the customer, or whose content does; packed values are unpacked."""
    redis = address.blocking_client()
    try:
        keys = cast("Iterator[bytes]", redis.scan_iter(match=f"{prefix}vigia:*", count=1000))
        found = [key for key in keys if trace.is_value(key) or any(map(trace.is_value, _content(redis, key)))]
    finally:
        redis.close()
    if found:
        yield Finding("Redis", len(found), repr(found[0].decode(errors="replace")))


def _content(redis: Redis, key: bytes) -> Iterator[Any]:
    """All fields, members and values of a key, some at a time."""
    match redis.type(key):
        case b"hash":
            for field_and_value in redis.hscan_iter(key, count=1000):
                yield from field_and_value
        case b"zset":
            yield from (member for member, _ in redis.zscan_iter(key, count=1000))
        case b"set":
            yield from redis.sscan_iter(key, count=1000)
        case b"list":
            yield from cast("list[bytes]", redis.lrange(key, 0, -1))
        case _:
            yield redis.get(key) or b""


def is_overdue(finding: Finding) -> bool:
    """Whether nothing may stand there any more."""
    return finding.gone_by < time.time_ns() // 1_000_000

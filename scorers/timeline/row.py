"""The row of a subject, which is all that is stored of it, and its encoding as bytes.

The invariants between its fields are in `timeline`; nothing is folded or judged here. A stored row is packed by LZ4, which makes it a quarter
smaller and takes 10 microseconds for both ways; `brief` stands before it and can be read alone.
"""

import struct
import zlib
from collections.abc import Collection

from cramjam import DecompressionError, lz4
from msgspec import DecodeError, Raw, Struct, field, msgpack
from msgspec.structs import replace

from scorers.contract.events import Micros
from scorers.in_force.figures import Contribution
from scorers.timeline.episodes import Episode
from scorers.timeline.facts import Fact, Ref, content_check, identity_of
from scorers.timeline.packing import decoder, encode

ROW_FORM = 1
PACKED = b"\xc1lz4"  # begins a packed row; no MessagePack begins so
MOST_BYTES = 1 << 24  # of a row that is not packed, so that damaged bytes cannot ask for more
_SIZE = struct.Struct("<I")
_BRIEF_SIZE = struct.Struct("<H")
_HEAD = len(PACKED) + _BRIEF_SIZE.size
SEEN = 8  # identities of facts in the snapshot that are still recognised
MAX_SEEN_EARLY = 2048  # the same while facts within the allowed lateness are in the snapshot


class CachedState(Struct, array_like=True, frozen=True, gc=False):
    """The state after some deadlines in a silence, so that reading the row does not judge those again."""

    state: bytes  # deflated; the snapshot is the dictionary
    policy: str  # the version by which it was judged; ignored under any other
    judged_to: Micros  # the last of these deadlines
    touched: tuple[str, ...]  # ids of the alarms that they touched

    @classmethod
    def of(
        cls, state: bytes, snapshot: bytes, policy: str, judged_to: Micros, touched: Collection[str]
    ) -> "CachedState":
        """Compress an encoded state with the snapshot as the dictionary."""
        window = max(
            12, min(15, len(snapshot).bit_length() + 1)
        )  # what it reaches; a larger one takes three times as long
        deflate = zlib.compressobj(6, wbits=-window, memLevel=5, zdict=snapshot)
        return cls(deflate.compress(state) + deflate.flush(), policy, judged_to, tuple(touched))

    def read(self, snapshot: bytes) -> bytes:
        """The encoded state."""
        return zlib.decompressobj(-15, zdict=snapshot).decompress(self.state)


class Moved(Struct, array_like=True, frozen=True, gc=False):
    """Where the facts of an id go that was merged into another one, and by which fact."""

    into: str
    at: Micros
    ref: Ref


class Row(Struct, array_like=True, gc=False):
    """What is stored of a subject; its current state follows from this and is not stored."""

    form: int
    id: str
    snapshot: bytes  # the state before the recent facts
    snapshot_time: Micros = 0  # of the newest fact in it
    forced: bool = False  # facts within the allowed lateness are in the snapshot, to limit the size
    clock: Micros = 0  # deadlines before this instant have been judged
    recent: list[Fact] = field(default_factory=list)  # facts after the snapshot
    emitted: list[Episode] = field(
        default_factory=list
    )  # each alarm open in the snapshot or touched since, as last emitted
    counts: list[Contribution] = field(default_factory=list)  # contributed since the snapshot
    lessons: list[Micros] = field(
        default_factory=list
    )  # when the questions were asked that were answered since the snapshot
    seen: list[int] = field(default_factory=list)  # digests of the newest identities in the snapshot
    erased: Micros = 0  # of a customer with the id of an erased one: facts up to this instant are rejected
    cached: CachedState | None = None
    reported: dict[str, int] | None = None  # of a group: the values last reported to customers
    origins: dict[str, int] | None = None  # by the log that facts are forwarded from, the newest offset folded
    contents: tuple[int, ...] = ()  # checks of the contents of the newest in `seen`
    brief: bytes = b""  # what a partition keeps in memory of the subject, so that it can be read without the state
    moved: Moved | None = None  # of an id that was merged away: nothing but where its facts go
    ids: tuple[str, ...] = ()  # the ids that were merged into this one, oldest first
    origin_times: dict[str, Micros] | None = None  # of a group: by the same logs, the time of the newest fact

    def copy(self) -> "Row":
        """A copy that later changes of this row do not reach."""
        return replace(self, recent=self.recent[:], counts=self.counts[:], lessons=self.lessons[:])

    def came_before(self, origin: tuple[str, int] | None) -> bool:
        """Whether a fact was forwarded from this log and offset before: facts of one log come in order."""
        return origin is not None and (self.origins or {}).get(origin[0], -1) >= origin[1]

    def note_origin(self, origin: tuple[str, int] | None) -> None:
        """Note the log and offset that a fact was forwarded from."""
        if origin is not None:
            self.origins = {**(self.origins or {}), origin[0]: origin[1]}

    def note_time(self, log: str, time: Micros) -> Micros:
        """Note the time of a fact that was forwarded from a log; returns the newest of that log."""
        times = self.origin_times or {}
        newest = max(time, times.get(log, 0))
        self.origin_times = {**times, log: newest}
        return newest

    def remember(self, folded: list[Fact]) -> None:
        """Keep the identities of facts that leave the recent ones."""
        most = MAX_SEEN_EARLY if self.forced else SEEN
        self.seen = (self.seen + [identity_of(fact) for fact in folded])[-most:]
        self.contents = (*self.contents, *[content_check(fact) for fact in folded])[-SEEN:]

    def has_seen(self, identity: int, check: int) -> bool:
        """Whether an identity in the snapshot came with the same content, as far as that is known."""
        place = self.seen.index(identity) - len(self.seen)
        return len(self.contents) < -place or self.contents[place] == check


_decode = decoder(Row)


def encode_row(row: Row) -> bytes:
    """The row as bytes."""
    return pack_row(encode(replace(row, brief=b"")), row.brief)


def pack_row(plain: bytes, brief: bytes = b"") -> bytes:
    """The bytes of a row, packed."""
    return PACKED + _BRIEF_SIZE.pack(len(brief)) + brief + bytes(lz4.compress_block(plain))


def decode_row(stored: bytes) -> Row:
    """The row that `encode_row` wrote, or a former build, which packed none. Raises msgspec.DecodeError if the bytes are no row."""
    row = _decode(unpacked(stored))
    if stored.startswith(PACKED):
        row.brief = brief_of(stored)
    return row


def unpacked(stored: bytes) -> bytes:
    """The bytes of a row without packing and `brief`. Raises msgspec.DecodeError if they are damaged."""
    if not stored.startswith(PACKED):
        return stored
    block = memoryview(stored)[_HEAD + len(brief_of(stored)) :]
    try:
        if _SIZE.unpack_from(block)[0] > MOST_BYTES:
            raise DecodeError("the size of a packed row is damaged")
        return bytes(lz4.decompress_block(block))
    except (struct.error, DecompressionError, ValueError) as fault:
        raise DecodeError(f"a packed row is damaged: {fault}") from None


class _Brief(Struct, array_like=True, frozen=True, gc=False):
    """A row of a former build, of which the fields before `brief` are skipped."""

    form: Raw
    id: Raw
    snapshot: Raw
    snapshot_time: Raw = Raw()
    forced: Raw = Raw()
    clock: Raw = Raw()
    recent: Raw = Raw()
    emitted: Raw = Raw()
    counts: Raw = Raw()
    lessons: Raw = Raw()
    seen: Raw = Raw()
    erased: Raw = Raw()
    cached: Raw = Raw()
    reported: Raw = Raw()
    origins: Raw = Raw()
    contents: Raw = Raw()
    brief: bytes = b""


_brief = msgpack.Decoder(_Brief).decode
_origins = msgpack.Decoder(dict[str, int] | None).decode
NONE = msgpack.encode(None)


def brief_of(stored: bytes) -> bytes:
    """The field `brief` of an encoded row; the rest is not decoded, which takes a microsecond or two."""
    if not stored.startswith(PACKED):
        return _brief(stored).brief
    try:
        (size,) = _BRIEF_SIZE.unpack_from(stored, len(PACKED))
    except struct.error as fault:
        raise DecodeError(f"a packed row is damaged: {fault}") from None
    return stored[_HEAD : _HEAD + size]


def origins_of(stored: bytes) -> dict[str, int]:
    """The field `origins` of an encoded row: by the log that facts are forwarded from, the newest offset folded."""
    return _origins(bytes(_brief(unpacked(stored)).origins) or NONE) or {}

"""The row of a subject: all that is kept of it, and how it becomes bytes and a row again.

`timeline` says what the fields mean to each other; nothing is folded or judged here.
"""

import zlib

import msgspec
from msgspec import Struct, field

from scorers.contract.events import Instant, Micros
from scorers.in_force.figures import Contribution
from scorers.timeline.episodes import Episode
from scorers.timeline.facts import Fact

ROW_FORM = 1


class CachedState(Struct, array_like=True, frozen=True, gc=False):
    """The state some deadlines after the newest fact, so that a silent subject is read without judging them again."""

    state: bytes  # deflated; the snapshot is the dictionary
    policy: str  # the version by which it was judged: under another one it is of no use
    judged_to: Micros  # the last of these deadlines
    touched: tuple[str, ...]  # the alarms that they touched

    @classmethod
    def of(cls, state: bytes, snapshot: bytes, policy: str, judged_to: Micros, touched: set[str]) -> "CachedState":
        """Compress a state against the snapshot that it follows from."""
        deflate = zlib.compressobj(6, wbits=-15, zdict=snapshot)
        return cls(deflate.compress(state) + deflate.flush(), policy, judged_to, tuple(touched))

    def read(self, snapshot: bytes) -> bytes:
        """The encoded state."""
        return zlib.decompressobj(-15, zdict=snapshot).decompress(self.state)


class Row(Struct, array_like=True, gc=False):
    """All that is kept of a subject; its current state follows from it and is not stored."""

    form: int
    id: str
    snapshot: bytes  # the settled state
    snapshot_time: Micros = 0  # of the newest fact in it
    forced: bool = False  # facts within the lateness were settled to make room
    clock: Micros = 0  # deadlines before this instant have been judged
    recent: list[Fact] = field(default_factory=list)  # facts after the snapshot
    emitted: list[Episode] = field(default_factory=list)  # each alarm as last emitted, since the snapshot
    counts: list[Contribution] = field(default_factory=list)  # contributed since the snapshot
    lessons: list[Micros] = field(default_factory=list)  # questions answered since the snapshot
    seen: list[int] = field(default_factory=list)  # digests of the newest settled identities
    erased: Micros = 0  # facts up to then stay out
    cached: CachedState | None = None
    reported: dict[str, int] | None = None  # of a group: what customers were last told
    origins: dict[str, int] | None = None  # of a group: how far each log was folded that facts were forwarded from


def _int(value: Instant) -> int:
    return int(value)


def _instant(_: type, value: int) -> Instant:
    return Instant(value)


encode_row = msgspec.msgpack.Encoder(enc_hook=_int).encode
decode_row = msgspec.msgpack.Decoder(Row, dec_hook=_instant).decode

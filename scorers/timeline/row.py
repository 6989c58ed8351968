"""The row of a customer, all that is kept, and how it becomes bytes and a row again.

What the fields mean to each other is `monitor`'s; nothing is folded or judged here.
"""

import zlib

import msgspec
from msgspec import Struct, field

from scorers.contract.events import AnyEvent, Instant, Micros
from scorers.customer.state import Customer, Episode, Ref
from scorers.in_force.figures import Contribution

ROW_VERSION = 1


class Fact(Struct, array_like=True, frozen=True, gc=False):
    """An event in a customer's ring, and where it stands in the log."""

    time: Micros
    event: AnyEvent
    ref: Ref

    @property
    def key(self) -> tuple[Micros, str, str]:
        """Facts fold in this order."""
        return (self.time, self.ref.source, self.ref.id)


class Row(Struct, array_like=True, gc=False):
    """All that is kept of a customer; the head is derived from the rest and not stored."""

    version: int
    id: str
    base: bytes
    base_time: Micros = 0  # of the newest fact in the base
    forced: bool = False  # a crowded day: facts younger than the lateness were settled
    clock: Micros = 0  # deadlines before this instant have been judged
    ring: list[Fact] = field(default_factory=list)
    told: list[Episode] = field(default_factory=list)  # what the world was last told of each alarm since the base
    counts: list[Contribution] = field(default_factory=list)
    lessons: list[Micros] = field(default_factory=list)  # answered questions since the base
    seen: list[int] = field(default_factory=list)
    erased: Micros = 0  # facts up to then stay out
    later: "Later | None" = None


class Later(Struct, array_like=True, frozen=True, gc=False):
    """The head as it was some deadlines after the newest fact."""

    head: bytes  # deflated; the base is the dictionary
    policy: str  # the version it was judged by: under another one it says nothing
    fired: Micros  # the last of these deadlines
    touched: tuple[str, ...]  # the alarms that they touched

    @classmethod
    def of(cls, head: bytes, base: bytes, policy: str, fired: Micros, touched: set[str]) -> "Later":
        told = zlib.compressobj(6, wbits=-15, zdict=base)
        return cls(told.compress(head) + told.flush(), policy, fired, tuple(touched))

    def read(self, base: bytes) -> bytes:
        """The head again, as bytes."""
        return zlib.decompressobj(-15, zdict=base).decompress(self.head)


def _int(value: Instant) -> int:
    return int(value)


def _instant(wanted: type, value: int) -> Instant:
    return Instant(value)


encode = msgspec.msgpack.Encoder(enc_hook=_int).encode
decode_customer = msgspec.msgpack.Decoder(Customer, dec_hook=_instant).decode
decode_row = msgspec.msgpack.Decoder(Row, dec_hook=_instant).decode

"""The row of a subject, which is all that is stored of it, and its encoding as bytes.

The invariants between its fields are in `timeline`; nothing is folded or judged here.
"""

import zlib
from collections.abc import Collection

from msgspec import Raw, Struct, field, msgpack
from msgspec.structs import replace

from scorers.contract.events import Micros
from scorers.in_force.figures import Contribution
from scorers.timeline.episodes import Episode
from scorers.timeline.facts import Fact, content_check, identity_of
from scorers.timeline.packing import decoder

ROW_FORM = 1
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
    origins: dict[str, int] | None = (
        None  # of a group: by the log that facts are forwarded from, the newest offset folded
    )
    contents: tuple[int, ...] = ()  # checks of the contents of the newest in `seen`
    brief: bytes = b""  # what a partition keeps in memory of the subject, so that it can be read without the state

    def copy(self) -> "Row":
        """A copy that later changes of this row do not reach."""
        return replace(self, recent=self.recent[:], counts=self.counts[:], lessons=self.lessons[:])

    def remember(self, folded: list[Fact]) -> None:
        """Keep the identities of facts that leave the recent ones."""
        most = MAX_SEEN_EARLY if self.forced else SEEN
        self.seen = (self.seen + [identity_of(fact) for fact in folded])[-most:]
        self.contents = (*self.contents, *[content_check(fact) for fact in folded])[-SEEN:]

    def has_seen(self, identity: int, check: int) -> bool:
        """Whether an identity in the snapshot came with the same content, as far as that is known."""
        place = self.seen.index(identity) - len(self.seen)
        return len(self.contents) < -place or self.contents[place] == check


decode_row = decoder(Row)


class _Brief(Struct, array_like=True, frozen=True, gc=False):
    """A row of which the fields before `brief` are skipped."""

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


def brief_of(stored: bytes) -> bytes:
    """The field `brief` of an encoded row; the rest is not decoded, which takes a microsecond or two."""
    return _brief(stored).brief

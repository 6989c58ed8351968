"""A row of the worker's table: a subject as bytes, preceded by its deadline and a customer's stage and tier.

Decoding a timeline folds its recent facts again, which is slow, and after a rebalance the deadlines of a million rows are read. So these
fields precede the bytes. A row that was decoded holds its timeline, which changes in place and is encoded once for each flush; a row
that was not holds its bytes.
"""

import struct
from typing import Protocol, get_args

from msgspec import Struct

from scorers.contract.alarms import Stage, Tier
from scorers.contract.events import Micros
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.partition.routing import subject_type, timeline_of
from scorers.subjects.customer import CUSTOMER
from scorers.timeline.row import brief_of
from scorers.timeline.timeline import AnyTimeline
from scorers.worklist.candidates import Readings, decode_readings, encode_readings
from streams.engine.rows import Codec

STAGES: tuple[Stage, ...] = get_args(Stage)
TIERS: tuple[Tier, ...] = get_args(Tier)
_prefix = struct.Struct(">qBB")
_NOBODY = STAGES.index("prospect"), TIERS.index("platinum")  # which no customer is: former builds can read it


class Encodable(Protocol):
    """A row's content that is encoded when the row is flushed."""

    def encode(self) -> bytes:
        """The bytes of the row."""


class StoredRow(Struct):
    """A row of a subject, or of the partition's own state (then `due` is 0)."""

    due: Micros
    stage: Stage = "prospect"
    tier: Tier = "none"
    data: bytes | Encodable = b""  # empty if there is a timeline
    timeline: AnyTimeline | None = None
    era: int = 0  # the policy under which the timeline was folded
    is_customer: bool = False
    is_nobody: bool = (
        False  # of an id without facts of its own, because it was merged away or only others were merged into it
    )

    @property
    def counted(self) -> tuple[Stage, Tier] | None:
        """Stage and tier of a customer; None for any other row."""
        return (self.stage, self.tier) if self.is_customer and not self.is_nobody else None

    @classmethod
    def of(cls, timeline: AnyTimeline, era: int) -> "StoredRow":
        """The row of a subject."""
        row = cls(0, timeline=timeline, era=era, is_customer=isinstance(timeline.state, Customer))
        row.refresh()
        return row

    @classmethod
    def of_partition(cls, data: bytes | Encodable) -> "StoredRow":
        """A row of the partition's own state."""
        return cls(0, data=data)

    def refresh(self) -> None:
        """Copy the fields that precede the bytes from the timeline, which has changed."""
        assert self.timeline is not None
        state = self.timeline.state
        self.due = state.due
        if self.is_customer:
            self.stage, self.tier = state.life.stage, state.tiering.tier
            self.is_nobody = not state.first_seen

    def readings(self) -> Readings | None:
        """The readings of a stored customer for worklists, without decoding the timeline; None if there are none."""
        brief = brief_of(self.data) if isinstance(self.data, bytes) else b""
        return decode_readings(brief) if brief else None

    def read(self, name: str, ctx: Context, era: int) -> AnyTimeline:
        """The timeline of the subject with this name, folded under the policy of this era; decoded if needed."""
        if self.timeline is None or self.era != era:
            data = self.data if self.timeline is None else self.timeline.encode()
            assert isinstance(data, bytes)
            subject = subject_type(name)
            self.timeline, self.era, self.data = timeline_of(subject).decode(subject, data, ctx), era, b""
            self.is_customer = subject is CUSTOMER
        return self.timeline


def _encode(row: StoredRow) -> bytes:
    prefix = _prefix.pack(row.due, *(_NOBODY if row.is_nobody else (STAGES.index(row.stage), TIERS.index(row.tier))))
    if row.timeline is not None:
        row.timeline.cache()
        if row.is_customer:
            row.timeline.row.brief = encode_readings(row.timeline.state)
        return prefix + row.timeline.encode()
    return prefix + (row.data if isinstance(row.data, bytes) else row.data.encode())


def _decode(stored: bytes) -> StoredRow:
    due, stage, tier = _prefix.unpack_from(stored)
    if (stage, tier) == _NOBODY:
        return StoredRow(due, data=stored[_prefix.size :], is_nobody=True)
    return StoredRow(due, STAGES[stage], TIERS[tier], stored[_prefix.size :])


CODEC: Codec[StoredRow] = Codec(_encode, _decode)

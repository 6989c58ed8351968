"""A row of the worker's table: a customer as bytes, with what must be known of it without reading them.

Making a monitor from bytes folds its recent facts again, which is dear; after a rebalance a million rows are looked at
for when they fall due. So that instant, the stage and the tier stand before the bytes. A monitor changes in place, while
the engine writes rows moments after they were folded: therefore the bytes are made when the row is put, and a row that
was put never changes.
"""

import struct
from typing import Any, get_args

from msgspec import Struct

from scorers.alarm import Stage, Tier
from scorers.context import Context
from scorers.events import Micros
from scorers.monitor import Monitor
from streams.rows import Codec
from streams.story import Version

STAGES: tuple[Stage, ...] = get_args(Stage)
TIERS: tuple[Tier, ...] = get_args(Tier)
_head = struct.Struct(">qBB")


class Kept(Struct):
    """A row: of a customer, or of what the partition keeps beside them (then `due` is 0)."""

    due: Micros
    stage: Stage
    tier: Tier
    data: bytes | Version
    live: Monitor | None = None
    era: int = 0  # the policy under which `live` was folded

    @classmethod
    def of(cls, monitor: Monitor, era: int) -> "Kept":
        """The row of a customer as it is now."""
        head = monitor.head
        return cls(monitor.due, head.stage, head.tier, monitor.encode(), monitor, era)

    @classmethod
    def beside(cls, data: "bytes | Version") -> "Kept":
        """A row that is no customer's."""
        return cls(0, "prospect", "none", data)

    def monitor(self, ctx: Context, era: int) -> Monitor:
        """The customer, made from the bytes if need be."""
        if self.live is None or self.era != era:
            assert isinstance(self.data, bytes)
            self.live, self.era = Monitor.decode(self.data, ctx), era
        return self.live


def _encode(kept: Kept) -> bytes:
    data: Any = kept.data
    told = _head.pack(kept.due, STAGES.index(kept.stage), TIERS.index(kept.tier))
    return told + (data if isinstance(data, bytes) else data.encode())


def _decode(stored: bytes) -> Kept:
    due, stage, tier = _head.unpack_from(stored)
    return Kept(due, STAGES[stage], TIERS[tier], stored[_head.size :])


CODEC: Codec[Kept] = Codec(_encode, _decode)

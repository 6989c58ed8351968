"""A row of the worker's table: a customer as bytes, with what must be known of it without reading them.

Making a monitor from bytes folds its recent facts again, which is dear; after a rebalance a million rows are looked at
for when they fall due. So that instant, the stage and the tier stand before the bytes. A row that was looked at is its
monitor, which changes in place and becomes bytes once for each flush; a row that was not is its bytes.
"""

import struct
from typing import Any, get_args

from msgspec import Struct

from scorers.contract.alarms import Stage, Tier
from scorers.contract.events import Micros
from scorers.in_force.context import Context
from scorers.timeline.timeline import Monitor
from streams.engine.rows import Codec
from streams.worker.partition_state import Version

STAGES: tuple[Stage, ...] = get_args(Stage)
TIERS: tuple[Tier, ...] = get_args(Tier)
_head = struct.Struct(">qBB")


class StoredRow(Struct):
    """A row: of a customer, or of what the partition keeps beside them (then `due` is 0)."""

    due: Micros
    stage: Stage
    tier: Tier
    data: bytes | Version = b""  # nothing while the customer is `live`
    live: Monitor | None = None
    era: int = 0  # the policy under which `live` was folded

    @classmethod
    def of(cls, monitor: Monitor, era: int) -> "StoredRow":
        """The row of a customer."""
        kept = cls(0, "prospect", "none", live=monitor, era=era)
        kept.look()
        return kept

    @classmethod
    def beside(cls, data: "bytes | Version") -> "StoredRow":
        """A row that is no customer's."""
        return cls(0, "prospect", "none", data)

    def look(self) -> None:
        """Say again what stands before the bytes: the monitor has changed."""
        assert self.live is not None
        head = self.live.head
        self.due, self.stage, self.tier = head.due, head.stage, head.tier

    def monitor(self, ctx: Context, era: int) -> Monitor:
        """The customer, folded under the policy of an era; made from the bytes if need be."""
        if self.live is None or self.era != era:
            data = self.data if self.live is None else self.live.encode()
            assert isinstance(data, bytes)
            self.live, self.era, self.data = Monitor.decode(data, ctx), era, b""
        return self.live


def _encode(kept: StoredRow) -> bytes:
    data: Any = kept.data if kept.live is None else kept.live
    told = _head.pack(kept.due, STAGES.index(kept.stage), TIERS.index(kept.tier))
    return told + (data if isinstance(data, bytes) else data.encode())


def _decode(stored: bytes) -> StoredRow:
    due, stage, tier = _head.unpack_from(stored)
    return StoredRow(due, STAGES[stage], TIERS[tier], stored[_head.size :])


CODEC: Codec[StoredRow] = Codec(_encode, _decode)

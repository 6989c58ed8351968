"""Reads customers out of a worker's table while the worker writes it.

What was in force is in the same table, so nothing else is needed; no event is read or folded here.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from rocksdict import AccessType, Options, Rdict

from scorers.contract.events import Micros
from scorers.in_force.context import Context
from scorers.policy.tables import Policy
from scorers.risk.model import UNTRAINED
from scorers.subjects.customer_row import customer_row
from streams.engine.fences import unpack
from streams.worker.in_force import adopt_stored
from streams.worker.partition_state import CONTROL, GROUP
from streams.worker.rows.stored_row import CODEC, StoredRow
from vigia.runtime.topics import TABLE


def customers(state: Path, policy: Policy, now: Micros) -> Iterator[dict[str, Any]]:
    """Every customer at an instant, in the order of their ids, from the state folder of one worker."""
    found: list[dict[str, Any]] = []
    for path in sorted(state.glob(f"*/tables/{TABLE}-*.db")):
        found += _partition(path, policy, now)
    yield from sorted(found, key=lambda row: str(row["customer_id"]))


def _partition(path: Path, policy: Policy, now: Micros) -> Iterator[dict[str, Any]]:
    ctx = Context(policy, UNTRAINED)
    in_force: list[tuple[bytes, bytes]] = []
    stored: list[tuple[str, StoredRow]] = []
    for key, data in _rows(path):
        if key.startswith((CONTROL, GROUP)):
            in_force.append((key, cast(bytes, CODEC.decode(data).data)))
        elif key > b"\x02":  # a customer: the keys of groups and of the partition's state begin with smaller bytes
            stored.append((key.decode(), CODEC.decode(data)))
    adopt_stored(ctx, in_force, now)
    for name, row in stored:
        timeline = row.read(name, ctx, 0)
        if timeline.state.first_seen:
            yield customer_row(timeline, now, ctx)


def _rows(path: Path) -> Iterator[tuple[bytes, bytes]]:
    table = Rdict(str(path), options=Options(raw_mode=True), access_type=AccessType.read_only())
    try:
        for key, stored in cast("Iterator[tuple[bytes, bytes]]", table.items()):  # raw mode knows bytes alone
            if not key.startswith(b"__faust"):
                yield key, unpack(stored)[1]
    finally:
        table.close()

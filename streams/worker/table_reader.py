"""How the customers stand, read out of a worker's table beside the worker that writes it.

What was in force lies in the same table as the customers, so nothing else has to be known: no event is folded here, and
none is read. It refuses to know how a row came to be.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from rocksdict import AccessType, Options, Rdict

from scorers.contract.events import Micros
from scorers.in_force.context import Context
from scorers.in_force.control import FiguresInForce, ModelInForce, decode_control
from scorers.policy.tables import Policy
from scorers.risk.model import UNTRAINED, read_model
from streams.engine.fences import unpack
from streams.replay.replay import customer_row
from streams.worker.partition_state import CONTROL
from streams.worker.stored_row import CODEC
from vigia.runtime.topics import TABLE


def customers(state: Path, policy: Policy, now: Micros) -> Iterator[dict[str, Any]]:
    """Every customer at an instant, in the order of their ids, from the state folder of one worker."""
    told: list[dict[str, Any]] = []
    for path in sorted(state.glob(f"*/tables/{TABLE}-*.db")):
        told += _partition(path, policy, now)
    yield from sorted(told, key=lambda row: str(row["customer_id"]))


def _partition(path: Path, policy: Policy, now: Micros) -> Iterator[dict[str, Any]]:
    ctx = Context(policy, UNTRAINED)
    kept = []
    for key, row in _rows(path):
        if key.startswith(CONTROL):
            _adopt(ctx, row)
        elif not key.startswith(b"\x00"):
            kept.append(CODEC.decode(row))
    for one in kept:
        monitor = one.monitor(ctx, 0)
        if monitor.head.first_seen:
            yield customer_row(monitor, now, ctx)


def _adopt(ctx: Context, row: bytes) -> None:
    """Put in force what the worker was told; the order of the keys is that of the records."""
    control = decode_control(cast(bytes, CODEC.decode(row).data))
    if isinstance(control, FiguresInForce):
        ctx.adopt_figures(control.figures())
    elif isinstance(control, ModelInForce):
        ctx.adopt_model(read_model(control), int(control.in_force))


def _rows(path: Path) -> Iterator[tuple[bytes, bytes]]:
    table = Rdict(str(path), options=Options(raw_mode=True), access_type=AccessType.read_only())
    try:
        for key, stored in cast("Iterator[tuple[bytes, bytes]]", table.items()):  # raw mode knows bytes alone
            if not key.startswith(b"__faust"):
                yield key, unpack(stored)[1]
    finally:
        table.close()

"""What is in force in one partition: control records, adopted in the order of the log and stored for a restart.

A record never changes the past: one for an instant that was judged already comes into force just after the newest such instant.
"""

from collections import deque
from collections.abc import Iterable
from functools import lru_cache

from msgspec.structs import replace

from scorers.contract.events import Instant, Micros
from scorers.contract.rejection import Rejection
from scorers.in_force.context import Context
from scorers.in_force.control import (
    FiguresInForce,
    GroupInForce,
    HistoryInForce,
    ModelInForce,
    PolicyInForce,
    Tick,
    decode_control,
    encode_control,
    put_group_in_force,
)
from scorers.policy.reading import PolicyError, parse_policy
from scorers.risk.model import read_model
from streams.engine.rows import Rows
from streams.worker.partition_state import CONTROL, GROUP
from streams.worker.rows.stored_row import StoredRow

HISTORY = 1_600  # control records that are kept: two a day for the time that `Context` looks back
GROUP_HISTORY = 64  # records of one group that are kept

Adopted = FiguresInForce | GroupInForce | HistoryInForce | ModelInForce | PolicyInForce


class InForce:
    """Adopts control records into a context, and stores them.

    `eras` counts the policies adopted: rows folded under an older one are folded again.
    """

    def __init__(self, ctx: Context, rows: Rows[StoredRow]) -> None:
        self.ctx = ctx
        self.eras = 0
        self._rows = rows
        self._stored: list[tuple[bytes, bytes]] | None = []
        self._history: deque[bytes] = deque()
        self._waiting: list[PolicyInForce] = []  # for the tick that passes their instant

    def recover(self, key: bytes, data: bytes) -> None:
        """Take a stored record, to be adopted by `resume`."""
        if self._stored is not None:
            self._stored.append((key, data))

    def resume(self, clock: Micros) -> bool:
        """Adopt the stored records in the order of the log, policies up to the clock only; called before the first record is folded.

        Returns whether this was the first call; later ones do nothing.
        """
        if self._stored is None:
            return False
        self._waiting = adopt_stored(self.ctx, self._stored, clock)
        self.ctx.exposures.begun.clear()  # customers were asked when these came into force
        self._history.extend(sorted(key for key, _ in self._stored if key.startswith(CONTROL)))
        self._stored = None
        return True

    def fault(self, control: Adopted) -> str:
        """Why a record must be rejected; empty if it can be adopted."""
        try:
            if isinstance(control, PolicyInForce):
                parse_policy(control.text, "the policy on clock")
            elif isinstance(control, ModelInForce):
                read_model(control)
        except (ValueError, PolicyError) as error:
            return str(error)
        return ""

    def adopt(self, control: Adopted, offset: int, newest: Micros, clock: Micros) -> tuple[bool, bool]:
        """Put a record in force and store it; return whether it was news, and whether it came too late for its instant.

        A policy waits for the tick that passes its instant, which is the same in all partitions; one without an instant does not wait.
        """
        late = control.in_force <= newest
        if isinstance(control, PolicyInForce):
            late = 0 < control.in_force <= clock
            if control.in_force > clock:
                self._waiting.append(control)
            elif not self.put(control):
                return False, late
        else:
            late = late and not isinstance(control, HistoryInForce)  # it has no instant
            if late:
                control = replace(control, in_force=Instant(newest + 1))
            if not self.put(control):
                return False, late
        if isinstance(control, GroupInForce):
            self._store_group(control)
            for kind, name in self.ctx.groups.dropped:
                self._rows.delete(GROUP + f"{kind}:{name}".encode())
        else:
            key = CONTROL + b"%016x" % offset
            self._rows.put(key, StoredRow.of_partition(encode_control(control)))
            self._history.append(key)
            if len(self._history) > HISTORY:
                self._rows.delete(self._history.popleft())
        return True, late

    def next_policy(self, until: Micros) -> PolicyInForce | None:
        """The next policy that comes into force up to an instant; it waits no longer."""
        if not self._waiting or self._waiting[0].in_force > until:
            return None
        return self._waiting.pop(0)

    def _store_group(self, control: GroupInForce) -> None:
        key = GROUP + f"{control.subject.type}:{control.subject.id}".encode()
        row = self._rows.get(key)
        lines = [] if row is None or not isinstance(row.data, bytes) else row.data.split(b"\n")
        lines.append(encode_control(control))
        self._rows.put(key, StoredRow.of_partition(b"\n".join(lines[-GROUP_HISTORY:])))

    def put(self, control: Adopted) -> bool:
        """Put a record in force; whether it was news."""
        is_new = put_in_force(self.ctx, control)
        self.eras += is_new and isinstance(control, PolicyInForce)
        return is_new


def put_in_force(ctx: Context, control: Adopted) -> bool:
    """Put a record in force; False if its content is in force already."""
    match control:
        case FiguresInForce():
            if control.version == ctx.newest_figures.version:
                return False
            ctx.adopt_figures(control.figures())
        case ModelInForce():
            if control.version == ctx.newest_model.version:
                return False
            ctx.adopt_model(read_model(control), int(control.in_force))
        case HistoryInForce():
            if control.before == ctx.history_before:
                return False
            ctx.history_before = int(control.before)
        case GroupInForce():
            return put_group_in_force(ctx, control)
        case PolicyInForce():
            if control.version == ctx.policy_version:
                return False
            ctx.adopt_policy(parse_policy(control.text, "the policy on clock"))
    return True


def adopt_stored(ctx: Context, stored: Iterable[tuple[bytes, bytes]], clock: Micros) -> list[PolicyInForce]:
    """Put stored records in force, in the order of their keys, which is that of the log; return the policies that wait for the clock."""
    waiting: list[PolicyInForce] = []
    for _, data in sorted(stored):
        for line in data.split(b"\n"):
            control = _decoded(line)
            if isinstance(control, PolicyInForce) and control.in_force > clock:
                waiting.append(control)
            else:
                put_in_force(ctx, control)
    return waiting


def _decoded(data: bytes) -> Adopted:
    control = decode_control(data)
    assert not isinstance(control, Rejection | Tick)
    return shared(control)


def shared(control: Adopted) -> Adopted:
    """One object for the equal records of all partitions: two years of figures take four megabytes."""
    return control if isinstance(control, GroupInForce) else _shared(control)


@lru_cache(maxsize=HISTORY)
def _shared(control: FiguresInForce | HistoryInForce | ModelInForce | PolicyInForce) -> Adopted:
    return control

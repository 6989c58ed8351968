"""The timelines of one partition's subjects, read from its rows and put back; the changes of one record can be undone."""

from collections import Counter
from collections.abc import Callable

from scorers.contract.alarms import Stage, Tier
from scorers.contract.events import Micros
from scorers.in_force.context import Context
from scorers.timeline.timeline import AnyTimeline, UndoPoint
from streams.engine.rows import Rows
from streams.worker.rows.stored_row import StoredRow


class RowTimelines:
    """Timelines by name. `census` counts customers by stage and tier; `era` counts the policies put in force.

    `changed` are the subjects whose rows were put; whoever publishes them takes them out.
    """

    def __init__(self, rows: Rows[StoredRow], ctx: Context, moved: Callable[[Micros, str], None]) -> None:
        self.census: Counter[tuple[Stage, Tier]] = Counter()
        self.era = 0
        self._rows, self._ctx = rows, ctx
        self._moved = moved  # called with a deadline that the partition does not expect, and the subject's name
        self._read: dict[str, tuple[StoredRow, UndoPoint]] = {}
        self._made: list[StoredRow] = []
        self._deleted: list[StoredRow] = []
        self.changed: dict[str, None] = {}  # names of subjects that were put since somebody last took them
        self._gone: list[str] = []
        self._set: list[str] = []  # names of subjects that the record has set or deleted

    def get(self, name: str, /) -> AnyTimeline | None:
        """The timeline of a subject, folded under the policy in force; None if it has no row."""
        row = self._rows.get(name.encode())
        if row is None:
            return None
        timeline = self._timeline(name, row)
        if name not in self._read:
            self._read[name] = row, timeline.keep()
        return timeline

    def peek(self, name: str) -> AnyTimeline | None:
        """The timeline of a subject that will not be changed; None if it has no row."""
        row = self._rows.get(name.encode())
        return None if row is None else self._timeline(name, row)

    def _timeline(self, name: str, row: StoredRow) -> AnyTimeline:
        timeline = row.timeline
        if timeline is None or row.era != self.era:
            timeline = row.read(name, self._ctx, self.era)
            if timeline.due != row.due:  # another policy, other deadlines
                if timeline.due:
                    self._moved(timeline.due, name)
                self._refresh(row)
                self._rows.put(name.encode(), row)  # an evicted row must come back with the deadline that is expected
        return timeline

    def __setitem__(self, name: str, timeline: AnyTimeline, /) -> None:
        rows, key = self._rows, name.encode()
        row = rows.get(key)
        if row is None:
            row = StoredRow.of(timeline, self.era)
            self._count(row, 1)
            self._made.append(row)
        else:
            if self._refresh(row):
                self._gone.append(name)
        rows.put(key, row)
        self.changed[name] = None
        self._set.append(name)

    def __delitem__(self, name: str, /) -> None:
        key = name.encode()
        row = self._rows.get(key)
        if row is not None:
            self._count(row, -1)
            self._deleted.append(row)
            self._rows.delete(key)
            self._set.append(name)
            self.changed.pop(name, None)
            if row.counted is not None:
                self._gone.append(name)

    def take_gone(self) -> list[str]:
        """The customers whose rows the record has deleted, or who were merged into others, each once."""
        gone, self._gone = self._gone, []
        return gone

    def due(self, name: str) -> Micros:
        """The deadline of a subject, without decoding its row; 0 if it has no row or no deadline."""
        row = self._rows.get(name.encode())
        if row is None:
            return 0
        return row.due if row.timeline is None else row.timeline.due

    def recover(self, row: StoredRow) -> None:
        """Count the row of a customer that was stored earlier in the census."""
        self.census[row.stage, row.tier] += 1

    def begin(self) -> None:
        """Begin a record: the changes of the last one are final."""
        self._read.clear()
        self._made.clear()
        self._deleted.clear()
        self._gone.clear()
        self._set.clear()

    def undo(self) -> dict[str, AnyTimeline | None]:
        """Restore every timeline that the record read, because folding it failed; what it had changed, as it was before."""
        for row in self._deleted:
            self._count(row, 1)
        for name, (row, point) in self._read.items():
            if row.timeline is not None:
                row.timeline.restore(point, self._ctx)
                self._refresh(row)
                if row.due:
                    self._moved(row.due, name)
        for row in self._made:
            self._count(row, -1)
        return {name: self._read[name][0].timeline if name in self._read else None for name in self._set}

    def _refresh(self, row: StoredRow) -> bool:
        """Take over what has changed of a row; True if its customer was merged into another one."""
        stage, tier, was_nobody = row.stage, row.tier, row.is_nobody
        row.refresh()
        if stage == row.stage and tier == row.tier and was_nobody == row.is_nobody:
            return False
        if row.is_customer and not was_nobody:
            self.census[stage, tier] -= 1
        self._count(row, 1)
        return row.is_nobody

    def _count(self, row: StoredRow, n: int) -> None:
        if (counted := row.counted) is not None:
            self.census[counted] += n

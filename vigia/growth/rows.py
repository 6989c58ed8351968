"""Spreads the rows of the workers' table over more partitions.

The row of a subject goes to the partition of its key, with the same bytes. The rows of a partition itself are of four kinds. What it
counted and what it heard of feeds stays with the partition of the same number, because only sums over all partitions are used. What is
in force, and who was erased, every partition gets. Clock and progress are joined. No row keeps its fence: it names topics that the new
installation does not read.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from scorers.contract.events import Micros
from scorers.in_force.control import FiguresInForce, HistoryInForce, ModelInForce, PolicyInForce, decode_control
from scorers.in_force.control import encode_control as encoded
from scorers.partition.routing import address_of
from scorers.timeline.row import origins_of
from streams.engine.batching_producer import partition_of
from streams.engine.fences import FORM, pack, unpack
from streams.engine.output_log import Checkpoint
from streams.engine.rows import CHECKPOINT
from streams.worker.forwarded import home_key
from streams.worker.partition_state import CONTROL, GROUP, KEY, Progress, progress_of, with_progress
from streams.worker.rows.feed_rows import FEED_ROW
from streams.worker.rows.stored_row import CODEC, StoredRow
from streams.worker.rows.suppressed import GONE, until_of

InForce = FiguresInForce | HistoryInForce | ModelInForce | PolicyInForce
Row = tuple[bytes, bytes]
"""A key and a stored row."""
OWN = b"\x00"  # begins the keys of a partition's own rows
WITHOUT_ORIGINS = frozenset({"feed", "base"})  # what these are told may come twice, so they keep no origins


def is_own(key: bytes) -> bool:
    """Whether a row is the partition's own, and no subject's."""
    return key.startswith(OWN)


def moved(key: bytes, stored: bytes | None, after: int) -> tuple[int, bytes | None]:
    """The partition of a subject's row among `after` partitions, and the row without its fence; None stays a deletion."""
    home = partition_of(after, home_key(key))
    if stored is None:
        return home, None
    fence, row = unpack(stored)
    return home, pack({}, row, fence.get(FORM, 1))


class Spreader:
    """What the partitions of an installation hold besides their subjects, and what those of a larger one get of it.

    `note` is called with every row of the changelog in its order; `sources` are the topics with their incarnations that the rows are
    folded from.
    """

    def __init__(self, before: int, sources: Sequence[str]) -> None:
        self._before, self._sources = before, frozenset(sources)
        self._own: list[dict[bytes, bytes]] = [{} for _ in range(before)]
        self._furthest: list[dict[str, int]] = [{} for _ in range(before)]
        self._lines = [b""] * before
        self._origins: dict[
            tuple[int, str], int
        ] = {}  # of what was forwarded: the newest offset by partition and source
        self.subjects = 0  # rows that were noted

    def note(self, partition: int, key: bytes, stored: bytes | None) -> None:
        """Note a row, or its deletion."""
        own = self._own[partition]
        if is_own(key):
            if stored is None:
                own.pop(key, None)
                return
            own[key] = stored
        if stored is None:
            return
        line, _, row = stored.partition(b"\n")
        if line != self._lines[partition] and key != CHECKPOINT:
            self._lines[partition] = line
            furthest = self._furthest[partition]
            for source, offset in unpack(line)[0].items():
                furthest[source] = max(offset, furthest.get(source, -1))
        if not is_own(key):
            self.subjects += 1
            self._note_origins(key, row)

    def _note_origins(self, key: bytes, row: bytes) -> None:
        address = address_of(key)
        data = CODEC.decode(row).data
        if (address is not None and address.type in WITHOUT_ORIGINS) or not isinstance(data, bytes):
            return
        for log, offset in origins_of(data).items():
            source, _, partition = log.rpartition(" ")
            self.note_origin(int(partition), source, offset)

    def note_origin(self, partition: int, source: str, offset: int) -> None:
        """Note up to which record of a partition something was told that other rows or topics hold."""
        if source in self._sources and partition < self._before:
            at = partition, source
            self._origins[at] = max(offset, self._origins.get(at, -1))

    def fence(self, partition: int) -> dict[str, int]:
        """How far each source is folded into all rows of a partition."""
        stored = self._own[partition].get(CHECKPOINT)
        return {} if stored is None else unpack(stored)[0]

    def outputs_end(self, partition: int) -> int:
        """Up to where the outputs in a partition of `alarms` are known to follow from rows."""
        return max((one.ends.get(partition, 0) for one in self._checkpoints()), default=0)

    def _checkpoints(self) -> Iterator[Checkpoint]:
        for own in self._own:
            if (stored := own.get(CHECKPOINT)) is not None and (data := unpack(stored)[1]):
                yield msgspec.json.decode(data, type=Checkpoint)

    def faults(self) -> Iterator[str]:
        """Why these rows are no settled state, a sentence each."""
        fences = [self.fence(number) for number in range(self._before)]
        for number, (fence, furthest) in enumerate(zip(fences, self._furthest, strict=True)):
            if any(offset > fence.get(source, -1) for source, offset in furthest.items() if source != FORM):
                yield f"partition {number}: its last write was interrupted"
        ahead = {
            number for (number, source), offset in self._origins.items() if offset > fences[number].get(source, -1)
        }
        for number in sorted(ahead):
            yield f"partition {number}: a worker died after it had sent what follows from records that are not in the rows"
        if any(one.pending for one in self._checkpoints()):
            yield "alarms of a worker that died are not reconciled yet"
        told = [frozenset(self._told(number)) for number in range(self._before)]
        if len(set(told)) > 1:
            yield "the partitions have not the same figures, models and policies in force"
        if len({one.lists for one in self._progress() if one.lists != Progress().lists}) > 1:
            yield "the partitions have not closed the same worklists"

    # --- what is joined ---------------------------------------------------------------------------------------

    def _told(self, number: int) -> dict[tuple[str, str], InForce]:
        """What a partition has in force besides reports of groups, by type and version, in its order."""
        found: dict[tuple[str, str], InForce] = {}
        for key in sorted(key for key in self._own[number] if key.startswith(CONTROL)):
            control = decode_control(self._data(number, key))
            assert isinstance(control, InForce)
            found[type(control).__name__, control.version] = control
        return found

    def in_force(self) -> list[InForce]:
        """Figures, models and policies in force, in their order; where partitions differ, each from the latest instant."""
        told = [self._told(number) for number in range(self._before)]
        return [max((one[name] for one in told), key=lambda control: control.in_force) for name in told[0]]

    def _progress(self) -> list[Progress]:
        return [progress_of(self._data(n, KEY)) for n, own in enumerate(self._own) if KEY in own]

    def progress(self) -> Progress:
        """How far the partitions have come together. A day whose figures are not in force yet is reported again."""
        found = self._progress()
        if not found:
            return Progress()
        days = [control.day for control in self.in_force() if isinstance(control, FiguresInForce)]
        return Progress(
            clock=max(one.clock for one in found),
            follows=any(one.follows for one in found),
            newest=max(one.newest for one in found),
            day=min([one.day for one in found] + days[-1:]),
            fact=max(one.fact for one in found),
            newest_adopted=found[0].newest_adopted,
            lists=max(one.lists for one in found),
            judges_all=any(one.judges_all for one in found),
        )

    def _data(self, number: int, key: bytes) -> bytes:
        data = CODEC.decode(unpack(self._own[number][key])[1]).data
        assert isinstance(data, bytes)
        return data

    # --- what the new partitions get --------------------------------------------------------------------------

    def own_rows(self, number: int, fence: Mapping[str, int], alarms: Mapping[int, int]) -> Iterator[Row]:
        """The own rows of a new partition, with a fence over what its topics hold already, and the ends of `alarms`.

        The records of `in_force` have to be the first ones of its topic `clock`.
        """
        rows = {CONTROL + b"%016x" % offset: encoded(control) for offset, control in enumerate(self.in_force())}
        rows |= {key: self._data(0, key) for key in self._own[0] if key.startswith(GROUP)}
        rows |= self._gone()
        former = self._own[number] if number < self._before else {}
        rows |= {key: self._data(number, key) for key in former if key.startswith(FEED_ROW)}
        rows[KEY] = with_progress(self._data(number, KEY) if KEY in former else None, self.progress())
        for key, data in sorted(rows.items()):
            yield key, pack({}, CODEC.encode(StoredRow.of_partition(data)))
        yield CHECKPOINT, pack(fence, msgspec.json.encode(Checkpoint(ends=dict(alarms))))

    def _gone(self) -> dict[bytes, bytes]:
        """The suppressions of all partitions, of each the newest."""
        found: dict[bytes, bytes] = {}
        until: dict[bytes, Micros] = {}
        for number, own in enumerate(self._own):
            for key in own:
                if key.startswith(GONE):
                    data = self._data(number, key)
                    if until_of(data) >= until.get(key, 0):
                        found[key], until[key] = data, until_of(data)
        return found

"""Which chunk of an input partition comes next, and which offset may be committed.

A rebalance makes Faust deliver records early, twice or not at all. The guard keeps these invariants for each partition:

1. Nothing is delivered before Faust has resumed the partition *and* its start is known (committed, else earliest).
2. Chunks are delivered in offset order, without gaps and without repeats. A gap is accepted only when a second reading
   shows it too: then compaction, retention or the end of a transaction made it, not a rebalance.
3. Where a partition ends with offsets that hold no record for us (the end of a transaction, records of an aborted one),
   they are passed as well, once all before them is finished: else its end would never be reached.
4. The offset to commit moves from one finished chunk to the very next one, so it never passes an unfinished chunk.
5. An assignment forgets everything.

It knows nothing of Faust and of what is in a record.
"""

import logging
from collections.abc import Callable, Iterable
from typing import NamedTuple

from faust.types import TP

from streams.engine.chunk import Chunk

log = logging.getLogger(__name__)


class TopicShrank(RuntimeError):
    """An input topic ends before the offset that this group has already read: it was deleted and created again."""


class Admission(NamedTuple):
    """Whether a chunk is delivered; if not, the offset to seek back to, or None where it is simply dropped."""

    deliver: bool
    seek: int | None = None


DELIVER, DROP = Admission(True), Admission(False)


class ContiguityGuard:
    """The offsets of the input partitions of one assignment."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything: partitions were assigned."""
        self._due: dict[TP, int] = {}  # the next offset to deliver
        self._done: dict[TP, int] = {}  # the next offset to commit
        self._reread: dict[TP, int] = {}  # the due offset for which a second reading was asked
        self._held: set[TP] = set()  # resumed by Faust, not yet fetched
        self._delivering: set[TP] = set()

    def hold(self, tps: Iterable[TP]) -> None:
        """Faust resumes these partitions; `release` lets them go."""
        self._held.update(tps)

    def pause(self, tps: Iterable[TP]) -> None:
        """Faust pauses these partitions."""
        self._held.difference_update(tps)
        self._delivering.difference_update(tps)

    def start(self, tp: TP, offset: int) -> None:
        """The partition is read and committed from this offset on."""
        self._due[tp] = self._done[tp] = offset

    def release(self) -> set[TP]:
        """The held partitions whose start is known: they are delivered from now on."""
        ready = {tp for tp in self._held if tp in self._due}
        self._held -= ready
        self._delivering |= ready
        return ready

    @property
    def delivering(self) -> frozenset[TP]:
        """The partitions whose chunks are delivered."""
        return frozenset(self._delivering)

    def committable(self, tp: TP) -> int | None:
        """The offset to commit; None while it is not known."""
        return self._done.get(tp)

    def admit(self, tp: TP, chunk: Chunk, highwater: Callable[[TP], int | None]) -> Admission:
        """Decide on a chunk, and cut what was delivered before from one that is delivered.

        Raises `TopicShrank` if the partition's `highwater`, where it is known, is before the offset that is due.
        """
        due = self._due.get(tp) if tp in self._delivering else None
        if due is None:
            return DROP
        if chunk.offset < due:
            if (end := highwater(tp)) is not None and end < due:
                raise TopicShrank(
                    f"{tp.topic} partition {tp.partition} ends at {end}, but offset {due} is due: the topic was deleted "
                    f"and created again. Start with a new consumer group, or reset the offsets of this one."
                )
            return DROP
        if chunk.first > due and self._reread.get(tp) != due:
            self._reread[tp] = due
            log.info("%s[%s]: %d due, %d came: reading again", tp.topic, tp.partition, due, chunk.first)
            return Admission(False, seek=due)
        self._reread.pop(tp, None)
        chunk.continue_from(due)
        self._due[tp] = chunk.offset + 1
        return DELIVER

    def pass_empty(self, tp: TP, position: int) -> Admission:
        """Decide on the offsets between what is due and the reader's position, all of whose records were admitted.

        To deliver means here that there were none, and that they are passed.
        """
        due = self._due.get(tp) if tp in self._delivering else None
        if due is None or position <= due or self._done.get(tp) != due:
            return DROP
        if self._reread.get(tp) != due:
            self._reread[tp] = due
            return Admission(False, seek=due)
        del self._reread[tp]
        self._due[tp] = self._done[tp] = position
        return DELIVER

    def finish(self, tp: TP, chunk: Chunk) -> bool:
        """Move the offset to commit past a finished chunk; False if the chunk is not the next one or not done."""
        if not chunk.done or self._done.get(tp) != chunk.follows:
            return False
        self._done[tp] = chunk.offset + 1
        return True

"""The deadlines judged since a timeline's newest fact, and the states cached from them.

All caches that a fact or another policy invalidates are here, so that they are dropped together.
"""

from scorers.contract.events import Duration, Micros
from scorers.timeline.packing import encode
from scorers.timeline.row import CachedState, Row
from scorers.timeline.snapshot import Checkpoint
from scorers.timeline.subjects import State

_NONE: frozenset[str] = frozenset()
OFTEN = 4  # deadlines after which caching the state in the row, or taking a checkpoint, pays


class Silence:
    """The deadlines judged since the newest fact.

    Invariants: `judged_to` is 0 exactly if no deadline was judged since the newest fact. A checkpoint is taken only while
    `touched` is empty, so no deadline up to a checkpoint touched an alarm. Checkpoints ascend by `at`; two may have the same.
    """

    __slots__ = ("checkpoints", "judged", "judged_to", "policy", "touched")

    def __init__(self, policy: str) -> None:
        self.policy = policy  # the version by which these deadlines were judged
        self.judged = 0  # how many deadlines since the newest fact, or since the state was cached
        self.judged_to: Micros = 0  # the last of these deadlines
        self.touched: frozenset[str] = _NONE  # ids of the alarms that these deadlines touched; one empty set serves all
        self.checkpoints: list[Checkpoint] = []

    def end(self) -> None:
        """Drop everything: a fact has ended the silence."""
        self.judged = self.judged_to = 0
        self.touched = _NONE
        self.checkpoints.clear()

    def before_deadline(self, state: State, row: Row, lateness: Duration) -> None:
        """Take a checkpoint if one is due, and note the deadline `state.due`, which is judged next."""
        if self.judged % OFTEN == 0 and not self.touched:
            self.checkpoints.append(Checkpoint.of(state, self.judged_to or state.last_fact, row))
        self.judged_to = state.due
        if len(self.checkpoints) > 1 and self.checkpoints[1].at < self.judged_to - lateness:
            del self.checkpoints[0]  # the next one is old enough for every fact that can still come

    def checkpoint_before(self, at: Micros) -> Checkpoint | None:
        """The newest checkpoint whose last judged instant is before the given one."""
        for one in reversed(self.checkpoints):
            if one.at < at:
                return one
        return None

    def cache(self, state: State, row: Row) -> None:
        """Cache the state in the row, if so many deadlines were judged that reading the row would be slow."""
        if self.judged >= OFTEN:
            row.cached = CachedState.of(encode(state), row.snapshot, self.policy, self.judged_to, self.touched)
            self.judged = 0

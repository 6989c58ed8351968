"""What a timeline knows of the silence since its newest fact: the deadlines judged, and the states worth keeping.

All caches of a timeline that a fact or another policy makes useless are here, so that they are dropped together.
"""

from scorers.contract.events import Duration, Micros
from scorers.timeline.row import CachedState, Row
from scorers.timeline.snapshot import Checkpoint
from scorers.timeline.subjects import State, encode_state

OFTEN = 4  # deadlines after which the state is worth caching in the row, and a checkpoint worth taking


class Silence:
    """The deadlines since the newest fact.

    Invariants: `judged_to` is 0 exactly if no deadline was judged since the newest fact. A checkpoint is taken only while
    `touched` is empty, so no alarm was touched between the newest fact and any checkpoint. Checkpoints ascend in time.
    """

    __slots__ = ("checkpoints", "judged", "judged_to", "policy", "touched")

    def __init__(self, policy: str) -> None:
        self.policy = policy  # the version by which these deadlines were judged
        self.judged = 0  # deadlines since the newest fact or since the state was cached
        self.judged_to: Micros = 0  # the last deadline
        self.touched: set[str] = set()  # alarms that these deadlines touched
        self.checkpoints: list[Checkpoint] = []

    def broken(self) -> None:
        """A fact ended the silence."""
        self.judged = self.judged_to = 0
        self.touched.clear()
        self.checkpoints.clear()

    def before(self, state: State, row: Row, lateness: Duration) -> None:
        """The state's next deadline is about to be judged."""
        if self.judged % OFTEN == 0 and not self.touched:
            self.checkpoints.append(Checkpoint.of(state, self.judged_to or state.last_fact, row))
        self.judged_to = state.due
        if len(self.checkpoints) > 1 and self.checkpoints[1].at < self.judged_to - lateness:
            del self.checkpoints[0]  # any fact from now on can use the next one

    def checkpoint_before(self, at: Micros) -> Checkpoint | None:
        """The newest checkpoint in which nothing was judged from an instant on."""
        return next((one for one in reversed(self.checkpoints) if one.at < at), None)

    def cache(self, state: State, row: Row) -> None:
        """Put the state into the row, if enough deadlines were judged that reading the row would be slow."""
        if self.judged >= OFTEN:
            row.cached = CachedState.of(encode_state(state), row.snapshot, self.policy, self.judged_to, self.touched)
            self.judged = 0

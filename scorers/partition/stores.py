"""What was voiced at the stores of a partition, in memory: for metrics, and for the file of stores of a replay."""

from collections import Counter
from collections.abc import Iterable, Iterator

from scorers.groups.iceberg import StoreVoices, line, reach, silent
from scorers.groups.store import Store, Voices
from scorers.in_force.context import Context
from scorers.policy.group_tables import Iceberg
from scorers.subjects.store import STORE
from scorers.timeline.timeline import Timeline

MAX_HEARD = 16_384  # stores of which it is remembered that they were heard
_PREFIX = f"\x01{STORE.name}:"


class Stores:
    """The newest closed day and the voices of each store with any, by id; and which stores were ever heard while this process ran."""

    def __init__(self) -> None:
        self._voices: dict[str, tuple[int, Voices]] = {}
        self._ever: set[str] = set()

    def put(self, store: Store) -> None:
        """Take what a store says now."""
        self._voices[store.id] = store.reported_day, store.voices
        if len(self._ever) < MAX_HEARD:
            self._ever.add(store.id)

    def recover(self, row: bytes, ctx: Context) -> None:
        """Take what a store said from its stored row."""
        self.put(Timeline.decode(STORE, row, ctx).state)

    def remove(self, name: str) -> None:
        """A subject was deleted; a store has nothing to say any more."""
        if name.startswith(_PREFIX):
            self._voices.pop(name.removeprefix(_PREFIX), None)

    def lines(self, selling: Iterable[str], rules: Iceberg) -> Iterator[StoreVoices]:
        """A line for each store that sells or was heard."""
        for store_id in sorted({*selling, *self._ever}):
            yield line(store_id, self._voices.get(store_id), store_id in self._ever, rules)

    def totals(self, rules: Iceberg) -> Counter[str]:
        """The sums over all stores, by the names that `streams.metrics.groups` shows."""
        total: Counter[str] = Counter()
        for _, voices in self._voices.values():
            told = reach(voices, rules)
            total.update(
                stores=1,
                formal=voices.formal,
                informal=voices.informal + voices.bad,
                silent=silent(voices, rules),
                told_by_satisfied=told.satisfied,
                told_by_dissatisfied=told.dissatisfied,
            )
        return total

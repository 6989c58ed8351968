"""What was voiced at the stores of a partition, and how their staff are, in memory: for metrics, and for the file of stores of a replay."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from scorers.groups.iceberg import StoreVoices, line, reach, silent
from scorers.groups.store import Store, Voices
from scorers.in_force.context import Context
from scorers.policy.group_tables import Iceberg
from scorers.subjects.store import STORE
from scorers.timeline.timeline import Timeline

MAX_HEARD = 16_384  # stores of which it is remembered that they were heard
_PREFIX = f"\x01{STORE.name}:"


class Stores:
    """The newest closed day and the voices of each store with any, by id; which were ever heard while this process ran; and the pulses."""

    def __init__(self) -> None:
        self._voices: dict[str, tuple[int, Voices]] = {}
        self._ever: set[str] = set()
        self._pulses: dict[str, Mapping[str, int]] = {}

    def put(self, store: Store) -> None:
        """Take what a store says now."""
        if pulse := store.staff.values():
            self._pulses[store.id] = pulse
        else:
            self._pulses.pop(store.id, None)
        if not store.was_heard:
            self._voices.pop(store.id, None)
            return
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
            self._pulses.pop(name.removeprefix(_PREFIX), None)

    def lines(self, selling: Iterable[str], rules: Iceberg) -> Iterator[StoreVoices]:
        """A line for each store that sells, was heard, or has a staff that is asked or thanked."""
        for store_id in sorted({*selling, *self._ever, *self._pulses}):
            found, pulse = self._voices.get(store_id), self._pulses.get(store_id, {})
            yield line(store_id, found, store_id in self._ever, rules, pulse)

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

"""The subjects of a partition who wait to be judged again, because closures have changed for the past or the policy has."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from scorers.customer.open_time import stores_of
from scorers.customer.state import Customer
from scorers.in_force.closures import Closures, concerns
from scorers.partition.routing import GROUP_PREFIX
from scorers.timeline.subjects import State

AT_ONCE = 5_000  # customers that a worker judges again with one tick, so that no tick takes long


class JudgedAgain:
    """Who waits, in the order of names; groups apart, and only for another policy.

    A worker judges some thousands of customers a tick; of those who wait, each is judged again before anything else changes them. It
    begins with all of them when it starts, so that none is missed if one ended halfway; who was judged before is not changed by it.
    """

    def __init__(self) -> None:
        self.everybody = False  # because another policy is in force
        self._names: list[str] = []  # customers, ascending
        self._next = 0  # the place of the first one who waits
        self._early: set[str] = set()  # of those who wait: who was judged again out of turn
        self._groups: list[str] = []
        self._feeds: set[str] = set()  # whose closures have changed

    @property
    def waiting(self) -> bool:
        """Whether a customer waits."""
        return self._next < len(self._names)

    def under_another_policy(self, names: Iterable[str]) -> None:
        """Let everybody wait."""
        self.everybody = True
        self._groups = sorted(name for name in names if name.startswith(GROUP_PREFIX))
        self._wait(names)

    def closures_changed(self, closures: Closures, names: Iterable[str]) -> None:
        """Let those wait whose clock depends on the closures that have changed; `names` are those who may."""
        self._feeds |= closures.changed
        closures.changed.clear()
        self._wait(names)

    def _wait(self, names: Iterable[str]) -> None:
        self._names, self._next = sorted(name for name in names if not name.startswith(GROUP_PREFIX)), 0
        self._early.clear()

    def take(self, everything: bool) -> Iterator[str]:
        """The next customers: all of them, or as many as a tick has time for."""
        for _ in range(len(self._names) if everything else AT_ONCE):
            if not self.waiting:
                return
            self._next += 1
            yield self._names[self._next - 1]

    def take_groups(self) -> list[str]:
        """The groups that wait."""
        found, self._groups = self._groups, []
        return found

    def is_next(self, name: str, state: State) -> bool:
        """Whether a customer who is about to change waits, and is judged again at once; asked once for each."""
        place = bisect_left(self._names, name, self._next)
        waits = place < len(self._names) and self._names[place] == name and name not in self._early
        if waits:
            self._early.add(name)
        return waits and self.concerns(state)

    def end_round(self) -> None:
        """Forget why they waited, if nobody waits any more."""
        if not self.waiting:
            self._names, self._next = [], 0
            self._early.clear()
            self._feeds.clear()
            self.everybody = self.everybody and bool(self._groups)

    def concerns(self, state: State) -> bool:
        """Whether a subject is judged again."""
        if self.everybody or not isinstance(state, Customer):
            return self.everybody
        return concerns(self._feeds, stores_of(state), state.purchases.last_ref.source)

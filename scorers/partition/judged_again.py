"""The customers of a partition who wait to be judged again, because closures have changed for the past or the policy has."""

from collections.abc import Iterable, Iterator

from scorers.customer.open_time import stores_of
from scorers.customer.state import Customer
from scorers.in_force.closures import Closures, concerns
from scorers.timeline.subjects import State

AT_ONCE = 5_000  # customers that a worker judges again with one tick, so that no tick takes long


class JudgedAgain:
    """Who waits, in the order of names.

    A worker judges some thousands a tick; those who wait meet their deadlines under the closures that are known. It begins with
    all of them when it starts, so that none is missed if one ended halfway; who was judged before is not changed by it.
    """

    def __init__(self) -> None:
        self.waiting: list[str] = []  # the last one comes first
        self.everybody = False  # because another policy is in force
        self._feeds: set[str] = set()  # whose closures have changed

    def under_another_policy(self, names: Iterable[str]) -> None:
        """Let everybody wait."""
        self.everybody = True
        self.waiting = sorted(names, reverse=True)

    def closures_changed(self, closures: Closures, names: Iterable[str]) -> None:
        """Let those wait whose clock depends on the closures that have changed; `names` are those who may."""
        self._feeds |= closures.changed
        closures.changed.clear()
        self.waiting = sorted(names, reverse=True)

    def take(self, everything: bool) -> Iterator[str]:
        """The next names: all of them, or as many as a tick has time for."""
        for _ in range(len(self.waiting) if everything else min(AT_ONCE, len(self.waiting))):
            yield self.waiting.pop()

    def end_round(self) -> None:
        """Forget why they waited, if nobody waits any more."""
        if not self.waiting:
            self._feeds.clear()
            self.everybody = False

    def concerns(self, state: State, groups_too: bool) -> bool:
        """Whether a subject is judged again. In a worker groups are not: a policy moves their deadlines as soon as they are read."""
        if not isinstance(state, Customer):
            return self.everybody and groups_too
        return self.everybody or concerns(self._feeds, stores_of(state), state.purchases.last_ref.source)

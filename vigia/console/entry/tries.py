"""How often a wrong password was given for a name, so that nobody can try many."""

import time
from collections import OrderedDict

TRIES, WITHIN, REMEMBERED = 8, 300.0, 10_000
"""Wrong passwords for one name within so many seconds, before it has to wait; and the names that are counted."""


class Tries:
    """Counts wrong passwords by name."""

    def __init__(self) -> None:
        self._at: OrderedDict[str, list[float]] = OrderedDict()

    def must_wait(self, name: str) -> bool:
        """Whether there were too many lately."""
        now = time.monotonic()
        lately = [at for at in self._at.get(name, []) if now - at < WITHIN]
        self._at[name] = lately
        self._at.move_to_end(name)
        while len(self._at) > REMEMBERED:
            self._at.popitem(last=False)
        return len(lately) >= TRIES

    def failed(self, name: str) -> None:
        """Count one."""
        self._at.setdefault(name, []).append(time.monotonic())

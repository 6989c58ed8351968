"""When the gateway looks for garbage: objects that hold each other, which only a collection frees.

Python looks after 700 new objects, of which a batch makes thousands; that took a fifth of its processor time. Requests leave no such
garbage, so looking rarely costs no memory; the bytes of bodies are a bound, should a library leave some that holds them.
"""

import gc

AFTER_OBJECTS = 100_000  # new objects until Python looks at the young ones
AFTER_BYTES = 64 * 1024 * 1024  # of bodies


def collect_rarely() -> None:
    """Look rarely from now on, and never again at what is loaded: it lasts as long as the process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(AFTER_OBJECTS)


class Garbage:
    """Counts the bytes of bodies, and looks for garbage when they are many."""

    def __init__(self) -> None:
        self.uncollected = 0

    def read(self, size: int) -> None:
        """Count a body that was read."""
        self.uncollected += size
        if self.uncollected >= AFTER_BYTES:
            self.uncollected = 0
            gc.collect(1)

"""What is sent from one customer to another because their ids were merged: facts, and what was known of the old id."""

from operator import attrgetter
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from scorers.contract.events import AnyEvent, Micros
from scorers.timeline.facts import Ref

MAX_PATH = 16  # ids that a parcel names of its way
_age = attrgetter("key")


class Hop(Struct, array_like=True, frozen=True, gc=False):
    """An id that a parcel has passed, and the merge by which it went on."""

    id: str
    at: Micros
    source: str
    merge: str

    @property
    def key(self) -> tuple[Micros, str, str]:
        """The order of merges in time: of a circle the last one is refused."""
        return self.at, self.source, self.merge


class Far(Struct, array_like=True, frozen=True, gc=False):
    """What is kept of a way that is longer than a path: an id on it, and the newest merge since. The id moves on at each power of two of
    steps, so in a circle of any length it is met again, and the merges since are then those of the circle (Brent's algorithm).
    """

    steps: int
    mark: str
    newest: Hop


Content = Literal["fact", "known", "again", "let_go"]
"""A fact; what was known of an id, with the merge as event; the same, which was taken before; or that an id is let go by the sender."""


class Parcel(Struct, frozen=True, gc=False):
    """One thing for the customer `to`.

    `path` are the last ids that it has passed, `far` what is kept of those before. `refused` names a merge on its way that would close a circle.
    """

    to: str
    event: AnyEvent
    ref: Ref
    content: Content = "fact"
    known: bytes = b""  # the row of the old id; empty where nothing is known
    path: tuple[Hop, ...] = ()
    refused: Hop | None = None
    far: Far | None = None

    def has_passed(self, name: str) -> bool:
        """Whether an id is known to be on its way already."""
        return any(hop.id == name for hop in self.path) or (self.far is not None and self.far.mark == name)

    def newest_of_circle(self, hop: Hop, to: str) -> Hop | None:
        """The newest merge of the circle that a step from `hop` to an id closes; None if it closes none, as far as is known."""
        names = [one.id for one in self.path]
        if to in names:
            return max((*self.path[names.index(to) :], hop), key=_age)
        return max(self.far.newest, hop, key=_age) if self.far is not None and self.far.mark == to else None

    def passed_on(self, hop: Hop, to: str) -> "Parcel":
        """The parcel after a step more; the size of what it carries is bounded, however long its way is."""
        path, far = (*self.path, hop), self.far
        if len(path) > MAX_PATH:
            path, steps = path[1:], MAX_PATH if far is None else far.steps + 1
            moves_on = far is None or steps & (steps - 1) == 0
            far = Far(steps, hop.id, hop) if moves_on else Far(steps, far.mark, max(far.newest, hop, key=_age))  # type: ignore[union-attr]  # `moves_on` if there is none
        return replace(self, to=to, path=path, far=far)

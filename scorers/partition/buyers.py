"""What the customers of a partition bought lately, in memory: so that those who are exposed to complaints are found without their rows.

A name and its things as objects take 190 bytes more than their content. So only what was put lately is a dict; the others are packed, a few
to each of `_SHELVES` byte strings.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from zlib import crc32

from scorers.customer.exposed import exposure
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.timeline import AnyTimeline
from scorers.worklist.candidates import Readings

_SHELVES = 8_192
_PENDING = 4_096  # names that are put before they are packed: those who buy often are packed once for many purchases
_entry = struct.Struct("<HH")  # how many bytes of name and how many of things follow


class Buyers:
    """The things of each customer by name, as `Bought.things`; for those who bought any."""

    def __init__(self) -> None:
        self._pending: dict[str, bytes] = {}  # not packed yet, before what is packed; nothing for who was removed
        self._shelves: dict[int, bytes] = {}

    def put(self, name: str, c: Customer) -> None:
        """Replace what a customer bought."""
        if c.bought.things:
            self._note(name, c.bought.things)

    def recover(self, name: str, readings: Readings | None) -> None:
        """Take what a customer bought from a row that was stored earlier; called once for each."""
        if readings is not None and readings.things:
            self._add(name.encode(), _packed(name, readings.things))

    def remove(self, name: str) -> None:
        """Forget a customer."""
        self._note(name, b"")

    def _note(self, name: str, things: bytes) -> None:
        self._pending[name] = things
        if len(self._pending) >= _PENDING:
            for one, bought in self._pending.items():
                self._replace(one.encode(), _packed(one, bought) if bought else b"")
            self._pending.clear()

    def _replace(self, name: bytes, entry: bytes) -> None:
        shelf = crc32(name) % _SHELVES
        held = self._shelves.get(shelf, b"")
        if name in held:
            for begin, end, other, _ in _entries(held):
                if other == name:
                    if held[begin:end] != entry:
                        self._shelves[shelf] = held[:begin] + held[end:] + entry
                    return
        if entry:
            self._shelves[shelf] = held + entry

    def _add(self, name: bytes, entry: bytes) -> None:
        shelf = crc32(name) % _SHELVES
        self._shelves[shelf] = self._shelves.get(shelf, b"") + entry

    def who_bought(self, key: bytes) -> Iterator[str]:
        """The customers who bought a thing, in any order."""
        for name, things in self._pending.items():
            if key in things:
                yield name
        for held in self._shelves.values():
            if key in held:
                for _, _, packed, things in _entries(held):
                    if key in things and (name := packed.decode()) not in self._pending:
                        yield name

    def undo(self, changed: Mapping[str, AnyTimeline | None]) -> None:
        """Go back to what was before a record; `changed` are the subjects that it had changed, as they were before."""
        for name, timeline in changed.items():
            self.remove(name)
            if timeline is not None and isinstance(timeline.state, Customer):
                self.put(name, timeline.state)

    def exposed(
        self, timeline_of: Callable[[str], AnyTimeline | None], ctx: Context
    ) -> Iterator[tuple[str, AnyTimeline]]:
        """The customers who are exposed to something that nobody was asked about yet, each with the instant as the deadline.

        A customer whose deadlines up to that instant were judged is left alone.
        """
        begun, ctx.exposures.begun = ctx.exposures.begun, []
        for one in begun:
            for name in sorted(self.who_bought(one.key)):
                timeline = timeline_of(name)
                if timeline is None or timeline.row.clock > one.since or not isinstance(timeline.state, Customer):
                    continue
                c = timeline.state
                if (not c.due or c.due > one.since) and exposure(c, one.since, ctx) == one:
                    c.due = one.since
                    yield name, timeline


def _packed(name: str, things: bytes) -> bytes:
    encoded = name.encode()
    return _entry.pack(len(encoded), len(things)) + encoded + things


def _entries(held: bytes) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Where each entry begins and ends, its name and its things."""
    begin = 0
    while begin < len(held):
        of_name, of_things = _entry.unpack_from(held, begin)
        name = begin + _entry.size
        things = name + of_name
        end = things + of_things
        yield begin, end, held[name:things], held[things:end]
        begin = end

"""A line of a file of events."""

from msgspec import Struct

from scorers.contract.events import AnyEvent, Micros
from scorers.contract.wire import Rejection


class Line(Struct):
    """One line of a file: an event, or why it was rejected."""

    file: str
    number: int
    event: AnyEvent | Rejection
    raw: bytes = b""


Timed = tuple[Micros, int, Line]
"""A line by the time at which it is due, and its number among the lines of its file."""

"""Facts: an event, its place in the log, and the order in which facts are folded."""

import hashlib
import zlib

from msgspec import Struct
from msgspec.structs import replace

from scorers.contract.events import SECOND, AlarmAction, AnyEvent, Instant, Micros
from scorers.contract.inert import inert
from scorers.contract.steps import step_of
from scorers.timeline.packing import encode

MAX_BYTES = 64  # of a text that a row keeps
_SURELY_SHORT = MAX_BYTES // 4  # characters, each of which takes at most four bytes
MAX_EXCERPT = 120  # bytes of what a person wrote, which is shown and never compared


class Ref(Struct, array_like=True, frozen=True, gc=False):
    """The identity of a fact (`source` and `id`), and its place in the log (in a replay: file, 0, line)."""

    source: str
    id: str
    topic: str = ""
    partition: int = 0
    offset: int = 0


NO_FACT = Ref("", "")
"""The reference at an instant at which only time has passed."""


class Fact(Struct, array_like=True, frozen=True, gc=False):
    """An event with its reference, as a row keeps it."""

    time: Micros  # when it is folded; of a step of a case the beginning of its second
    event: AnyEvent
    ref: Ref
    step: int = 0  # the order of the steps of a case within a second

    @classmethod
    def of(cls, event: AnyEvent, retained: AnyEvent, ref: Ref) -> "Fact":
        """The fact of an event, with the event as the row keeps it."""
        at, step = int(event.time), step_of(event)
        return cls(at, retained, ref) if step is None else cls(at - at % SECOND, retained, ref, step)

    @property
    def placed(self) -> AnyEvent:
        """The event at the instant at which it is folded, which may differ from its own."""
        return self.event if self.event.time == self.time else replace(self.event, time=Instant(self.time))

    @property
    def key(self) -> tuple[Micros, int, str, str]:
        """Facts are folded in ascending order of this key."""
        return (self.time, self.step, self.ref.source, self.ref.id)


def newest_of(recent: list[Fact], before: Micros) -> Micros:
    """The time by which other facts are late: of the newest of the recent ones, else the time before them.

    Actions do not count: what staff does about an alarm today makes no sale of yesterday late.
    """
    for fact in reversed(recent):
        if type(fact.event) is not AlarmAction:
            return fact.time
    return before


def identity_of(fact: Fact) -> int:
    """The identity of a fact in eight bytes."""
    text = f"{fact.ref.source}\x1f{fact.ref.id}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def content_check(fact: Fact) -> int:
    """Two bytes by which another payload under the identity of a fact in the snapshot is noticed, save one in 65,536."""
    return zlib.crc32(encode(fact.event)) & 0xFFFF


def short(text: str) -> str:
    """The text, or a prefix and a hash of it where it is longer than `MAX_BYTES`: equal texts stay equal.

    >>> short("K7"), short("K" * 500)
    ('K7', 'KKKKKKKKKKKK~750ba7728200581b')
    """
    if len(text) <= _SURELY_SHORT or len(text.encode()) <= MAX_BYTES:
        return text
    return f"{text[:12]}~{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"


def excerpt(text: str) -> str:
    """The beginning of what a person wrote, as one inert line of at most `MAX_EXCERPT` bytes.

    >>> excerpt("The kettle\\nleaks.")
    'The kettle leaks.'
    >>> excerpt("a" * 500)[-2:], len(excerpt("a" * 500).encode())
    ('a…', 120)
    """
    line = inert(text, MAX_EXCERPT)
    content = line.encode()
    if len(content) <= MAX_EXCERPT:
        return line
    return content[: MAX_EXCERPT - len("…".encode())].decode(errors="ignore") + "…"


def short_ref(ref: Ref) -> Ref:
    """The reference with its texts shortened."""
    if len(ref.source) <= _SURELY_SHORT and len(ref.id) <= _SURELY_SHORT and len(ref.topic) <= _SURELY_SHORT:
        return ref
    source, name, topic = short(ref.source), short(ref.id), short(ref.topic)
    if source is ref.source and name is ref.id and topic is ref.topic:
        return ref
    return Ref(source, name, topic, ref.partition, ref.offset)


def nameless(ref: Ref, customer: str | None) -> Ref:
    """The reference without the customer's id: an erasure does not reach the rows of groups.

    >>> nameless(Ref("till", "ana-7"), "ana").id == "ana-7", nameless(Ref("till", "8123"), "ana").id
    (False, '8123')
    """
    ref = short_ref(ref)
    if not customer or customer not in ref.id:
        return ref
    return replace(ref, id=hashlib.blake2b(ref.id.encode(), digest_size=8).hexdigest())

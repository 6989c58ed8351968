"""No input costs the decoder many times a good record of the same bytes; a search looks for the worst.

Processor time is compared within one run, and the least of several ratios counts, so a busy machine does not decide.
FUZZ_SEED says where the search starts; a failure prints the worst shapes.
"""

import gc
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from time import process_time
from typing import Any

import pytest

from scorers.contract.wire import MAX_BYTES, Rejection, decode
from tests.scorers.contract.test_wire import REFUSED
from tests.support.wires import of_type, raw_sale, sale

SEED = int(os.environ.get("FUZZ_SEED", "20240506"))
ALLOWED = 5.0  # times the processor time of a good record of as many bytes
GARBAGE_AFTER = 100_000  # as in streams/worker/worker.py
SEARCHED = 40_000  # bytes of a record while searching: enough for a cost that grows with the square to stand out

ATOMS: tuple[bytes, ...] = (
    *(
        b"1",
        b"-0",
        b"0.5",
        b"1e5",
        b"1e999",
        b"true",
        b"null",
        b'""',
        b'"a"',
        b'"a b"',
        b"[]",
        b"{}",
        b'{"a":1}',
        b'{"":0}',
    ),
    *(b"9" * 19, b"9" * 20, b"9" * 400, b"9" * 4300, b"9" * 9000, b"0." + b"9" * 300, b"1.2345678901234567890e-300"),
    *(b"2." + b"2250738585072011" * 48 + b"e-308", b"1e" + b"9" * 300),
    *(
        rb'"\n"',
        rb'"\u0022"',
        rb'"\u00e9"',
        rb'"\ud83d\ude00"',
        rb'"\\"',
        '"é"'.encode(),
        '"\u00a0"'.encode(),
        b'"\x7f"',
    ),
    *(b'{"a":1,"b":[]}', b"[" * 200 + b"]" * 200, b'{"a":' * 200 + b"1" + b"}" * 200, b'[{"a":[]},[{}]]'),
    *(
        b'{"sku":"a","quantity":1}',
        b'{"sku":"a","quantity":0.1234567890123456789012}',
        b'{"quantity":1}',
        b'{"a":1,"a":1}',
    ),
)
PIECES = (
    b"a",
    b" ",
    rb"\n",
    rb"\u0022",
    rb"\u00e9",
    rb"\ud83d",
    rb"\ud83d\ude00",
    rb"\\",
    b"\xc2\xa0",
    b"\xc2\x85",
    b"[",
    b"{",
)
BARE = (
    b"x",
    b"[",
    b"{",
    b'{"',
    b'{"a":',
    b'"',
    b"\\",
    b'"\\',
    b"\n",
    b" ",
    b"[]",
    b"{}",
    b"[[]]",
    b"\0",
    b"\xff",
    b"\xc2",
    b"]",
)
FIELDS = (
    "x",
    "items",
    "attributes",
    "consent",
    "aliases",
    "store_id",
    "amount_minor",
    "time",
    "id",
    "schema_version",
    "type",
)
FLAWS: dict[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "cut short": lambda raw: raw[:-1],
    "words after it": lambda raw: raw + b" x",
    "not UTF-8 at its end": lambda raw: raw[:-1] + b',"y":"\xff"}',
    "half a pair at its end": lambda raw: raw[:-1] + rb',"y":"\ud800"}',
    "a control character at its end": lambda raw: raw[:-1] + rb',"channel":"\u0000"}',
    "a key twice at its end": lambda raw: raw[:-1] + b',"id":"e2"}',
    "a nested key twice at its end": lambda raw: raw[:-1] + b',"y":[{"a":1,"a":2}]}',
    "NaN at its end": lambda raw: raw[:-1] + b',"y":NaN}',
    "a wrong type at its end": lambda raw: raw[:-1] + b',"margin_minor":"1"}',
    "another version at its end": lambda raw: raw[:-1] + b',"schema_version":2}',
    "an unknown type": lambda raw: raw.replace(b'"purchase.completed"', b'"purchase.imagined"').replace(
        b'"customer.described"', b'"customer.imagined"'
    ),
}


@pytest.fixture(autouse=True)
def _collections() -> Iterator[None]:
    """Collect garbage as rarely as the processes that decode do."""
    before = gc.get_threshold()
    gc.set_threshold(GARBAGE_AFTER)
    yield
    gc.set_threshold(*before)


def _filled(size: int, piece: bytes, separator: bytes = b"") -> bytes:
    return separator.join([piece] * max(1, size // (len(piece) + len(separator))))


def _keyed(size: int, atom: bytes) -> bytes:
    count = max(1, size // (len(atom) + 9))
    return b",".join(b'"k%d":%s' % (number, atom) for number in range(count))


FORMS: dict[str, Callable[[int, bytes, bytes], bytes]] = {
    "a list": lambda size, atom, _: b"[" + _filled(size, atom, b",") + b"]",
    "a list with blanks": lambda size, atom, _: b"[" + _filled(size, atom, b" ,\n") + b"]",
    "an object": lambda size, atom, _: b"{" + _keyed(size, atom) + b"}",
    "one key many times": lambda size, atom, _: b"{" + _filled(size, b'"k":' + atom, b",") + b"}",
    "fields": lambda size, atom, _: b'0,"y":0,' + _keyed(size, atom),
    "a text": lambda size, _, piece: b'"' + _filled(size, piece) + b'"',
    "texts": lambda size, _, piece: b"[" + _filled(size, b'"' + piece + b'"', b",") + b"]",
    "a number": lambda size, _, __: b"9" * size,
    "a fraction": lambda size, _, __: b"1." + b"9" * size,
}


@dataclass(frozen=True)
class Shape:
    """How a hostile record is made; `bare` is repeated and nothing else if it is given."""

    form: str
    atom: bytes
    piece: bytes
    field: str
    described: bool
    flaw: str
    bare: bytes = b""

    def made(self, size: int) -> bytes:
        """The record, of about this size and not larger than a record may be."""
        if self.bare:
            return _filled(size, self.bare)
        content = FORMS[self.form](size - 400, self.atom, self.piece)
        record = of_type("customer.described") if self.described else sale()
        return FLAWS[self.flaw](record[:-1] + b', "' + self.field.encode() + b'":' + content + b"}")[:MAX_BYTES]

    def varied(self, rng: random.Random) -> "Shape":
        """The same but for one of its parts."""
        part = rng.choice(list(PARTS))
        changed: dict[str, Any] = {part: rng.choice(PARTS[part])}
        return replace(self, **changed)


PARTS: dict[str, tuple[Any, ...]] = {
    "form": tuple(FORMS),
    "atom": ATOMS,
    "piece": PIECES,
    "field": FIELDS,
    "described": (False, True),
    "flaw": tuple(FLAWS),
}


def _good(size: int) -> bytes:
    """A good sale of about this size: a plain one with white space if it is small, else one with a basket."""
    items = [{"sku": "abc", "quantity": 1}] * ((size - 200) // 31)
    return sale(items=items) if items else sale().ljust(size)


def _cost(raw: bytes, times: int) -> float:
    """Processor seconds a byte."""
    began = process_time()
    for _ in range(times):
        decode(raw)
    return (process_time() - began) / (times * len(raw))


def _ratio(raw: bytes, good: bytes, tries: int, times: int = 1) -> float:
    """How many times the good record's cost the other has, by the least of some tries."""
    return min(_cost(raw, times) / _cost(good, times) for _ in range(tries))


def test_no_large_record_costs_many_times_a_good_one() -> None:
    """The worst of hundreds of shapes, and of their variations, stays within the allowed multiple at full size."""
    rng = random.Random(SEED)
    good, seen = _good(SEARCHED), {}

    def look(shape: Shape) -> None:
        if shape not in seen:
            seen[shape] = _ratio(shape.made(SEARCHED), good, 2)

    plain = Shape("a list", b"1", b"a", "x", False, "none")
    for bare in BARE:
        look(replace(plain, bare=bare))
    for _ in range(250):
        look(Shape(**{part: rng.choice(values) for part, values in PARTS.items()}))
    for _ in range(5):
        for shape in sorted(seen, key=seen.__getitem__)[-10:]:
            look(shape.varied(rng))
    worst = sorted(seen, key=seen.__getitem__)[-5:]
    full = _good(MAX_BYTES)
    found = {shape: _ratio(shape.made(MAX_BYTES), full, 6) for shape in worst}
    assert max(found.values()) <= ALLOWED, f"FUZZ_SEED={SEED}: {found}"


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(
            raw_sale(", ".join(f'"k{number}": 1' for number in range(18_000)) + ', "k17999": 1'), id="many keys"
        ),
        pytest.param(raw_sale('"x": [' + "1.2345678901234567890e-300," * 8_000 + "0]"), id="long fractions"),
        pytest.param(raw_sale('"x": [' + "[]," * 70_000 + "[]]"), id="empty lists"),
        pytest.param(
            raw_sale('"x": [' + '{"a":1},' * 28_000 + '{"a":1,"a":2}]'), id="many objects, the last one wrong"
        ),
    ],
)
def test_what_once_was_slow(raw: bytes) -> None:
    """Records that took up to a thousand times as long as a good one."""
    assert _ratio(raw, _good(len(raw)), 6) <= ALLOWED


def test_no_small_record_costs_many_times_a_good_one() -> None:
    """Every kind of bad record, at the size of a usual event."""
    small = [raw for _, _, raw in REFUSED if 60 <= len(raw) <= 1000]
    assert len(small) > 80
    found = {raw: _ratio(raw, _good(len(raw)), 3, times=20) for raw in small}
    slow = {raw: _ratio(raw, _good(len(raw)), 10, times=100) for raw, ratio in found.items() if ratio > ALLOWED}
    assert all(ratio <= ALLOWED for ratio in slow.values()), slow


def test_a_line_that_is_too_short_for_an_event_costs_less_than_one() -> None:
    """Tiny lines are what a body has most of; none costs more than a few events, and none is taken."""
    for raw in (b"x", b"{", b"{}", b"1", b'""', b"[]", b"\xff", b"\0", b'{"id":1}', b"null"):
        assert isinstance(decode(raw), Rejection)
        ratio = min(_cost(raw, 100) * len(raw) / (_cost(sale(), 100) * len(sale())) for _ in range(6))
        assert ratio <= ALLOWED, (raw, ratio)

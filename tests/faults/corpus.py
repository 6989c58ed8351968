"""Bad input by row of the matrix: records as a careless or hostile producer sends them, and why each is refused.

`None` as the code means that the record is sound. Every record is about a customer of its own, so that a sound one
changes nobody else's state.
"""

import json
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from scorers.contract.rejection import Rejection
from scorers.contract.wire import MAX_BYTES, decode

AT = "2023-12-01T12:00:00Z"  # before all real ones: time does not run ahead of them


class Bad(NamedTuple):
    row: str
    what: str
    value: bytes | None
    code: str | None
    key: bytes | None = b"corpus"


def sale(**own: Any) -> dict[str, Any]:
    told = {"id": "x1", "source": "corpus", "type": "purchase.completed", "time": AT, "customer_id": "corpus"}
    return {**told, "amount_minor": 100, "currency": "EUR", **own}


def raw(text: str = "", **own: Any) -> bytes:
    """A sale, with `text` put in as further fields, as it stands."""
    body = json.dumps(sale(**own))
    return (body[:-1] + (f", {text}" if text else "") + "}").encode()


def without(name: str) -> bytes:
    told = sale()
    del told[name]
    return json.dumps(told).encode()


def number(text: str) -> bytes:
    """A sale whose amount is written so."""
    return raw().replace(b'"amount_minor": 100', b'"amount_minor": ' + text.encode())


def padded(size: int) -> bytes:
    """A sale with an unknown field that makes it so large."""
    return raw(f'"note": "{"x" * (size - len(raw()) - 12)}"').ljust(size)


BAD = (
    Bad("D1", "not UTF-8", b"\xff\xfe\xfd", "bad_text"),
    Bad("D1", "not JSON", b"sale of a hammer", "not_json"),
    Bad("D1", "empty", b"", "not_json"),
    Bad("D1", "a scalar", b"42", "not_object"),
    Bad("D1", "a list", b"[]", "not_object"),
    Bad("D1", "no key", raw(), "key_mismatch", None),
    Bad("D1", "another key", raw(), "key_mismatch", b"somebody"),
    Bad("D1", "a key that is not UTF-8", raw(), "key_mismatch", b"\xff\xfe"),
    Bad("D1", "the key of the partition's own row, no value", None, "key_mismatch", b"\x00story"),
    Bad("D1", "no value: forget somebody unknown", None, None, b"corpus-unknown"),
    Bad("D3", "nested 100,000 deep", b'{"a":' * 40_000 + b"1" + b"}" * 40_000, "too_deep"),
    Bad("D3", "nested in an unknown field", raw(f'"note": {"[" * 30_000}{"]" * 30_000}'), "too_deep"),
    Bad("D3", "5,000 digits", number("9" * 5_000), "bad_number"),
    Bad("D3", "NaN", number("NaN"), "bad_number"),
    Bad("D3", "Infinity", number("-Infinity"), "bad_number"),
    Bad("D3", "1e999", number("1e999"), "bad_number"),
    Bad("D3", "a key twice", raw('"amount_minor": 200'), "bad_value"),
    Bad("D3", "a lone surrogate", raw(r'"note": "\ud800"'), "bad_text"),
    Bad("D3", "NUL in an id", raw(id="x\x00"), "bad_text"),
    Bad("D3", "UTF-16", raw().decode().encode("utf-16"), "bad_text"),
    Bad("D3", "true as a number", number("true"), "wrong_type"),
    Bad("D3", "a fraction of a cent", number("1.5"), "wrong_type"),
    Bad("D4", "no time", without("time"), "missing_field"),
    Bad("D4", "seconds", raw(time=1_701_432_000), "bad_time"),
    Bad("D4", "milliseconds", raw(time=1_701_432_000_000), "bad_time"),
    Bad("D4", "1e18", raw(time=10**18), "bad_time"),
    Bad("D4", "negative", raw(time=-1), "bad_time"),
    Bad("D4", "no zone", raw(time="2024-02-01T12:00:00"), "bad_time"),
    Bad("D4", "year 1900", raw(time="1900-01-01T00:00:00Z"), "bad_time"),
    Bad("D4", "1989", raw(time="1989-12-31T23:59:59Z"), "bad_time"),
    Bad("D4", "year 2100", raw(time="2100-01-01T00:00:00Z"), "bad_time"),
    Bad("D4", "no such day", raw(time="2024-02-30T00:00:00Z"), "bad_time"),
    Bad("D7", "a later version", raw('"schema_version": 2, "amount": "new"'), "schema_unknown"),
    Bad("D7", "an unknown type", raw(type="purchase.imagined"), "unknown_type"),
    Bad("D7", "unknown fields", raw('"colour": {"deep": [1, 2]}', id="x-extra"), None),
    Bad("D7", "a field is missing", without("currency"), "missing_field"),
    Bad("D8", "a byte too many", padded(MAX_BYTES + 1), "too_large"),
    Bad("D8", "just not too many", padded(MAX_BYTES), None),
    Bad("D8", "nearly all that a broker takes", padded(1_048_000), "too_large"),
    Bad("D8", "a key of a megabyte", raw(), "key_mismatch", b"k" * 1_000_000),
    Bad("D10", "a number as id", raw(customer_id=42), "wrong_type", b"42"),
    Bad("D10", "white space around an id", raw(customer_id=" 42"), "bad_value", b" 42"),
)


def fuzzed(lines: list[bytes], count: int, seed: int) -> Iterator[Bad]:
    """Real events, bitten and spliced until they are none; what stays an event by chance is left out."""
    dice = random.Random(seed)
    found = 0
    while found < count:
        line = bytearray(dice.choice(lines))
        for _ in range(dice.randint(1, 6)):
            at = dice.randrange(len(line))
            match dice.randrange(5):
                case 0:
                    line[at] = dice.randrange(256)
                case 1:
                    del line[at : at + dice.randint(1, 30)]
                case 2:
                    line[at:at] = bytes(dice.randrange(256) for _ in range(dice.randint(1, 8)))
                case 3:
                    line[at:at] = dice.choice((b'"', b"{", b"}", b"[", b"]", b",", b":", b"null", b"1e999", b"\\"))
                case 4:
                    other = dice.choice(lines)
                    line[at:] = other[dice.randrange(len(other)) :]
            if not line:
                line = bytearray(b"{")
        refused = decode(bytes(line))
        if isinstance(refused, Rejection):
            found += 1
            yield Bad("D2", "fuzzed", bytes(line), refused.code)

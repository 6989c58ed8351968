"""Whatever bytes arrive, `decode` answers with an event or a refusal, and good records beside them are not touched.

FUZZ_INPUTS says how many inputs, FUZZ_SEED where to start; a failure prints both, and the bytes.
"""

import json
import os
import random
from typing import Any

from scorers.contract.wire import Rejection, decode, decode_alarm, encode_event

INPUTS = int(os.environ.get("FUZZ_INPUTS", "20000"))
SEED = int(os.environ.get("FUZZ_SEED", "20240506"))

GOOD: tuple[bytes, ...] = tuple(
    json.dumps(record, ensure_ascii=ascii_only).encode()
    for ascii_only in (True, False)
    for record in (
        {
            "type": "purchase.completed", "id": "e1", "source": "till-1", "time": "2024-05-06T07:08:09Z",
            "customer_id": "c42", "amount_minor": 1999, "currency": "EUR", "store_id": "Málaga 🛒",
            "items": [{"sku": "a", "quantity": 1.5, "amount_minor": 1000}, {"sku": "b", "quantity": 2}],
        },
        {
            "type": "complaint.opened", "id": "e2", "source": "desk", "time": "2024-05-06T09:08:09.5+02:00",
            "complaint_id": "k1", "severity": "major", "public": True, "reason": "la leche\nestá agria",
        },
        {
            "type": "customer.described", "id": "e3", "source": "crm", "time": "2024-05-06T07:08:09Z",
            "customer_id": "c42", "name": "Núñez", "aliases": ["c7"], "consent": {"mail": True}, "attributes": {"a": "b"},
        },
        {
            "type": "promise.made", "id": "e4", "source": "crm", "time": "2024-05-06T07:08:09Z", "customer_id": "c42",
            "promise_id": "p1", "due": "2024-05-08T00:00:00Z", "x": {"deep": [[[None, 1e5]]]},
        },
    )
)  # fmt: skip

PIECES: tuple[bytes, ...] = (
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b" ", b"\n", b"\0", b"\x7f", b"\xff", b"\xc2\x85", b"\xed\xa0\x80"),
    *(b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"-0", b"9" * 400, b"9" * 5000, b"0.1", b"01", b"[" * 300),
    *(rb"\ud800", rb"\udc00", rb"\u0000", rb"\u0022", rb"\ud83d\ude00", rb"\n", b"\xef\xbb\xbf", "ñ".encode()),
    *(b'"id":"e9",', b'"type":"purchase.refunded",', b'"schema_version":2,', b'"customer_id":"",', b'"x":1e999,'),
    *(b'"time":5,', b'"time":"2024-02-30T00:00:00Z",', b'"amount_minor":-1,', b'"x":{"y":1,"y":2},', b'" 42"'),
)  # fmt: skip


def mutated(rng: random.Random) -> bytes:
    """A good record with a few bytes deleted, changed, doubled, or replaced by something nasty."""
    raw = bytearray(rng.choice(GOOD))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        here = rng.randrange(len(raw) + 1)
        there = min(len(raw), here + rng.choice((0, 1, 1, 2, 5, 40)))
        match rng.randrange(5):
            case 0:
                del raw[here:there]
            case 1:
                raw[here:there] = bytes(rng.randrange(256) for _ in range(there - here))
            case 2:
                raw[here:here] = raw[here:there]
            case 3:
                raw[here:there] = rng.choice(PIECES)
            case 4:  # between two fields, where it may well be read
                comma = raw.find(b", ", here)
                at = comma + 2 if comma >= 0 else 1
                raw[at:at] = rng.choice(PIECES)
    return bytes(raw)


def grown(rng: random.Random) -> bytes:
    """JSON from a grammar that loves the contract's own words, or pieces without any grammar."""
    if rng.random() < 0.2:
        return b"".join(rng.choice(PIECES) for _ in range(rng.randrange(12)))
    record = json.loads(rng.choice(GOOD))
    for _ in range(rng.randrange(1, 4)):
        name = rng.choice((*record, "schema_version", "satisfaction", "into", "traits", "x"))
        record[name] = value(rng, 4)
        if rng.random() < 0.2:
            del record[rng.choice(list(record))]
    return json.dumps(record, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")


def value(rng: random.Random, depth: int) -> Any:
    """Any JSON value, and some that only careless writers call JSON."""
    if depth and rng.random() < 0.2:
        return [value(rng, depth - 1) for _ in range(rng.randrange(4))]
    if depth and rng.random() < 0.2:
        return {str(value(rng, 0)): value(rng, depth - 1) for _ in range(rng.randrange(4))}
    texts = ("", " ", "c42", " c42", "EUR", "\ud800", "a\0", "\x85", "😀", "2024-05-06T07:08:09Z", "major", "x" * 600)
    numbers = (0, 1, -1, 5, 42, 2**53, 2**63, 2**64, 10**18, 10**30, 1.5, -0.0, 1e308, float("inf"), float("nan"))
    return rng.choice((*texts, *numbers, None, True, False, "purchase.refunded", "staff.pulse"))


def test_any_bytes_are_an_event_or_a_refusal() -> None:
    """No input raises; what is accepted is sound to the last byte; good neighbours decode as if alone."""
    rng = random.Random(SEED)
    alone = [decode(raw) for raw in GOOD]
    assert not any(isinstance(event, Rejection) for event in alone), alone
    accepted, codes = 0, set()
    for count in range(INPUTS):
        raw = mutated(rng) if count % 2 else grown(rng)
        where = f"FUZZ_SEED={SEED}, input {count}: {raw[:2000]!r}"
        try:
            event = decode(raw)
            decode_alarm(raw)
        except BaseException as error:
            raise AssertionError(where) from error
        if isinstance(event, Rejection):
            codes.add(event.code)
            assert event.detail.isprintable(), where
            assert 0 < len(event.detail) <= 240, where
        else:
            accepted += 1
            assert decode(encode_event(event)) == event, where
            json.loads(raw, parse_constant=_never, parse_int=float, object_pairs_hook=_once)
        neighbour = count % len(GOOD)
        assert decode(GOOD[neighbour]) == alone[neighbour], where
    assert accepted > INPUTS // 50, "the fuzzer must also meet what is accepted"
    reachable = {"not_json", "too_deep", "bad_number", "bad_text", "not_object", "missing_field", "wrong_type"}
    assert codes >= reachable | {"bad_value", "bad_time", "unknown_type", "schema_unknown"}, codes


def _never(name: str) -> None:
    raise AssertionError(f"{name} was accepted")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    assert len(set(keys)) == len(keys), f"a key that stands twice was accepted: {keys}"
    "".join(keys).encode()
    "".join(v for _, v in pairs if isinstance(v, str)).encode()
    return dict(pairs)

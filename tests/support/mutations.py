"""Mutated deliveries over all hooks: `python -m tests.support.mutations 1000000` tries so many and tells what became of them."""

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from scorers.contract.wire import Rejection, decode
from streams.gateway.answers import Refused
from streams.hooks.catalogue import Hook
from streams.hooks.delivery import Unusable
from streams.hooks.taking import encoded
from tests.support.deliveries import CLOVER_PAYMENT, SAMPLES
from tests.support.taking_hooks import NOW, OPTIONS, raw_of, unverified

STRANGE: list[Any] = [
    *(None, True, False, 0, -1, 1, 2**53, 2**63, 2**64, 10**30, 1.5, -0.0, 1e308, "", " ", "x", "\x00", "é", "\u200b7"),
    *("NaN", "-Infinity", "1e999999", "9" * 5000, "2024-13-45T99:00:00Z", "0001-01-01", "0001-01-01T00:00:00+23:59"),
    *("9999-12-31T23:59:59-23:59", "COMPLETED", "EUR", "eur", "EURO", "=cmd()", "a" * 5000, [], {}, [[]], [None]),
    *({"id": None}, {"amount": 1}, [{"id": 1}], [{}] * 50, {"a": {"b": {"c": {}}}}),
]
Change = Callable[[random.Random, bytes], bytes]


def _value(rng: random.Random, node: Any) -> Any:
    """The value with one thing in it changed."""
    if isinstance(node, dict) and node and rng.random() < 0.9:
        key = rng.choice(list(node))
        how = rng.random()
        if how < 0.1:
            return {name: value for name, value in node.items() if name != key}
        if how < 0.15:
            return {**node, rng.choice(("id", "type", "data", "amount", key + "x")): rng.choice(STRANGE)}
        return {**node, key: _value(rng, node[key])}
    if isinstance(node, list) and node and rng.random() < 0.8:
        place = rng.randrange(len(node))
        how = rng.random()
        if how < 0.2:
            return node[:place] + node[place + 1 :]
        return [*node[:place], _value(rng, node[place]), *node[place + (how > 0.3) :]]
    if isinstance(node, str) and rng.random() < 0.5:
        place = rng.randrange(len(node) + 1)
        return node[:place] + rng.choice(("\n", "é", "\ud800", "9", "-", "\u202e")) + node[place:]
    return rng.choice(STRANGE)


def _of_values(rng: random.Random, raw: bytes) -> bytes:
    try:
        return json.dumps(_value(rng, json.loads(raw))).encode()
    except (ValueError, RecursionError):
        return _of_bytes(rng, raw)


def _of_bytes(rng: random.Random, raw: bytes) -> bytes:
    place, found = rng.randrange(len(raw) + 1), bytearray(raw)
    cut = rng.randrange(8)
    found[place : place + cut] = rng.choice(
        (b"", b"\x00", b"\xff", b'"', b"{", b"[" * 2000, b'{"a":' * 500, b"1e400", b"&")
    )
    return bytes(found)


CHANGES: list[Change] = [_of_values, _of_values, _of_values, _of_bytes]


def outcome(hook: Hook, headers: dict[str, str], body: bytes) -> str:
    """What becomes of a body: events, refused, unused or named; anything else is an exception."""
    try:
        hook.adapter.is_ping(headers, body)
        wanted = hook.wants(headers, body, NOW)
        if wanted is not None:
            return "unused" if isinstance(wanted, str) else "events"
        drafts = hook.drafts(headers, body, NOW)
        if isinstance(drafts, str):
            return "unused"
        found = [decode(encoded(one.fields)) for one in drafts]
    except (Unusable, Refused):
        return "refused"
    return "refused" if any(isinstance(one, Rejection) for one in found) else "events"


def tried(name: str, rng: random.Random, rounds: int) -> Counter[str]:
    """The outcomes of so many mutated deliveries of a vendor; an exception tells the body."""
    options = {key: value for key, value in OPTIONS.get(name, {}).items() if key != "token_env"}
    hook, outcomes = unverified(name, **options), Counter[str]()
    samples = [(headers, raw_of(body)) for headers, body in SAMPLES[name]]
    fetched = unverified("clover")._replace(adapter=hook.adapter._replace(wants=None)) if name == "clover" else None
    for _ in range(rounds):
        headers, raw = rng.choice(samples)
        target = hook
        if fetched is not None and rng.random() < 0.5:
            target, raw = fetched, raw_of(CLOVER_PAYMENT)
        for change in rng.choices(CHANGES, k=rng.choice((0, 1, 1, 2, 3))):
            raw = partial(change, rng)(raw)
        try:
            outcomes[outcome(target, headers, raw)] += 1
        except Exception as fault:
            raise AssertionError(f"{name}: {type(fault).__name__} on {raw[:2000]!r}") from fault
    return outcomes


def main(rounds: int, seed: int) -> None:
    """Try so many bodies over all hooks."""
    began = time.monotonic()
    for name in SAMPLES:
        outcomes = tried(name, random.Random(f"{name} {seed}"), rounds // len(SAMPLES))
        print(f"{name:12} {dict(sorted(outcomes.items()))}", flush=True)  # noqa: T201
    print(f"{rounds:,} bodies, seed {seed}, {time.monotonic() - began:.0f} s: no exception")  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20240506)

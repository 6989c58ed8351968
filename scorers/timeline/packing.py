"""States and rows as MessagePack, in which an instant is a plain number."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from scorers.contract.events import Instant

T = TypeVar("T")

encode: Callable[[object], bytes] = msgspec.msgpack.Encoder(enc_hook=int).encode
"""Any state, row or fact as bytes."""


def decoder(wanted: type[T]) -> Callable[[bytes], T]:
    """A function that reads what `encode` wrote.

    >>> decoder(list[Instant])(encode([Instant(7)]))
    [7]
    """
    return msgspec.msgpack.Decoder(wanted, dec_hook=_instant).decode


def _instant(_: type, value: int) -> Instant:
    return Instant(value)

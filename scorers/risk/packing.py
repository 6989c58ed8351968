"""Features and log-odds as bytes: 16-bit floats, a thousandth of each value exact, so that open questions fit a row."""

import struct
from collections.abc import Sequence

from scorers.risk.columns import WIDTH

_MASK_BYTES = (WIDTH + 7) // 8


def pack_floats(values: Sequence[float]) -> bytes:
    """A few numbers as 16-bit floats.

    >>> unpack_floats(pack_floats([0.5, -2.0]))
    (0.5, -2.0)
    """
    return struct.pack(f"<{len(values)}e", *values)


def unpack_floats(packed: bytes) -> tuple[float, ...]:
    """The numbers that `pack_floats` was given."""
    return struct.unpack(f"<{len(packed) // 2}e", packed)


def pack_features(x: Sequence[float]) -> bytes:
    """A bit for each feature that is not 0, then those features as 16-bit floats.

    >>> unpack_features(pack_features([0.0] * 50 + [0.5] + [0.0] * (WIDTH - 51)))[49:52]
    [0.0, 0.5, 0.0]
    """
    mask = 0
    for i, value in enumerate(x):
        if value:
            mask |= 1 << i
    present = [value for value in x if value]
    return mask.to_bytes(_MASK_BYTES, "little") + struct.pack(f"<{len(present)}e", *present)


def unpack_features(packed: bytes) -> list[float]:
    """The features that `pack_features` was given."""
    mask = int.from_bytes(packed[:_MASK_BYTES], "little")
    x = [0.0] * WIDTH
    for (value,) in struct.iter_unpack("<e", packed[_MASK_BYTES:]):
        lowest = mask & -mask
        x[lowest.bit_length() - 1] = value
        mask ^= lowest
    return x

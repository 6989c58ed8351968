"""The columns of the risk model's features, and features as bytes.

Each constant is the place of the column of the same name; docs/lessons.md says what each column is. Their order is part of
`FEATURES_VERSION`: rows, lessons and models rely on it. Packed numbers are 16-bit floats, so that open questions fit a row.
"""

import struct
from collections.abc import Sequence
from functools import lru_cache
from itertools import compress

FEATURES_VERSION = "1"

(
    # when the customer bought
    HORIZON,
    OCCASIONS,
    SURVIVED_DAYS,
    SILENCE,
    PACED_GAPS,
    PACED_DAYS,
    REGULARITY,
    TENURE,
    ONE_TIME,
    RATE,
    MEAN_GAP,
    GAP_SPREAD,
    LAST_GAP,
    LONGEST_GAP,
    OVERDUE,
    OVERDUE_LONGEST,
    BOUGHT_HALF_HORIZON,
    BOUGHT_HORIZON,
    BOUGHT_TWO_HORIZONS,
    BOUGHT_FOUR_HORIZONS,
    # what the customer bought
    SPENT,
    BASKET,
    SPEND_TREND,
    TRIPS,
    BREADTH,
    BREADTH_TREND,
    DISCOUNTED,
    DISCOUNT_SHARE,
    REFUNDS,
    REFUND_SHARE,
    # signals: contacts, complaints, satisfaction, and what the customer said
    CONTACTS_IN,
    CONTACT_IN_LATELY,
    CONTACTS_OUT,
    CONTACT_OUT_LATELY,
    UNANSWERED,
    ANSWERED,
    REQUESTS_OPEN,
    REWARDS,
    REWARD_LATELY,
    COMPLAINTS,
    COMPLAINT_LATELY,
    COMPLAINTS_OPEN,
    COMPLAINTS_OVERDUE,
    SATISFACTION,
    SATISFACTION_LAST,
    RECOMMENDS,
    REFERRAL,
    DEBT,
    TROUBLE,
    TONE,
    PROMISES_BROKEN,
    COMPETITOR_LATELY,
    SAID_GOODBYE,
    OWNER_JUDGED,
    BONDS,
    # the time of year
    SEASON_SIN,
    SEASON_COS,
) = range(57)

NAMES = tuple(name.lower() for name, value in tuple(globals().items()) if name.isupper() and isinstance(value, int))
WIDTH = len(NAMES)
INDEX = {name: place for place, name in enumerate(NAMES)}
SIGNALS = slice(CONTACTS_IN, BONDS + 1)

_MASK_BYTES = (WIDTH + 7) // 8
_BITS = tuple(1 << place for place in range(WIDTH))


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
    present = list(filter(None, x))
    return sum(compress(_BITS, x)).to_bytes(_MASK_BYTES, "little") + struct.pack(f"<{len(present)}e", *present)


def unpack_features(packed: bytes) -> list[float]:
    """The features that `pack_features` was given."""
    x = [0.0] * WIDTH
    for place, value in zip(_places(packed[:_MASK_BYTES]), unpack_floats(packed[_MASK_BYTES:]), strict=True):
        x[place] = value
    return x


@lru_cache(maxsize=1024)  # few combinations of known features are common
def _places(mask: bytes) -> tuple[int, ...]:
    bits = int.from_bytes(mask, "little")
    return tuple(place for place, bit in enumerate(_BITS) if bits & bit)

"""The numbers that the risk model reads of a customer, and how a question keeps them.

Each is a logarithm, a share or a small count, and 0 where nothing is known, so that a shop without complaints, surveys
or coupons pays nothing for their columns. Only facts of the row and the instant asked are used: nothing later can leak
in. All values are rounded to 16 bits here, a thousandth of each, so that four open questions fit a small row and a score
is the same from a row and from a packed question.
"""

import struct
from bisect import bisect_right
from collections.abc import Sequence
from math import cos, exp, floor, log, log1p, pi, sin, sqrt

from scorers.contract.events import DAY, Duration, Micros
from scorers.customer.state import Customer
from scorers.in_force.base_rhythm import BaseRhythm

FEATURES_VERSION = "1"
NAMES: tuple[str, ...] = (
    # time: the first seven are all that the prior reads, in this order
    "horizon",
    "occasions",
    "survived_days",
    "silence",
    "paced_gaps",
    "paced_days",
    "regularity",
    "tenure",
    "one_time",
    "rate",
    "mean_gap",
    "gap_spread",
    "last_gap",
    "longest_gap",
    "overdue",
    "overdue_longest",
    "bought_half_horizon",
    "bought_horizon",
    "bought_two_horizons",
    "bought_four_horizons",
    # money and baskets
    "spent",
    "basket",
    "spend_trend",
    "trips",
    "breadth",
    "breadth_trend",
    "discounted",
    "discount_share",
    "refunds",
    "refund_share",
    # contacts
    "contacts_in",
    "contact_in_lately",
    "contacts_out",
    "contact_out_lately",
    "unanswered",
    "answered",
    "requests_open",
    "rewards",
    "reward_lately",
    # complaints, mood, words
    "complaints",
    "complaint_lately",
    "complaints_open",
    "complaints_overdue",
    "satisfaction",
    "satisfaction_last",
    "recommends",
    "referral",
    "debt",
    "trouble",
    "tone",
    "promises_broken",
    "competitor_lately",
    "said_goodbye",
    "owner_judged",
    "bonds",
    # time of year
    "season_sin",
    "season_cos",
)
WIDTH = len(NAMES)
INDEX = {name: i for i, name in enumerate(NAMES)}

_YEAR = 365.2425 * DAY
_TURN = 2.0 * pi / _YEAR
_DEBT_HALF_LIFE = 365 * DAY
_MASK_BYTES = (WIDTH + 7) // 8
_WORDS = INDEX["contacts_in"]  # before this column stand time and money, which every purchase tells
_SEASON = INDEX["season_sin"]
_ALWAYS = struct.Struct(f"<{_WORDS + WIDTH - _SEASON}e")
_SAID = struct.Struct(f"<{_SEASON - _WORDS}e")
_NOTHING = (0.0,) * (_SEASON - _WORDS)


def features(c: Customer, now: Micros, horizon: Duration, base: BaseRhythm) -> list[float]:
    """The columns of `NAMES` for a customer with at least one purchase, at an instant not before its last fact."""
    rhythm = c.rhythm
    n = rhythm.occasions
    h = horizon / DAY
    survived = (rhythm.last - rhythm.first) / DAY
    silence = max((now - rhythm.last) / DAY, 0.0)
    tenure = survived + silence
    x = [0.0] * _WORDS
    x[0] = log(h)
    x[1] = log(n) if n else 0.0
    x[2] = log1p(survived)
    x[3] = log1p(silence)
    x[7] = log1p(tenure)
    x[9] = log((n - 0.7) / (tenure / h + 0.4)) if n else 0.0
    if n > 1:
        gaps = n - 1
        mean = survived / gaps
        x[4] = log1p(rhythm.known)
        x[5] = log1p(rhythm.paced)
        x[6] = log(rhythm.shape(base.shape))
        x[10] = log1p(mean)
        x[11] = log1p(sqrt(max(rhythm.squares / gaps - mean * mean, 0.0)))
        x[12] = log1p(rhythm.last_gap)
        x[13] = log1p(rhythm.longest)
        x[14] = log((silence + 3.0) / (mean + 3.0))
        x[15] = log((silence + 3.0) / (rhythm.longest + 3.0))
    else:
        x[6] = log(base.shape)
        x[8] = 1.0
    if days := c.days:
        total, today = len(days), now // DAY
        first = bisect_right(days, floor(today - 4.0 * h))
        if first < total:
            x[19] = log1p(total - first)
            first = bisect_right(days, floor(today - 2.0 * h), first)
            x[18] = log1p(total - first)
            first = bisect_right(days, floor(today - h), first)
            x[17] = log1p(total - first)
            x[16] = log1p(total - bisect_right(days, floor(today - 0.5 * h), first))
    if c.amount_minor and n:
        x[20] = log1p(c.amount_minor / 100.0)
        x[21] = log1p(c.amount_minor / (100.0 * n))
        x[22] = log((c.spend_fast + 1.0) / (c.spend_slow + 1.0))
    if c.purchases > n:
        x[23] = log(c.purchases / n) if n else 0.0
    if c.variety:
        x[24] = log1p(c.variety.bit_count())
        x[25] = log((c.breadth_fast + 1.0) / (c.breadth_slow + 1.0))
    if c.discounted:
        x[26] = c.discounted / c.purchases
        x[27] = c.discount_minor / (c.discount_minor + c.amount_minor + 1.0)
    if c.refunds:
        x[28] = log1p(c.refunds)
        x[29] = min(c.refund_minor / (c.amount_minor + 1.0), 2.0)
    season = _TURN * (now % _YEAR)
    rounded = _ALWAYS.unpack(_ALWAYS.pack(*x, sin(season), cos(season)))
    words = _words(c, now, horizon)
    return [*rounded[:_WORDS], *words, *rounded[_WORDS:]]


def _words(c: Customer, now: Micros, horizon: Duration) -> tuple[float, ...]:
    """The columns of contacts, complaints, moods and words; most customers of most shops say nothing."""
    if not (
        c.contacts_in
        or c.contacts_out
        or c.requests
        or c.rewards
        or c.complaints
        or c.satisfaction_count
        or c.recommend_last >= 0
        or c.referral_last
        or c.debt
        or c.trouble is not None
        or c.tone
        or c.promises_broken
        or c.competitor_mentions
        or c.exit_at
        or c.owner_good
        or c.bonds
    ):
        return _NOTHING
    x = [0.0] * len(_NOTHING)
    if c.contacts_in:
        x[0] = log1p(c.contacts_in)
        x[1] = exp((c.last_contact_in - now) / horizon)
    if c.contacts_out:
        x[2] = log1p(c.contacts_out)
        x[3] = exp((c.last_contact_out - now) / horizon)
        x[4] = log1p(len(c.outreach))
        x[5] = c.answers / c.contacts_out
    x[6] = log1p(len(c.requests))
    if c.rewards:
        x[7] = log1p(c.rewards)
        x[8] = exp((c.last_reward - now) / horizon)
    if c.complaints:
        x[9] = log1p(c.complaints)
        x[10] = exp((c.last_complaint - now) / horizon)
        if c.cases:
            x[11] = log1p(len(c.cases))
            x[12] = log1p(sum(case.rectify_by < now for case in c.cases))
    if c.satisfaction_count:
        x[13] = c.satisfaction_mood - 3.0
        x[14] = c.satisfaction_last - 3.0
    if c.recommend_last >= 0:
        x[15] = (c.recommend_last - 7.0) / 3.0
    x[16] = c.referral_last
    if c.debt:
        x[17] = min(c.debt / 12.0, 1000.0) * 0.5 ** ((now - c.debt_at) / _DEBT_HALF_LIFE)
    if c.trouble is not None:
        x[18] = log1p(c.trouble.count)
    x[19] = c.tone
    if c.promises_broken:
        x[20] = log1p(c.promises_broken)
    if c.competitor_mentions:
        x[21] = exp((c.last_competitor - now) / horizon)
    if c.exit_at:
        x[22] = 1.0
    x[23] = c.owner_good
    if c.bonds:
        x[24] = log1p(len(c.bonds))
    return _SAID.unpack(_SAID.pack(*x))


def pack_few(x: Sequence[float]) -> bytes:
    """A few numbers as 16-bit floats.

    >>> unpack_few(pack_few([0.5, -2.0]))
    (0.5, -2.0)
    """
    return struct.pack(f"<{len(x)}e", *x)


def unpack_few(packed: bytes) -> tuple[float, ...]:
    """The numbers that `pack_few` was given."""
    return struct.unpack(f"<{len(packed) // 2}e", packed)


def pack(x: list[float]) -> bytes:
    """Features as bytes: a bit for each column that is not 0, then those columns as 16-bit floats.

    >>> unpack(pack([0.0] * 50 + [0.5] + [0.0] * (WIDTH - 51)))[49:52]
    [0.0, 0.5, 0.0]
    """
    mask = 0
    for i, value in enumerate(x):
        if value:
            mask |= 1 << i
    told = [value for value in x if value]
    return mask.to_bytes(_MASK_BYTES, "little") + struct.pack(f"<{len(told)}e", *told)


def unpack(packed: bytes) -> list[float]:
    """The features that `pack` was given."""
    mask = int.from_bytes(packed[:_MASK_BYTES], "little")
    x = [0.0] * WIDTH
    for (value,) in struct.iter_unpack("<e", packed[_MASK_BYTES:]):
        lowest = mask & -mask
        x[lowest.bit_length() - 1] = value
        mask ^= lowest
    return x

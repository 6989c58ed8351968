"""Where the base has shown that reported risks are true (J5): answered questions by bands of a tenth of the reported risk.

An answer is one count, of its reported risk in hundredths and of whether the customer bought. The book of figures takes it back after a
horizon, so the errors of the first weeks, when nothing was learned yet, are forgotten.
"""

from collections.abc import Mapping

from scorers.policy.tables import Policy

ANSWERS = "risk"
BANDS = 10
_LOST = 128  # added to the bucket of an answer if no purchase followed
_BAND = 10


def answer_bucket(risk: float, lost: bool) -> int:
    """The bucket of an answer to a question asked at a reported risk.

    >>> answer_bucket(0.42, False), answer_bucket(0.42, True)
    (42, 170)
    """
    return round(100 * risk) + _LOST * lost


def _band_of(hundredths: int) -> int:
    return min(hundredths // _BAND, BANDS - 1)


def shown(counts: Mapping[int, int], policy: Policy) -> tuple[tuple[bool, ...], tuple[bool, ...]]:
    """For each band whether reported and true risk agree, and whether the reported one is too high; the latter empty if none is.

    Neighbours are joined until there are enough answers.

    >>> shown({42: 180, 42 + 128: 120}, Policy())[0][4]
    True
    >>> agree, too_high = shown({42: 294, 42 + 128: 6}, Policy())
    >>> agree[4], too_high[4], shown({42: 12, 42 + 128: 8}, Policy())[0][4]
    (False, True, False)
    >>> shown({42: 6, 42 + 128: 294}, Policy())[1]
    ()
    """
    rules, agree, too_high = policy.risk, [], []
    for answers, above in _by_band(counts, policy):
        known, most = answers >= rules.proven_answers, rules.proven_within * answers
        agree.append(known and abs(above) <= most)
        too_high.append(known and above > most)
    return tuple(agree), tuple(too_high) if any(too_high) else ()


def _by_band(counts: Mapping[int, int], policy: Policy) -> list[tuple[int, float]]:
    """For each band how many answers it has, with as many neighbours as it needs, and by how many losses more were reported than came."""
    rules = policy.risk
    if sum(counts.values()) < rules.proven_answers:
        return [(0, 0.0)] * BANDS
    number, lost, reported = [0] * BANDS, [0] * BANDS, [0] * BANDS
    for bucket, count in counts.items():
        hundredths = bucket % _LOST
        band = _band_of(hundredths)
        number[band] += count
        reported[band] += hundredths * count
        if bucket >= _LOST:
            lost[band] += count
    found = []
    for band in range(BANDS):
        low, high = band, band + 1
        while sum(number[low:high]) < rules.proven_answers and high - low < BANDS:
            low, high = max(low - 1, 0), min(high + 1, BANDS)
        answers = sum(number[low:high])
        found.append((answers, sum(reported[low:high]) / 100 - sum(lost[low:high])))
    return found


def is_in(bands: tuple[bool, ...], risk: float) -> bool:
    """Whether a reported risk lies in a band of which this was shown; none has before the first figures."""
    return bool(bands) and bands[_band_of(int(100 * risk))]

"""Where the base has shown that reported risks are true (J5): answered questions by bands of a tenth of the reported risk.

Each answer counts for one horizon and is then taken back by a count of its own, dated ahead. So an error of the first weeks, when nothing
was learned yet, is forgotten, and histograms of partitions still merge by sum.
"""

from collections.abc import Iterator, Mapping

from scorers.contract.events import DAY
from scorers.policy.tables import Policy

ANSWERS = "answers"  # buckets: three for each band, as below
BANDS = 10
_NUMBER, _LOST, _REPORTED = range(
    3
)  # how many answers, how many did not buy, and the sum of the reported risks in thousandths
_WIDTH = 3


def band_of(risk: float) -> int:
    """The band of a reported risk.

    >>> band_of(0.0), band_of(0.42), band_of(1.0)
    (0, 4, 9)
    """
    return min(int(risk * BANDS), BANDS - 1)


def answered(day: int, risk: float, lost: bool, policy: Policy) -> Iterator[tuple[int, str, int, int]]:
    """The contributions of an answer of a day to a question asked at a reported risk."""
    first = band_of(risk) * _WIDTH
    forgotten = day + max(policy.risk.horizon // DAY, 1)
    for part, count in ((_NUMBER, 1), (_LOST, int(lost)), (_REPORTED, round(1000 * risk))):
        if count:
            yield day, ANSWERS, first + part, count
            yield forgotten, ANSWERS, first + part, -count


def proven(counts: Mapping[int, int], policy: Policy) -> tuple[bool, ...]:
    """For each band whether reported and true risk agree; neighbours are joined until there are enough answers.

    >>> proven({12: 300, 13: 120, 14: 126_000}, Policy())[4]
    True
    >>> proven({12: 300, 13: 6, 14: 126_000}, Policy())[4], proven({12: 20, 13: 8, 14: 8_400}, Policy())[4]
    (False, False)
    """
    rules = policy.risk
    found = []
    for band in range(BANDS):
        low = high = band
        number = counts.get(band * _WIDTH, 0)
        while number < rules.proven_answers and (low > 0 or high < BANDS - 1):
            low, high = max(low - 1, 0), min(high + 1, BANDS - 1)
            number = _sum(counts, low, high, _NUMBER)
        error = abs(_sum(counts, low, high, _REPORTED) / 1000 - _sum(counts, low, high, _LOST))
        found.append(number >= rules.proven_answers and error <= rules.proven_within * number)
    return tuple(found)


def _sum(counts: Mapping[int, int], low: int, high: int, part: int) -> int:
    return sum(counts.get(band * _WIDTH + part, 0) for band in range(low, high + 1))


def is_proven(bands: tuple[bool, ...], risk: float) -> bool:
    """Whether a reported risk lies in a band that has been proven; none has before the first figures."""
    return bool(bands) and bands[band_of(risk)]

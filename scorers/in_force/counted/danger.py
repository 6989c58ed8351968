"""The danger line: the reported risk that only few of the base's own repeat buyers reach.

A customer who bought within the last two horizons is counted once for each question about them, by the risk reported then; the count is
taken back when the next question is due. So the histogram holds about one count for each such customer.
"""

from collections.abc import Mapping

from scorers.contract.events import DAY, Micros
from scorers.policy.tables import Policy

TOLD = "told"  # buckets: hundredths of the reported risk
PRESENT_FOR = 2  # horizons since the last purchase
_PARTS = 100


def told_bucket(risk: float) -> int:
    """The bucket of a reported risk.

    >>> told_bucket(0.129), told_bucket(1.0)
    (12, 100)
    """
    return int(_PARTS * risk)


def counted_for(policy: Policy) -> int:
    """The days for which a count stands: the time between two questions."""
    period = (policy.risk.horizon + policy.time.allowed_lateness) / policy.risk.questions_per_horizon
    return max(round(period / DAY), 1)


def is_present(last: Micros, at: Micros, policy: Policy) -> bool:
    """Whether a customer whose last purchase was at an instant is one of those among whom danger is compared."""
    return at - last <= PRESENT_FOR * policy.risk.horizon


def danger_line(counts: Mapping[int, int], policy: Policy) -> float:
    """The least reported risk that at most `risk.danger_share` of those counted reach; 0 while too few are known.

    >>> danger_line({2: 80, 10: 12, 30: 8}, Policy()), danger_line({2: 90}, Policy())
    (0.11, 0.0)
    """
    rules, known = policy.risk, sum(counts.values())
    if known < rules.danger_known:
        return 0.0
    room, line = rules.danger_share * known, 0
    for bucket in sorted(counts, reverse=True):
        room -= counts[bucket]
        if room < 0:
            line = bucket + 1
            break
    return line / _PARTS

"""How the spend of a recent window compares with the customer's own pace before it."""

from bisect import bisect_right

from scorers.contract.events import DAY, Duration, Micros
from scorers.customer.state import Customer


def change(c: Customer, now: Micros, window: Duration, year: Duration, dates: int) -> float | None:
    """By which share the spend of the last `window` is over (or, negative, under) the pace of the rest of the last `year`.

    Spend is what the tiers count: margin where it is known, else revenue. None where the time before is shorter than the window, has fewer
    purchase dates than `dates`, or brought nothing.
    """
    spending, today = c.spending, now // DAY
    days, takings = spending.days, spending.takings
    oldest = max(today - year // DAY, c.rhythm.first // DAY - 1)
    recent_from = today - window // DAY
    if recent_from - oldest < window // DAY or len(days) < dates:
        return None
    recent, first = bisect_right(days, recent_from), bisect_right(days, oldest)
    before = sum(takings[first:recent])
    if recent - first < dates or before <= 0:
        return None
    usual = before * (window / DAY) / (recent_from - oldest)
    return sum(takings[recent:]) / usual - 1.0

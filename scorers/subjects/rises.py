"""Steps by which the risk rises within a window (`risk-rising`, A5), followed at each reading of the risk.

Of the readings only those are kept that may be the lowest of a later window: a reading takes the place of all higher ones before it. In a
long rise one in a few days is kept, so the list is short.
"""

from scorers.contract.events import DAY, Micros
from scorers.customer.parts.verdicts import RISK_SCALE, Rise
from scorers.customer.state import Customer
from scorers.in_force.context import Context

KEPT_EVERY = 6  # of a window: so many readings of a rise are kept


def follow(c: Customer, at: Micros, bought: bool, ctx: Context) -> None:
    """Take a risk just read: end a rise that is back by half, or begin one. A purchase begins none: it is no bad news by itself."""
    rules, risk = ctx.policy.risk, c.risk
    if c.rhythm.occasions < rules.occasions_at_least:
        return
    now, rise = round(risk.last * RISK_SCALE), risk.rise
    lowest = _lowest(risk.lows, at // DAY, now, rules.rise_within // DAY)
    if rise is None:
        if not bought and now - lowest >= rules.rise * RISK_SCALE and ctx.figures(at).is_news(risk.last):
            risk.rise = Rise(at, c.purchases.last_ref, lowest, now)
    elif rise.over:
        if bought:
            risk.rise = None
    elif 2 * now <= rise.low + rise.high:
        risk.rise = None if bought else Rise(rise.at, rise.ref, rise.low, rise.high, over=True)


def forget(c: Customer) -> None:
    """Forget the readings of a customer who has left."""
    c.risk.lows.clear()
    c.risk.rise = None


def _lowest(lows: list[int], day: int, now: int, window: int) -> int:
    """The lowest risk of the window that ends with a reading, after adding that reading.

    >>> lows: list[int] = []
    >>> [_lowest(lows, day, risk, 30) for day, risk in ((0, 5), (2, 9), (10, 7), (12, 3), (20, 8), (42, 9), (43, 9))]
    [5, 5, 5, 3, 3, 3, 8]
    """
    while lows and lows[-1] >= now:
        del lows[-2:]
    if not lows or day - lows[-2] >= window // KEPT_EVERY:
        lows += day, now
    while lows[0] < day - window and len(lows) > 2:
        del lows[:2]
    return lows[1] if lows[0] >= day - window else now

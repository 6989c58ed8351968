"""The wallet: the spend and the number of categories of a recent window against the own pace before it (P7).

It is judged at purchases only: a customer who is silent has other alarms. Spend is what the tiers count, margin where it is known, else
revenue, and is judged when an occasion begins. Categories are kept by blocks of four weeks since the first purchase, and judged over the
completed blocks when a new one begins.
"""

from bisect import bisect_right

from scorers.contract.events import DAY, Micros
from scorers.customer.facts.baskets import BLOCK, different
from scorers.customer.lifecycle import LEFT, RETURNS_FROM
from scorers.customer.parts.buying import Baskets, Shrunk, Spending
from scorers.customer.state import Customer
from scorers.policy.tables import Wallet
from scorers.timeline.facts import Ref

_KIND = "wallet-shrinking"


def judge(c: Customer, at: Micros, ref: Ref, begins: bool, new_block: bool, rules: Wallet) -> None:
    """Judge a purchase that the state already contains, the first of its occasion (`begins`) or in its block (`new_block`)."""
    spending, stage = c.spending, c.life.stage  # the stage before this purchase
    shrunk = spending.shrunk
    if shrunk is not None:
        if shrunk.currency != spending.currency:
            c.end_as("expired", _KIND)  # amounts of two currencies are not compared
            spending.shrunk = None
        elif stage in LEFT or _is_back(c, shrunk, rules):
            spending.shrunk = None
    elif (begins or new_block) and len(spending.days) > rules.dates_at_least and stage not in RETURNS_FROM:
        usual, recent, dates = spend(spending, rules)
        if dates < rules.dates_at_least:
            return
        usual_minor = round(usual) if begins and 0 <= recent <= (1.0 - rules.fall) * usual else 0
        usual_breadth = _breadth_before_a_fall(c.baskets, rules) if new_block else 0.0
        if usual_minor or usual_breadth:
            spending.shrunk = Shrunk(at, ref, spending.currency, usual_minor, usual_breadth)


def spend(spending: Spending, rules: Wallet) -> tuple[float, int, int]:
    """What was usual in a window before the recent one, what was spent in the recent one, and the purchase dates of the time before.

    The recent window ends with the day of the last purchase.
    """
    days, takings, today = spending.days, spending.takings, spending.days[-1]
    recent = bisect_right(days, today - rules.window // DAY)
    first = bisect_right(days, today - (rules.window + rules.before) // DAY)
    usual = sum(takings[first:recent]) * rules.window / rules.before
    return usual, sum(takings[recent:]), recent - first


def breadth(baskets: Baskets, rules: Wallet) -> int:
    """The number of categories of the newest blocks, of which the last is not complete."""
    return different(baskets, baskets.block - _blocks(rules) + 1, baskets.block)


def _blocks(rules: Wallet) -> int:
    """How many blocks a window has."""
    return rules.window // BLOCK


def _breadth_before_a_fall(baskets: Baskets, rules: Wallet) -> float:
    """The mean number of categories of the windows before the newest completed one, if that has fallen by the share; else 0.

    A window without known categories is not judged.
    """
    blocks, block = _blocks(rules), baskets.block
    windows = [
        different(baskets, last - blocks, last - 1)
        for last in range(block, block - (rules.before // rules.window + 1) * blocks, -blocks)
    ]
    if not all(windows):
        return 0.0
    before = sum(windows[1:]) / (len(windows) - 1)
    return before if windows[0] <= (1.0 - rules.fall) * before else 0.0


def _is_back(c: Customer, shrunk: Shrunk, rules: Wallet) -> bool:
    """Whether all that had fallen is back over the share of what was usual then."""
    if shrunk.usual_minor and spend(c.spending, rules)[1] <= rules.settled * shrunk.usual_minor:
        return False
    return not shrunk.usual_breadth or breadth(c.baskets, rules) > rules.settled * shrunk.usual_breadth

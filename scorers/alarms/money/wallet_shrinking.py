"""`wallet-shrinking`: the customer still buys, but spends less, or in fewer categories, than was usual (P7)."""

from scorers.alarms.speech import Value
from scorers.alarms.words import told
from scorers.contract.alarms import Reason
from scorers.contract.events import Micros
from scorers.customer.facts import wallet
from scorers.customer.lifecycle import PRESENT
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import NEVER, Answer, Episode, Finding
from scorers.timeline.kinds import Kind


def condition(c: Customer, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """True from the purchase at which the wallet had shrunk until it is back."""
    shrunk = c.spending.shrunk
    return NEVER if shrunk is None else Finding(shrunk.at, shrunk.ref)


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """The spend and the number of categories of the recent window against what was usual."""
    shrunk, rules, found = c.spending.shrunk, ctx.policy.wallet, []
    if shrunk is None:
        return []
    window = int(rules.window)
    if shrunk.usual_minor:
        spent = wallet.spend(c.spending, rules)[1]
        share = max(round(100 * (1 - spent / shrunk.usual_minor)), 0)
        values: dict[str, Value] = {"share": share, "window": window, "before": int(rules.before)}
        found.append(told("spend_shrinks", 1.0, "spend_shrinks", now, ctx, values))
    if shrunk.usual_breadth:
        now_from, before = wallet.breadth(c.baskets, rules), shrunk.usual_breadth
        values = {"newest": now_from, "window": window, "usual": round(before)}
        if now_from < round(before):
            found.append(told("breadth_shrinks", 1.0, "breadth_shrinks", now, ctx, values))
        elif not found:  # the basket that raised it has grown since
            found.append(told("breadth_shrinks", 1.0, "fewer_departments", now, ctx))
    return found


KIND = Kind(
    name="wallet-shrinking",
    rules=("P7", "J4"),
    headline="{who} buys less than before",
    example="Rosa still comes every week, but spends half of what she used to, and no longer buys fish or fruit.",
    by_risk=True,
    treatment="tailored_service",
    remedy="Buying as before for some weeks settles this.",
    stages=PRESENT,
    when="spending.shrunk",
    of_buyers=True,
    condition=condition,
    reasons=reasons,
)

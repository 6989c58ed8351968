"""The reason of the kinds about the cost to serve."""

from scorers.alarms.words import told
from scorers.contract.alarms import Reason
from scorers.contract.events import Micros
from scorers.customer import serving
from scorers.customer.state import Customer
from scorers.customer.value import margin_within
from scorers.in_force.context import Context


def cost_reasons(c: Customer, code: str, now: Micros, ctx: Context) -> list[Reason]:
    """The cost to serve as a share of the margin of the same time."""
    window = ctx.policy.serving.window
    margin = max(margin_within(c, now, window, ctx), 1)
    share = min(round(100 * serving.cost(c, now, ctx.policy) / margin), 1000)
    return [told(code, 1.0, "cost_to_serve", now, ctx, {"share": share, "window": int(window)})]

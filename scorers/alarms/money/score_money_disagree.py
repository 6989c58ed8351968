"""`score-money-disagree`: the risk is low although the spend falls, or high although it rises (A10).

A fall is noticed when an occasion begins, a rise at a reading of the risk without a purchase, so between two alarms there is a purchase.
In the simulation those who are named leave no more often than others who buy as lately (docs/model.md), so it is info, and the shipped routes send it to nobody.
"""

from scorers.alarms.risk import model_reasons
from scorers.alarms.speech import Value
from scorers.alarms.words import told
from scorers.contract.alarms import Reason
from scorers.contract.events import Micros
from scorers.customer.lifecycle import PRESENT
from scorers.customer.spend_pace import change
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.policy.tables import Policy
from scorers.timeline.episodes import NEVER, Answer, Episode, Finding
from scorers.timeline.kinds import Kind


def condition(c: Customer, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """Raised when a risk just read and the spend point apart; settled when one of them agrees with the other."""
    risk, rules = c.risk, ctx.policy.disagreement
    if risk.last < 0.0 or risk.at < now - 1:
        return NEVER if episode is None else episode.unchanged()  # judged at readings of the risk only
    if episode is not None:
        return episode.unchanged() if _stands(c, now, ctx.policy) else NEVER
    falls = risk.last <= rules.low_risk and c.rhythm.last == now
    if not falls and (risk.last < rules.high_risk or c.purchases.last >= risk.at):
        return NEVER
    by = _change(c, now, ctx.policy)
    if by is None or (by > -rules.change if falls else by < rules.change):
        return NEVER
    return Finding(risk.at, c.purchases.last_ref)


def _stands(c: Customer, now: Micros, policy: Policy) -> bool:
    rules, risk, near = policy.disagreement, c.risk.last, policy.risk.hysteresis
    low, high = risk < rules.low_risk + near, risk > rules.high_risk - near
    if not low and not high:
        return False
    by = _change(c, now, policy) or 0.0
    return (low and by <= -rules.settled) or (high and by >= rules.settled)


def _change(c: Customer, now: Micros, policy: Policy) -> float | None:
    rules = policy.disagreement
    return change(c, now, rules.window, policy.tiers.window, rules.dates_at_least)


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """The change of the spend beside the risk."""
    by, rules = _change(c, now, ctx.policy) or 0.0, ctx.policy.disagreement
    risk = min(max(round(100 * c.risk.last), 1), 99)
    name = "spend_down" if by < 0 else "spend_up"
    values: dict[str, Value] = {"share": round(100 * abs(by)), "window": int(rules.window), "risk": risk}
    return [told(name, 1.0, name, now, ctx, values), *model_reasons.unproven(c, e, now, ctx)]


KIND = Kind(
    name="score-money-disagree",
    rules=("A10", "J5"),
    headline="Risk and spending disagree about {who}",
    example="Vera comes every week as before, so her risk is 0.04, but she spends half of what she used to.",
    severity="info",
    treatment="participation",
    remedy="A spend as before, or a risk that agrees with it, settles this.",
    of_buyers=True,
    stages=PRESENT,
    condition=condition,
    reasons=reasons,
)

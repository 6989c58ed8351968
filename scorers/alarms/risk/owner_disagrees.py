"""`owner-disagrees`: the owner calls a customer good whose risk is high, or not good whose risk is low (Q8)."""

from scorers.alarms.risk import model_reasons
from scorers.alarms.speech import Value
from scorers.alarms.words import date, told
from scorers.contract.alarms import Reason
from scorers.contract.events import Micros
from scorers.customer.lifecycle import PRESENT
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import NEVER, Answer, Episode, Finding
from scorers.timeline.kinds import Kind


def condition(c: Customer, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """Judged at readings of the risk; once raised, it takes the hysteresis more to agree."""
    risk, rules, view = c.risk, ctx.policy.owner, c.opinion.owners_view
    if view is None:  # of a row of a former build, until the owner judges again
        return NEVER
    if risk.last < 0.0 or risk.at < now - 1:
        return NEVER if episode is None else episode.unchanged()
    slack = 0.0 if episode is None else ctx.policy.risk.hysteresis
    if c.opinion.owner > 0:
        disagrees = risk.last > rules.good_risk_over - slack
    else:
        disagrees = risk.last < rules.not_good_risk_under + slack
    if not disagrees:
        return NEVER
    if episode is not None:
        return episode.unchanged()
    opener = view.ref if view.at >= c.purchases.last else c.purchases.last_ref
    return Finding(risk.at, opener, None if ctx.figures(now).is_proven(risk.last) else "info")


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """What the owner said and when, beside the risk; then what raises the risk."""
    view, risk = c.opinion.owners_view, min(max(round(100 * c.risk.last), 1), 99)
    good = c.opinion.owner > 0
    if view is None:
        return []
    values: dict[str, Value] = {"view": "good" if good else "not_good", "at": date(view.at, ctx), "risk": risk}
    found = [told("owner_judged", 1.0, "owner_judged", now, ctx, values)]
    why = model_reasons.strongest(c, now, ctx) if good else []
    return [*found, *why, *model_reasons.changes(c, e, now, ctx)]


KIND = Kind(
    name="owner-disagrees",
    rules=("Q8", "J5"),
    headline="Your assessment and the figures disagree about {who}",
    example="The owner calls Hugo a good customer; he usually comes every week and has not been here for a month.",
    severity="warning",
    treatment="participation",
    remedy="A risk that agrees with the judgement, or another judgement, settles this.",
    of_buyers=True,
    stages=PRESENT,
    when="opinion.owner",
    condition=condition,
    reasons=reasons,
)

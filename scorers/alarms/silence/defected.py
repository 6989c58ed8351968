"""`defected`: a silence from which few come back, by the base's own record; a long one, in milder words; or an explained exit."""

from scorers.alarms.silence import gone_quiet
from scorers.alarms.speech import Value
from scorers.alarms.words import date, told
from scorers.contract.alarms import Reason, Stage
from scorers.contract.events import Micros
from scorers.contract.inert import inert
from scorers.customer.lifecycle import LEFT, gone_after, is_first_time
from scorers.customer.open_time import closed_for
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import NEVER, Answer, Episode, Finding
from scorers.timeline.kinds import Kind

SILENT: frozenset[Stage] = frozenset({"first_time_buyer", "dormant"})


def condition(c: Customer, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """True since the customer was given up or said goodbye, or, while there is no record to go by, since the silence has been long."""
    exited, gone = c.exit.at, c.purchases.gone
    if 0 < gone < now and not 0 < exited <= gone:
        return Finding(gone, c.purchases.last_ref)
    if exited:
        return Finding(exited, c.exit.ref)
    long = gone_after(c, ctx.policy, closed_for(c, ctx))
    if now <= long:
        return long
    if episode is None and ctx.figures(long).given_up[is_first_time(c)]:
        return NEVER  # the record says when, or is waited for
    return Finding(long, c.purchases.last_ref)


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """The exit with its reason, else the silence, and what the base's record says of such silences."""
    if c.exit.at and c.exit.at <= e.at:
        why = c.exit.reason or "unknown"
        values: dict[str, Value] = {"at": date(c.exit.at, ctx), "reason": inert(why.removeprefix("other:"), 64)}
        return [told(why, 1.0, "goodbye", now, ctx, values)]
    found = gone_quiet.reasons(c, e, now, ctx)
    if c.purchases.gone and ctx.figures(e.at).given_up[is_first_time(c)] > 0:
        rules = ctx.policy.silence
        share: dict[str, Value] = {"share": round(100 * rules.given_up_share), "within": int(rules.given_up_within)}
        found.append(told("given_up", 0.0, "given_up", now, ctx, share))
    return found


KIND = Kind(
    name="defected",
    rules=("L1", "L6", "J4", "J5", "J8"),
    matter="silence",
    headline="{who} has most likely left",
    milder=(SILENT, "{who} has been silent for long"),
    example="Ana came every week; half a year has passed without a purchase.",
    severity="error",  # of an example; of an alarm the risk decides
    by_risk=True,
    unproven="warning",
    treatment="special_offer",
    remedy="One purchase wins this customer back.",
    expires_after=1,
    stages=LEFT | SILENT,
    condition=condition,
    reasons=reasons,
)

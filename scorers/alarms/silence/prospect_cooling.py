"""`prospect-cooling`: most of a prospect's conversion window has passed without a purchase."""

from scorers.alarms.speech import Value
from scorers.alarms.words import date, told
from scorers.contract.alarms import Reason
from scorers.contract.events import Instant, Micros
from scorers.customer.facts import leads
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import NEVER, Answer, Episode, once_past
from scorers.timeline.kinds import Kind


def condition(c: Customer, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """True once `cooling_share` of the conversion window has passed since the first contact."""
    if not c.contacts.first:
        return NEVER
    rules = ctx.policy.prospects
    cools = c.contacts.first + round(rules.cooling_share * rules.conversion_window)
    return once_past(cools, c.contacts.first_ref, now)


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """How long ago the first contact was, and how many of such prospects buy."""
    first, since = date(c.contacts.first, ctx), max(now, e.at) - c.contacts.first
    running_out = told("window_running_out", 1.0, "window_running_out", now, ctx, {"first": first, "since": since})
    known = leads.chance(c, now, ctx)
    if known is None:
        return [running_out, told("conversion", 0.0, "conversion_unknown", now, ctx)]
    values: dict[str, Value] = {"share": round(100 * known[0]), "all": round(100 * known[1])}
    return [running_out, told("conversion", 0.0, "conversion", now, ctx, values)]


def deadline(c: Customer, e: Episode, ctx: Context) -> Instant:
    """The end of the conversion window."""
    return Instant(c.contacts.first + ctx.policy.prospects.conversion_window)


KIND = Kind(
    name="prospect-cooling",
    rules=("L2",),
    headline="{who} may lose interest before a first purchase",
    example="Ana asked for a quote on 1 March and has bought nothing by the 21st.",
    severity="warning",
    treatment="privileged_information",
    remedy="A first purchase by {by} settles this.",
    skill="sales",
    stages=frozenset({"prospect"}),
    condition=condition,
    reasons=reasons,
    deadline=deadline,
)

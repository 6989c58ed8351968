"""`staff-unasked`: the staff of a site have not been asked how they are for too long (P2)."""

from scorers.alarms.sites.answers import said
from scorers.alarms.speech import Value
from scorers.alarms.words import date, told
from scorers.contract.alarms import Reason
from scorers.contract.events import DAY, Micros
from scorers.groups.site import Site
from scorers.in_force.context import Context
from scorers.timeline.episodes import Answer, Episode, once_past
from scorers.timeline.kinds import Kind


def condition(site: Site, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """True once `ask_every` has passed since the staff were last asked, or since the first fact about the site."""
    overdue = site.asked.at + ctx.policy.staff.ask_every
    return once_past(overdue, site.asked.ref, now)


def reasons(site: Site, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """For how long, and what the staff have answered since they were last asked."""
    last = site.asked.at
    since = round((max(now, e.at) - last) / DAY)
    values: dict[str, Value] = {"since": since, "last": date(last, ctx)}
    return [told("staff_unasked", 1.0, "staff_unasked", now, ctx, values), *said(site, now, ctx)]


KIND = Kind(
    name="staff-unasked",
    rules=("P2",),
    headline="Nobody has asked the staff of {who} how they are",
    example="The staff of shop 7 was last asked on 3 January; it is 4 April.",
    severity="warning",
    treatment="trust",
    remedy="One question to the staff settles this.",
    about="site",
    watched="site",
    outcome="resolved",
    fixed=True,
    skill="owner_of_cause",
    condition=condition,
    reasons=reasons,
)

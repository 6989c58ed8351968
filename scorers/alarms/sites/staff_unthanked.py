"""`staff-unthanked`: the staff of a site have not been thanked for too long (P2)."""

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
    """True once `thank_every` has passed since the staff were last thanked, or since the first fact about the site."""
    overdue = site.thanked.at + ctx.policy.staff.thank_every
    return once_past(overdue, site.thanked.ref, now)


def reasons(site: Site, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """For how long, and what the staff have answered since they were last asked."""
    last = site.thanked.at
    since = round((max(now, e.at) - last) / DAY)
    values: dict[str, Value] = {"since": since, "last": date(last, ctx)}
    return [told("staff_unthanked", 1.0, "staff_unthanked", now, ctx, values), *said(site, now, ctx)]


KIND = Kind(
    name="staff-unthanked",
    rules=("P2",),
    headline="Nobody has thanked the staff of {who}",
    example="The staff of shop 7 was last thanked on 3 May; it is 3 June.",
    severity="warning",
    treatment="participation",
    remedy="One word of thanks to the staff settles this.",
    about="site",
    watched="site",
    outcome="resolved",
    fixed=True,
    skill="owner_of_cause",
    condition=condition,
    reasons=reasons,
)

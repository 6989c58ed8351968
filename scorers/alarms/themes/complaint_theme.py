"""`complaint-theme`: more complaints about one thing, or for one reason, than are usual (X10)."""

from scorers.alarms.speech import Value
from scorers.alarms.words import quoted, told
from scorers.contract.alarms import Reason
from scorers.contract.events import Micros
from scorers.groups.theme import Theme, found, named
from scorers.in_force.context import Context
from scorers.timeline.episodes import Answer, Episode, Finding
from scorers.timeline.kinds import Kind


def condition(theme: Theme, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """True from the complaint at which the theme rose until it has been usual again for long enough."""
    return Finding(theme.risen, theme.opener)


def reasons(theme: Theme, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """The theme, how many complaints there are, and how many are usual."""
    parts, rules = named(theme.id), ctx.policy.themes
    values: dict[str, Value] = {
        "found": found(theme, now, ctx),
        "subject": f"about_{parts.subject}" if parts.subject else "",
        "by": f"by_{parts.by}",
        "thing": quoted(parts.thing),
        "within": int(rules.window),
        "usual": round(theme.usual, 1),
    }
    return [told("complaint_theme", 1.0, "complaint_theme", now, ctx, values)]


KIND = Kind(
    name="complaint-theme",
    rules=("X10",),
    headline="Complaints about {who} are rising",
    example="Two complaints a fortnight say that a kettle leaks; since Monday there were nine.",
    severity="error",
    treatment="trust",
    remedy="Two weeks with no more complaints than usual settle this.",
    about="theme",
    watched="theme",
    outcome="resolved",
    fixed=True,
    skill="owner_of_cause",
    when="risen",
    condition=condition,
    reasons=reasons,
)

"""`feed-silent`: a store or a source that always reports has been silent for too long, while others still report (J3).

A store whose source is silent as well is the same matter, so the source alone is told (J9).
"""

from scorers.alarms.speech import Value
from scorers.alarms.words import date, told
from scorers.contract.alarms import Reason
from scorers.contract.events import HOUR, Micros
from scorers.contract.rfc3339 import parse_instant, rfc3339
from scorers.groups.feed import Feed, for_good, silence_to_tell
from scorers.in_force.context import Context
from scorers.timeline.episodes import Answer, Episode, Finding
from scorers.timeline.facts import Ref
from scorers.timeline.kinds import Kind


def condition(feed: Feed, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """True once the feed is silent for longer than its own limit."""
    found = silence_to_tell(feed, ctx)
    if found.held:
        return now + HOUR - 1  # asked again when others have reported
    over = found.over
    return Finding(over, opener(feed), evidence=(feed.last_ref,) if feed.last_ref else ()) if over < now else over


def opener(feed: Feed) -> Ref:
    """The last event before the silence, by its instant: of several in one instant, any may have been told last."""
    return Ref(feed.id, rfc3339(feed.last))


def reasons(feed: Feed, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """Since when, how long a silence may be here, and whether it counts as for good."""
    last = int(parse_instant(e.opener.id))
    clock = rfc3339(last + ctx.zone.offset(last))[11:16]
    values: dict[str, Value] = {"last": date(last, ctx), "clock": clock, "allowed": e.at - last}
    found = [told("feed_silent", 1.0, "feed_silent", now, ctx, values)]
    shut = for_good(feed, e.at, ctx)
    if shut < now:
        found.insert(0, told("feed_shut", 1.0, "feed_shut", now, ctx, {"since": date(shut, ctx)}))
    return found


KIND = Kind(
    name="feed-silent",
    rules=("J3",),
    headline="No data comes from {who}",
    example="The till of shop 7 sends sales every day; since yesterday noon nothing has come, while other shops report.",
    severity="critical",
    treatment="faster_attention",
    remedy="One event from it settles this.",
    about="feed",
    watched="feed",
    outcome="resolved",
    fixed=True,
    skill="owner_of_cause",
    condition=condition,
    reasons=reasons,
)

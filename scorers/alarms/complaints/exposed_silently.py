"""`exposed-silently`: others complain of what a customer bought who tells nothing (X4, X2)."""

from scorers.alarms.speech import Value
from scorers.alarms.words import date, quoted, told
from scorers.contract.alarms import Reason
from scorers.contract.events import DAY, Micros
from scorers.customer import exposed
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import NEVER, Answer, Episode, Finding
from scorers.timeline.kinds import Kind


def condition(c: Customer, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """True from the instant at which more complaints than usual are known about something bought, until the next purchase."""
    if ctx.exposures.newest <= c.purchases.last:
        return NEVER  # nothing has begun since, as for nearly everybody
    found = exposed.exposure(c, NEVER, ctx)
    if found is None:
        return NEVER
    return Finding(found.since, c.purchases.last_ref) if found.since < now else found.since


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """What others complain of, how many do, for how many that stands, and when the customer bought it."""
    found = exposed.exposure(c, e.at, ctx)
    if found is None:
        return []
    by, _, thing = found.thing.partition(":")
    values: dict[str, Value] = {
        "found": found.complaints,
        "by": f"by_{by}",
        "thing": quoted(thing.partition("@")[0] if by == "lot" else thing),
        "within": int(ctx.policy.stores.complaint_window),
        "at": date(exposed.bought_on(c, found.key) * DAY, ctx),
        "implied": found.implied,
    }
    sentence = "exposed_at_store" if by == "store" else "exposed_silently"
    return [told("exposed_silently", 1.0, sentence, now, ctx, values)]


KIND = Kind(
    name="exposed-silently",
    rules=("X4", "X2"),
    headline="{who} bought something of which others complain",
    example="Three others complained of the kettle that Nora bought last month; she has said nothing.",
    severity="info",
    treatment="help",
    remedy="The next purchase settles this.",
    skill="service",
    when="bought.things",
    condition=condition,
    reasons=reasons,
)

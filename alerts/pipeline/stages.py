"""Whether anybody is told of a change, where, when and by which rule: one list of small stages, all of them pure.

Nobody reads a clock or sends anything here. Each stage either stops a change under its own name or lets it pass, so
that the delivery of a silence says whose it was. `explain` walks the very same list.
"""

import hashlib
from collections.abc import Callable, Iterable

import msgspec
from msgspec import Struct

from alerts.channels.contract import change_id
from alerts.pipeline.incident import ENDINGS, Delivery, Incident
from alerts.pipeline.routes import Route, Routes
from alerts.settings.hours import next_of
from alerts.wording.formats import day_and_time
from scorers.alarms.kinds import STATE_CHANGES
from scorers.contract.alarms import SEVERITIES, Alarm
from scorers.contract.events import DAY, HOUR, Duration, Instant

REMINDER = "reminder"


class World(Struct, frozen=True):
    """What a decision may look at: the routes, the open alarms of a customer, and how busy a channel is."""

    routes: Routes
    open_of: Callable[[str], Iterable[Incident]] = lambda customer: ()
    used: Callable[[str, Instant], int] = lambda channel, hour: 0
    notify_within: Duration = 2 * DAY


class Ask(Struct, frozen=True):
    """One change, with the incident as it stood before it."""

    alarm: Alarm
    incident: Incident | None
    now: Instant
    world: World
    change: str
    mark: Instant
    route: Route | None

    @property
    def ends(self) -> bool:
        """Whether the change tells that the alarm is over."""
        return self.change in ENDINGS

    def notified(self) -> dict[str, Delivery]:
        """By channel, what was told of this alarm so far."""
        return self.incident.notified() if self.incident else {}


def ask(alarm: Alarm, incident: Incident | None, now: Instant, world: World, reminder: Instant | None = None) -> Ask:
    """The question that the stages answer; an alarm that begins anew brings nothing of its past.

    With the instant of a reminder it is about that, or about the alarm's beginning where nobody heard of it yet.
    """
    if incident is not None and incident.ended and alarm.type == "alarm.raised":
        incident = None
    change: str = alarm.type
    mark = alarm.time
    if reminder is not None and incident is not None:
        change, mark = (REMINDER, reminder) if incident.notified() else ("alarm.raised", incident.raised_at)
    return Ask(alarm, incident, now, world, change, mark, world.routes.match(alarm))


Stop = str | None  # the sentence that says why the change goes no further


def bookkeeping(q: Ask) -> Stop:
    """An acknowledgement is for the delivery; whoever made it knows."""
    return "somebody has taken it on" if q.change == "alarm.acknowledged" else None


def never_told(q: Ask) -> Stop:
    """The end of an alarm concerns only those who were told of it."""
    return "nobody was told of it" if q.ends and not q.notified() else None


def over(q: Ask) -> Stop:
    """What comes after the end, other than a new beginning, concerns nobody."""
    ended = q.incident is not None and q.incident.ended and q.change != "alarm.raised"
    return "the alarm is over" if ended and not q.ends else None


def too_old(q: Ask) -> Stop:
    """What was already old when it was found is recorded, so that a start on years of history pages nobody.

    Found is when it was first read here: in history even a deadline that was seen in time lies years back.
    """
    found, became = max(q.now, q.alarm.time), q.alarm.at
    if q.incident and not q.incident.ended:
        found, became = max(q.incident.first_read_at, q.incident.raised_at), q.incident.true_since
    late = found - became > q.world.notify_within
    return f"it became true {(found - became) // DAY} days before it was found" if late and not q.ends else None


def no_route(q: Ask) -> Stop:
    """What no route takes goes nowhere."""
    return "no route takes it" if q.route is None and not q.ends else None


def state_change(q: Ask) -> Stop:
    """A change of state asks nobody to act; only a route that names its kind carries it."""
    named = q.route is not None and q.alarm.kind in q.route.kind
    return f"{q.alarm.kind} asks nobody to act" if q.alarm.kind in STATE_CHANGES and not named else None


def info(q: Ask) -> Stop:
    """Severity info is for reading, not for telling; only a route that names it, or the kind, carries it."""
    named = q.route is not None and ("info" in q.route.severity or q.alarm.kind in q.route.kind)
    return "severity info is not sent to people" if q.alarm.severity == "info" and not named and not q.ends else None


def held_out(q: Ask) -> Stop:
    """A share of customers' alarms is scored but not sent, so that the others' effect can be measured."""
    share = q.world.routes.hold_out
    held = q.alarm.customer_id is not None and portion(q.alarm.alarm_id) < share
    return f"among the {share:.0%} that are held out" if held else None


def snoozed(q: Ask) -> Stop:
    """Until its end a snooze holds back everything but the end of the alarm."""
    until = q.incident.snoozed_until if q.incident else None
    if until is None or until <= q.now or q.ends:
        return None
    return f"snoozed until {day_and_time(until, q.world.routes.zone)}"


def inhibited(q: Ask) -> Stop:
    """A larger open alarm of the same customer mutes smaller ones, if somebody was told of it or it was held out."""
    if q.alarm.customer_id is None or q.ends:
        return None
    for other in q.world.open_of(q.alarm.customer_id):
        larger = other.alarm
        known = other.notified() or any(delivery.rule == "held_out" for delivery in other.deliveries)
        if known and q.alarm.kind in q.world.routes.inhibit.get(larger.kind, ()) and same_matter(q.alarm, larger):
            return f"{larger.kind} ({larger.alarm_id}) stands open"
    return None


MUTES: tuple[Callable[[Ask], Stop], ...] = (
    bookkeeping,
    never_told,
    over,
    too_old,
    no_route,
    state_change,
    info,
    held_out,
    snoozed,
    inhibited,
)


def same_matter(smaller: Alarm, larger: Alarm) -> bool:
    """Whether both are about one thing: two incidents of one sort are two matters."""
    return smaller.subject.type != larger.subject.type or smaller.subject == larger.subject


def portion(alarm_id: str) -> float:
    """A number from 0 to under 1 that belongs to this alarm for good.

    >>> 0 <= portion("a1") == portion("a1") < 1
    True
    """
    return int.from_bytes(hashlib.sha256(b"hold-out " + alarm_id.encode()).digest()[:6], "big") / 2**48


def targets(q: Ask) -> tuple[str, ...]:
    """The channels that the change is meant for."""
    if q.ends or q.change == REMINDER:
        return tuple(q.notified())
    if q.change == "alarm.escalated":
        rungs, rung = q.world.routes.ladder(q.alarm).rungs, q.incident.rung if q.incident else 0
        return rungs[rung].to if rung < len(rungs) else ()
    return q.route.to if q.route else ()


def dedupe(q: Ask, channel: str) -> tuple[bool, str]:
    """Whether this channel wants the change, and the name of the reason either way."""
    before = q.notified().get(channel)
    if q.ends:
        settings = q.world.routes.channels.get(channel)
        return (True, "ended") if settings and settings.tell_end else (False, "end_not_wanted")
    if q.change == REMINDER:
        return True, "still_open"
    if q.change == "alarm.escalated":
        return True, "unanswered"
    if before is None:
        return True, "first"
    if SEVERITIES.index(q.alarm.severity) < SEVERITIES.index(before.severity):
        return True, "worse"
    return False, "already_sent" if q.change == "alarm.raised" else "nothing_worse"


def timing(q: Ask, channel: str) -> tuple[Instant, str]:
    """When it may go: at once, or together with others at the digest's hour, at the end of quiet, of a full hour."""
    routes, route = q.world.routes, q.route
    if q.change == "alarm.escalated" or route is None:
        return q.now, ""
    if route.digest:
        return next_of(route.digest, q.now, routes.zone), "digest"
    quiet = routes.intervals[route.quiet].ends(q.now, routes.zone) if route.quiet else None
    if quiet is not None:
        return quiet, "quiet"
    limit = settings.per_hour if (settings := routes.channels.get(channel)) else 0
    if limit and q.alarm.severity != "critical" and q.world.used(channel, hour_of(q.now)) >= limit:
        return Instant(hour_of(q.now) + HOUR), "crowded"
    return q.now, ""


def hour_of(now: Instant) -> Instant:
    """The beginning of the hour."""
    return Instant(now - now % HOUR)


def decide(q: Ask) -> tuple[Delivery, ...]:
    """The deliveries of this change: one that says who stopped it, or one for each channel."""
    key = change_id(q.alarm.alarm_id, q.change, q.mark)
    for stage in MUTES:
        if (why := stage(q)) is not None:
            return (_save(q, key, "", stage.__name__, why),)
    if q.route is not None and q.route.suppress and not q.ends:
        return (_save(q, key, "", q.route.suppress, f"route {q.route.name!r} says so"),)
    if not (places := targets(q)):
        return (_save(q, key, "", "no_rung", "the ladder has no rung for it"),)
    return tuple(_placed(q, key, channel) for channel in places)


def _placed(q: Ask, key: str, channel: str) -> Delivery:
    wanted, reason = dedupe(q, channel)
    if not wanted:
        return _save(q, key, channel, reason, "")
    due, why = timing(q, channel)
    stopped = _save(q, key, channel, reason, why)
    group = change_id(channel, "digest", due) if why else key
    return msgspec.structs.replace(stopped, state="waiting", due=due, group=group, alarm=q.alarm)


def _save(q: Ask, key: str, channel: str, rule: str, why: str) -> Delivery:
    """The change on this channel, stopped by this rule."""
    return Delivery(
        id=key,
        alarm_id=q.alarm.alarm_id,
        change=q.change,
        channel=channel,
        state="stopped",
        rule=rule,
        time=q.now,
        severity=q.alarm.severity,
        detail=why,
    )


def explain(alarm: Alarm, now: Instant, world: World, incident: Incident | None = None) -> list[str]:
    """Where the change would go, when, and why or why not, one sentence each."""
    question = ask(alarm, incident, now, world)
    route = f"route {question.route.name!r}" if question.route else "no route"
    said = [f"{alarm.kind}, {alarm.severity}, tier {alarm.tier or 'none'}: {route}"]
    for delivery in decide(question):
        if delivery.state == "stopped":
            where = f"{delivery.channel}: " if delivery.channel else ""
            said.append(f"{where}not sent: {delivery.rule}" + (f" ({delivery.detail})" if delivery.detail else ""))
        else:
            when = "at once" if delivery.due <= now else f"at {day_and_time(delivery.due, world.routes.zone)}"
            said.append(
                f"{delivery.channel}: goes {when}: {delivery.rule}"
                + (f" ({delivery.detail})" if delivery.detail else "")
            )
    return said

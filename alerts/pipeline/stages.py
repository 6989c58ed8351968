"""Decides whether, where and when a change of an alarm is notified: a list of small pure stages.

Each stage stops a change under its own name or lets it pass, so every notification that is not sent names its rule.
`explain` runs the same list. Rule names are public: metrics, `vigia explain` and incidents show them.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime

import msgspec
from msgspec import Struct

from alerts.channels.contract import change_id
from alerts.pipeline.incident import BY_PEOPLE, ENDINGS, Delivery, Incident
from alerts.pipeline.matters import merged, threads
from alerts.pipeline.routes import Route, Routes
from alerts.settings.hours import next_of
from alerts.wording.formats import day_and_time
from scorers.alarms.catalogue import STATE_CHANGES
from scorers.alarms.words import times
from scorers.contract.alarms import SEVERITIES, Alarm, spoken
from scorers.contract.events import DAY, HOUR, SECOND, Duration, Instant
from scorers.contract.inert import inert
from scorers.policy.hold_out import is_held_out

REMINDER = "reminder"
EPOCH = date(1970, 1, 1).toordinal()
LONGEST_ABSENCE = 14 * DAY  # of the notifier: what was made before is not sent, as on a first start on a long topic


class DecisionContext(Struct, frozen=True):
    """What a decision depends on besides the change: the routes, open incidents of a customer, the others of
    an alarm's matter, a channel's hourly count."""

    routes: Routes
    open_incidents: Callable[[str], Iterable[Incident]] = lambda customer: ()
    thread: Callable[[Alarm], Sequence[Incident]] = lambda alarm: ()
    sent_alone: Callable[[str, Instant], int] = lambda channel, hour: 0
    notify_within: Duration = 2 * DAY


class Candidate(Struct, frozen=True):
    """A change that may be notified, with the incident before it."""

    alarm: Alarm
    incident: Incident | None
    now: Instant
    context: DecisionContext
    change: str
    version: Instant
    route: Route | None
    made: Instant  # when the change was written to `alarms`, by Kafka's clock

    @property
    def ends(self) -> bool:
        """Whether the change ends the alarm."""
        return self.change in ENDINGS

    def notified(self) -> dict[str, Delivery]:
        """By channel, the last delivery of this alarm so far."""
        return self.incident.notified() if self.incident else {}


def candidate(
    alarm: Alarm,
    incident: Incident | None,
    now: Instant,
    context: DecisionContext,
    reminder: Instant | None = None,
    *,
    made: Instant | None = None,
) -> Candidate:
    """The candidate for the stages; the past of an alarm that is raised again does not count.

    With the instant of a reminder it is the reminder, or the alarm's first notification if there was none yet.
    A change of which it is not known when it was made counts as made now.
    """
    if incident is not None and incident.ended and alarm.type == "alarm.raised":
        incident = None
    change: str = alarm.type
    version = alarm.time
    if reminder is not None and incident is not None:
        change, version = (REMINDER, reminder) if incident.notified() else ("alarm.raised", incident.raised_at)
    return Candidate(alarm, incident, now, context, change, version, context.routes.match(alarm), made or now)


Stop = str | None
"""Why the change is stopped; None lets it pass."""


def bookkeeping(c: Candidate) -> Stop:
    """Stop what somebody did about it, unless a channel that was told of the alarm keeps its state: the person who did it knows."""
    if c.change not in BY_PEOPLE or told_of_actions(c):
        return None
    return f"{inert(c.alarm.by or 'somebody', 80)} has {c.change.removeprefix('alarm.')} it"


def told_of_actions(c: Candidate) -> tuple[str, ...]:
    """The channels that were told of the alarm and keep its state, so that they are told what people do about it."""
    channels = c.context.routes.channels
    return tuple(name for name in c.notified() if name in channels and channels[name].tell_actions)


def never_told(c: Candidate) -> Stop:
    """Stop the end of an alarm of which no notification was sent."""
    return "no notification of it was sent" if c.ends and not c.notified() else None


def over(c: Candidate) -> Stop:
    """Stop what follows the end of an alarm, unless it is raised again."""
    ended = c.incident is not None and c.incident.ended and c.change != "alarm.raised"
    return "the alarm is over" if ended and not c.ends else None


def history(c: Candidate) -> Stop:
    """Stop what became true before the instant from which the business wants alarms, unless somebody was told of it already."""
    if c.ends or c.alarm.history is not True or c.notified():
        return None
    return "it became true before the time from which alarms are sent (vigia import --alarms-from)"


def too_old(c: Candidate) -> Stop:
    """Stop what was old when it was made, so that a start on years of history notifies nobody.

    How long the notifier was away meanwhile does not count, up to a limit.
    """
    if c.ends:
        return None
    made, true_since = max(c.made, c.alarm.time), c.alarm.at
    if c.incident and not c.incident.ended:
        made, true_since = max(c.incident.made_at, c.incident.raised_at), c.incident.true_since
    if made - true_since > c.context.notify_within:
        return f"it became true {times((made - true_since) // DAY, 'day')} before it was found"
    if c.now - made > LONGEST_ABSENCE:
        return f"it was made {(c.now - made) // DAY} days before the notifier read it"
    return None


def no_route(c: Candidate) -> Stop:
    """Stop what no route matches."""
    return "no route matches it" if c.route is None and not c.ends else None


def state_change(c: Candidate) -> Stop:
    """Stop a change of state, which needs no action, unless a route names its kind."""
    named = c.route is not None and c.alarm.kind in c.route.kind
    return f"{c.alarm.kind} needs no action" if c.alarm.kind in STATE_CHANGES and not named else None


def info(c: Candidate) -> Stop:
    """Stop severity info unless a route names it or the kind."""
    if c.alarm.severity != "info" or c.ends or c.change in BY_PEOPLE:
        return None
    named = c.route is not None and ("info" in c.route.severity or c.alarm.kind in c.route.kind)
    return None if named else "severity info is not sent to people"


def held_out(c: Candidate) -> Stop:
    """Stop the alarms of the customers held out in the quarter of `at`, to measure the effect of acting on the others.

    Cases and what is critical are never held out.
    """
    share, alarm = c.context.routes.hold_out, c.alarm
    if not share or alarm.customer_id is None or alarm.subject.type != "customer" or alarm.severity == "critical":
        return None
    there = datetime.fromtimestamp(alarm.at // SECOND, c.context.routes.zone).date()
    held = is_held_out(alarm.customer_id, there.toordinal() - EPOCH, share)
    return f"one of the {share:.0%} of customers held out this quarter" if held else None


def snoozed(c: Candidate) -> Stop:
    """Stop everything but the end of the alarm while it is snoozed."""
    until = c.incident.snoozed_until if c.incident else None
    if until is None or until <= c.now or c.ends or c.change in BY_PEOPLE:
        return None
    return f"snoozed until {day_and_time(until, c.context.routes.zone)}"


def dismissed(c: Candidate) -> Stop:
    """Stop everything, its end included, about an alarm that somebody has called false."""
    by = c.incident.dismissed_by if c.incident else None
    if by is None or c.change in BY_PEOPLE or (c.ends and told_of_actions(c)):
        return None
    return f"{inert(by, 80)} has dismissed it as false"


def resolved(c: Candidate) -> Stop:
    """Stop everything but the end of an alarm that somebody has resolved: for people the matter is closed."""
    by = c.incident.resolved_by if c.incident else None
    return f"{inert(by, 80)} has resolved it" if by is not None and not c.ends and c.change not in BY_PEOPLE else None


def inhibited(c: Candidate) -> Stop:
    """Stop what a larger open alarm of the same customer inhibits, if that one was sent or held out."""
    if c.alarm.customer_id is None or c.ends or c.change in BY_PEOPLE:
        return None
    for other in c.context.open_incidents(c.alarm.customer_id):
        larger = other.alarm
        known = other.notified() or any(delivery.rule == "held_out" for delivery in other.deliveries)
        if known and c.alarm.kind in c.context.routes.inhibit.get(larger.kind, ()) and same_matter(c.alarm, larger):
            return f"{spoken(larger.kind)} ({larger.alarm_id}) is open"
    return None


STAGES: tuple[Callable[[Candidate], Stop], ...] = (
    bookkeeping,
    never_told,
    over,
    history,
    too_old,
    no_route,
    state_change,
    info,
    held_out,
    snoozed,
    dismissed,
    resolved,
    inhibited,
)


def same_matter(smaller: Alarm, larger: Alarm) -> bool:
    """Whether both concern one matter: two complaints, for example, are two."""
    return smaller.subject.type != larger.subject.type or smaller.subject == larger.subject


def targets(c: Candidate) -> tuple[str, ...]:
    """The channels to which the change goes."""
    dismissed = c.incident is not None and c.incident.dismissed_by is not None
    if c.change in BY_PEOPLE or (c.ends and dismissed):
        return told_of_actions(c)
    if c.ends or c.change == REMINDER:
        return tuple(c.notified())
    if c.change == "alarm.escalated":
        rungs, rung = c.context.routes.ladder(c.alarm).rungs, c.incident.escalations if c.incident else 0
        return rungs[rung].to if rung < len(rungs) else ()
    return c.route.to if c.route else ()


def dedupe(c: Candidate, channel: str) -> tuple[bool, str]:
    """Whether this channel gets the change, and the rule that says so."""
    before = c.notified().get(channel)
    if c.ends:
        settings = c.context.routes.channels.get(channel)
        if settings is None or not settings.tell_end:
            return False, "end_not_wanted"
        if settings.tell_actions and c.alarm.merged is True and merged.has_own_key(c.alarm):
            return True, "ended"  # what goes on from it has another key there
        return (False, "matter_goes_on") if any(not one.ended for one in c.context.thread(c.alarm)) else (True, "ended")
    if c.change in BY_PEOPLE:
        return True, "by_people"
    if c.change == REMINDER:
        return True, "still_open"
    if c.change == "alarm.escalated":
        return True, "unanswered"
    if before is None:
        grave = threads.gravest_sent(c.context.thread(c.alarm), channel)
        if grave is None:
            return True, "first"
        return (True, "worse") if SEVERITIES.index(c.alarm.severity) < grave else (False, threads.RULE)
    if SEVERITIES.index(c.alarm.severity) < SEVERITIES.index(before.severity):
        return True, "worse"
    return False, "already_sent" if c.change == "alarm.raised" else "nothing_worse"


def timing(c: Candidate, channel: str) -> tuple[Instant, str]:
    """When it goes, and why not at once: a digest's hour, the end of quiet hours, or of an hour at its limit."""
    routes, route = c.context.routes, c.route
    if c.change == "alarm.escalated" or c.change in BY_PEOPLE or route is None:
        return c.now, ""
    if route.digest:
        return next_of(route.digest, c.now, routes.zone), "digest"
    quiet = routes.quiet_until(route.quiet, c.alarm, c.now) if route.quiet else None
    if quiet is not None:
        return quiet, "quiet"
    limit = settings.per_hour if (settings := routes.channels.get(channel)) else 0
    if limit and c.alarm.severity != "critical" and c.context.sent_alone(channel, hour_of(c.now)) >= limit:
        return Instant(hour_of(c.now) + HOUR), "crowded"
    return c.now, ""


def hour_of(now: Instant) -> Instant:
    """The start of the hour."""
    return Instant(now - now % HOUR)


def decide(c: Candidate) -> tuple[Delivery, ...]:
    """The deliveries of this change: a stopped one with its rule, or one for each channel."""
    key = change_id(c.alarm.alarm_id, c.change, c.version)
    for stage in STAGES:
        if (why := stage(c)) is not None:
            return (_stopped(c, key, "", stage.__name__, why),)
    if c.route is not None and c.route.suppress and not c.ends:
        return (_stopped(c, key, "", c.route.suppress, f"by route {c.route.name!r}"),)
    if not (channels := targets(c)):
        return (_stopped(c, key, "", "no_rung", "the ladder has no further rung"),)
    return tuple(_for_channel(c, key, channel, who) for channel, who in stand_ins(c, channels).items())


def stand_ins(c: Candidate, channels: Iterable[str]) -> dict[str, str]:
    """The channels to which the change really goes, each with the one that it stands in for; what tells an end goes where it was told."""
    if c.ends or c.change in BY_PEOPLE:
        return dict.fromkeys(channels, "")
    found = {channel: c.context.routes.stand_in(channel, c.now) for channel in channels}
    present = {channel: "" for channel, deputy in found.items() if channel == deputy}
    return {deputy: channel for channel, deputy in found.items() if channel != deputy} | present


def _for_channel(c: Candidate, key: str, channel: str, away: str) -> Delivery:
    wanted, reason = dedupe(c, channel)
    if not wanted:
        return _stopped(c, key, channel, reason, "")
    due, why = timing(c, channel)
    delivery = _stopped(c, key, channel, reason, why)
    group = change_id(channel, "digest", due) if why else key
    if away:
        delivery = msgspec.structs.replace(delivery, detail=", ".join(filter(None, (why, f"for {away}, who is away"))))
    return msgspec.structs.replace(delivery, state="waiting", due=due, group=group, alarm=c.alarm)


def _stopped(c: Candidate, key: str, channel: str, rule: str, why: str) -> Delivery:
    """The delivery of this change, stopped by this rule."""
    return Delivery(
        id=key,
        alarm_id=c.alarm.alarm_id,
        change=c.change,
        channel=channel,
        state="stopped",
        rule=rule,
        time=c.now,
        severity=c.alarm.severity,
        detail=why,
    )


def explain(alarm: Alarm, now: Instant, context: DecisionContext, incident: Incident | None = None) -> list[str]:
    """Where the change would go, when, and by which rule, one line each."""
    found = candidate(alarm, incident, now, context)
    route = f"route {found.route.name!r}" if found.route else "no route"
    lines = [f"{alarm.kind}, {alarm.severity}, tier {alarm.tier or 'none'}: {route}"]
    for delivery in decide(found):
        if delivery.state == "stopped":
            where = f"{delivery.channel}: " if delivery.channel else ""
            lines.append(f"{where}not sent: {delivery.rule}" + (f" ({delivery.detail})" if delivery.detail else ""))
        else:
            when = "at once" if delivery.due <= now else f"at {day_and_time(delivery.due, context.routes.zone)}"
            lines.append(
                f"{delivery.channel}: goes {when}: {delivery.rule}"
                + (f" ({delivery.detail})" if delivery.detail else "")
            )
    return lines

"""The message for people: who, why, what is at stake, what to do, and until when.

A message is a title and labelled lines of inert text; each channel decides how they look.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from zoneinfo import ZoneInfo

from msgspec import Struct

from alerts.wording.formats import day_and_time, money, percent
from alerts.wording.playbooks import ENDS, SKILLS, advice, headline
from scorers.alarms.words import times
from scorers.contract.alarms import SEVERITIES, Alarm, spoken
from scorers.contract.events import Instant
from scorers.contract.inert import inert

NAMED = 3  # subjects that the title of a digest names
LISTED = 30  # alarms that a digest lists; the others are counted


class Line(Struct, frozen=True):
    """A label and its text; a line of a digest has no label."""

    label: str
    text: str


class Message(Struct, frozen=True):
    """A title and the lines under it."""

    title: str
    lines: tuple[Line, ...]

    def plain(self) -> str:
        """The message as plain text, without its title."""
        return "\n".join(f"{line.label}: {line.text}" if line.label else f"- {line.text}" for line in self.lines)


def who(alarm: Alarm) -> str:
    """The subject of the alarm: the name if known, and the tier if there is one."""
    subject = alarm.name or alarm.customer_id or alarm.subject.id
    named = inert(subject, 80) or f"a {alarm.subject.type} without a name"
    return f"{named} ({alarm.tier})" if alarm.tier not in (None, "none") else named


def title(alarm: Alarm, change: str) -> str:
    """What happened, in one line."""
    text = headline(alarm, who(alarm))
    if alarm.type in ("alarm.settled", "alarm.withdrawn"):
        return f"Over: {text}"
    if alarm.type == "alarm.escalated":
        return f"Not yet acknowledged: {text}"
    return f"Still open: {text}" if change == "reminder" else text


def compose(alarm: Alarm, change: str = "", zone: ZoneInfo | None = None) -> Message:
    """The message about one alarm; `change` is empty, its type or `reminder`."""
    if alarm.type == "alarm.withdrawn":
        return Message(
            title(alarm, change), (Line("Why", "Data that arrived late shows that this was a false alarm."),)
        )
    if alarm.type == "alarm.settled":
        return Message(title(alarm, change), (Line("How it ended", ENDS.get(alarm.outcome, ENDS[None])),))
    lines = [Line("Since", day_and_time(alarm.at, zone))]
    lines += [Line("Why", inert(reason.text or reason.code)) for reason in alarm.reasons[:3]]
    if stake := at_stake(alarm):
        lines.append(Line("At stake", stake))
    lines += [Line("Do", step) for step in advice(alarm)]
    if alarm.skill:
        lines.append(Line("Best done by", SKILLS[alarm.skill]))
    if alarm.deadline is not None:
        lines.append(Line("Until", day_and_time(alarm.deadline, zone)))
    if alarm.counterfactual:
        lines.append(Line("What would settle it", inert(alarm.counterfactual)))
    if alarm.customer_id:
        lines.append(Line("Customer", inert(alarm.customer_id, 80)))
    if alarm.store_id:
        lines.append(Line("Store", inert(alarm.store_id, 80)))
    lines.append(Line("Alarm", f"{spoken(alarm.kind)}, {alarm.severity}"))
    lines.append(Line("To answer", f"vigia alarms ack {inert(alarm.alarm_id, 80)} (or snooze, resolve, dismiss)"))
    return Message(title(alarm, change), tuple(lines))


def cause(alarm: Alarm) -> str:
    """Why, in one line: the first reason and, where it is about a complaint, what that says; empty if there is none."""
    texts = [reason.text or reason.code for reason in alarm.reasons[:1]]
    texts += [reason.text for reason in alarm.reasons[1:] if reason.code == "complaint_says"]
    return " ".join(inert(text) for text in texts)


def at_stake(alarm: Alarm) -> str:
    """The value at risk and the probability of losing it, as far as known."""
    parts = []
    if alarm.value_at_risk_minor is not None:
        parts.append(f"about {money(alarm.value_at_risk_minor, alarm.currency)}")
    if alarm.risk is not None:
        days = f" within {times(round(alarm.horizon_days), 'day')}" if alarm.horizon_days else ""
        parts.append(f"{percent(alarm.risk)} chance of no purchase{days}")
    return ", ".join(parts)


def rank(alarm: Alarm) -> tuple[int, int, Instant]:
    """Sort key of a digest: the most severe first, then the most valuable, then the oldest."""
    return SEVERITIES.index(alarm.severity), -(alarm.value_at_risk_minor or 0), alarm.at


def digest(alarms: Sequence[Alarm], counted: Mapping[str, int] = MappingProxyType({})) -> Message:
    """One message for many alarms: the most severe and valuable are listed, the others counted.

    `counted` are alarms, by severity, that came faster than the channel takes them and are not given here.
    """
    ranked = sorted(alarms, key=rank)
    lines = [Line("", f"{title(one, '')}" + _short(one)) for one in ranked[:LISTED]]
    if len(ranked) > LISTED:
        lines.append(Line("", f"and {len(ranked) - LISTED} more, less urgent"))
    if counted:
        each = ", ".join(f"{number:,} {severity}" for severity, number in counted.items())
        lines.append(Line("", f"and {each}, too many to send one by one; vigia alarms tail shows all"))
    total = len(ranked) + sum(counted.values())
    return Message(f"{times(total, 'alarm')}: {_of_whom([who(one) for one in ranked], total)}", tuple(lines))


def _of_whom(names: Sequence[str], total: int) -> str:
    """The first of the subjects by name, as far as a line has room, and how many alarms are about others."""
    shown = list(dict.fromkeys(names))[:NAMED]
    others = total - sum(name in shown for name in names)
    return ", ".join(shown) + (f" and {others:,} more" if others else "")


def _short(alarm: Alarm) -> str:
    stake, step = at_stake(alarm), advice(alarm)[:1]
    return "".join([f"; {stake}" if stake else "", f". {step[0]}" if step else ""])

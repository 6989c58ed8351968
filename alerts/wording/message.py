"""What a person reads: who, why, what is at stake, what to do, until when.

A message is a title and labelled lines of harmless text. How a line looks in mail or in a log is the channel's
business; which alarms deserve one is the stages'.
"""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from msgspec import Struct

from alerts.wording.formats import day_and_time, money
from alerts.wording.playbooks import ENDS, SKILLS, advice, headline
from scorers.contract.alarms import SEVERITIES, Alarm
from scorers.contract.inert import inert

LISTED = 30  # alarms told one by one in a digest; the others are counted


class Line(Struct, frozen=True):
    """A label and what it says; a line of a digest has no label."""

    label: str
    text: str


class Message(Struct, frozen=True):
    """A title and the lines under it."""

    title: str
    lines: tuple[Line, ...]

    def plain(self) -> str:
        """The message as plain text, a line each."""
        return "\n".join(f"{line.label}: {line.text}" if line.label else f"- {line.text}" for line in self.lines)


def who(alarm: Alarm) -> str:
    """Whom the alarm is about, by name where it is known, with the tier where it counts."""
    subject = alarm.name or alarm.customer_id or alarm.subject.id
    named = inert(subject, 80) or f"a {alarm.subject.type} without a name"
    return f"{named} ({alarm.tier})" if alarm.tier not in (None, "none") else named


def title(alarm: Alarm, change: str) -> str:
    """What happened, in one line."""
    told = headline(alarm, who(alarm))
    if alarm.type in ("alarm.settled", "alarm.withdrawn"):
        return f"Over: {told}"
    if alarm.type == "alarm.escalated":
        return f"Nobody has answered: {told}"
    return f"Still open: {told}" if change == "reminder" else told


def compose(alarm: Alarm, change: str = "", zone: ZoneInfo | None = None) -> Message:
    """The message for one alarm."""
    if alarm.type == "alarm.withdrawn":
        return Message(title(alarm, change), (Line("Why", "A late report shows that it was never so."),))
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
    if alarm.store_id:
        lines.append(Line("Store", inert(alarm.store_id, 80)))
    lines.append(Line("Alarm", f"{alarm.kind}, {alarm.severity}, {inert(alarm.alarm_id, 80)}"))
    return Message(title(alarm, change), tuple(lines))


def at_stake(alarm: Alarm) -> str:
    """The money and the chance of losing it, as far as they are known."""
    told = []
    if alarm.value_at_risk_minor is not None:
        told.append(f"about {money(alarm.value_at_risk_minor, alarm.currency)}")
    if alarm.risk is not None:
        days = f" within {alarm.horizon_days:.0f} days" if alarm.horizon_days else ""
        told.append(f"{alarm.risk:.0%} chance of no purchase{days}")
    return ", ".join(told)


def digest(alarms: Sequence[Alarm]) -> Message:
    """One message for many alarms: the gravest and dearest one by one, the others as a count."""
    ranked = sorted(alarms, key=lambda one: (SEVERITIES.index(one.severity), -(one.value_at_risk_minor or 0), one.at))
    lines = [Line("", f"{title(one, '')}" + _short(one)) for one in ranked[:LISTED]]
    if len(ranked) > LISTED:
        lines.append(Line("", f"and {len(ranked) - LISTED} more of less weight"))
    return Message(f"{len(ranked)} alarms", tuple(lines))


def _short(alarm: Alarm) -> str:
    stake, step = at_stake(alarm), advice(alarm)[:1]
    return "".join([f"; {stake}" if stake else "", f". {step[0]}" if step else ""])

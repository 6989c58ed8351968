"""The message for people: who, why, what is at stake, what to do, and until when.

A message is a title and labelled lines of inert text; each channel decides how they look.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from alerts.settings.datetimes import as_datetime
from alerts.wording import worklist
from alerts.wording.formats import day_and_time, money, percent
from alerts.wording.languages import TONGUES, advice, headline, remedy, said
from alerts.wording.nouns import NOUNS
from alerts.wording.templates import SHIPPED, Line, MessageTemplate
from alerts.wording.tongue import Tongue
from alerts.wording.worklist import Listed
from scorers.contract.alarms import SEVERITIES, Alarm, spoken
from scorers.contract.events import Instant
from scorers.contract.inert import inert

NAMED = 3  # subjects that the title of a digest names
LISTED = 30  # alarms that a digest lists; the others are counted


class Message(Struct, frozen=True):
    """A title and the lines under it."""

    title: str
    lines: tuple[Line, ...]

    def plain(self) -> str:
        """The message as plain text, without its title."""
        texts = (f"{line.label}: {line.text}" if line.label else f"- {line.text}" for line in self.lines)
        return "\n".join(f"{text} {line.link}".rstrip() for text, line in zip(texts, self.lines, strict=True))


def who(alarm: Alarm, language: str = "en") -> str:
    """The subject of the alarm: the name if known, and the tier if there is one."""
    tongue = TONGUES[language]
    subject = alarm.name or alarm.customer_id or alarm.subject.id
    named = inert(subject, 80) or tongue.texts["nameless"].format(type=alarm.subject.type)
    return f"{named} ({tongue.language.words[alarm.tier]})" if alarm.tier not in (None, "none") else named


def title(alarm: Alarm, change: str, language: str = "en") -> str:
    """What happened, in one line."""
    texts, text = TONGUES[language].texts, headline(alarm, who(alarm, language), language)
    if alarm.type in ("alarm.settled", "alarm.withdrawn"):
        return texts["over"].format(text=text)
    if alarm.type == "alarm.escalated":
        return texts["not_acknowledged"].format(text=text)
    if (done := texts.get(alarm.type)) is not None:
        return done.format(text=text, by=inert(alarm.by or "?", 80))
    return texts["still_open"].format(text=text) if change == "reminder" else text


def compose(
    alarm: Alarm,
    change: str = "",
    zone: ZoneInfo | None = None,
    language: str = "en",
    link: str = "",
    template: MessageTemplate | None = None,
) -> Message:
    """The message about one alarm; `change` is empty, its type or `reminder`, `link` is where to answer, if anywhere."""
    found = (template or SHIPPED[language]).lines(_fields(alarm, change, zone, language, bool(link)), link)
    return Message(*found)


def _fields(alarm: Alarm, change: str, zone: ZoneInfo | None, language: str, linked: bool) -> dict[str, Any]:
    """What a template may say, each text inert."""
    tongue = TONGUES[language]
    by = "" if alarm.deadline is None else as_datetime(alarm.deadline).astimezone(zone).date().isoformat()
    return {
        "title": title(alarm, change, language),
        "who": who(alarm, language),
        "name": inert(alarm.name or "", 80),
        "over": _over(alarm, tongue),
        "since": day_and_time(alarm.at, zone, tongue),
        "reasons": tuple(said(reason, alarm, language) for reason in alarm.reasons[:3]),
        "stake": at_stake(alarm, language),
        "steps": advice(alarm, language),
        "skill": tongue.skills[alarm.skill] if alarm.skill else "",
        "until": day_and_time(alarm.deadline, zone, tongue) if alarm.deadline is not None else "",
        "remedy": remedy(alarm, by, language) if alarm.counterfactual else "",
        "customer": inert(alarm.customer_id or "", 80),
        "store": inert(alarm.store_id or "", 80),
        "kind": NOUNS[language].kinds.get(alarm.kind) or inert(spoken(alarm.kind), 80),
        "severity": NOUNS[language].names[alarm.severity],
        "tier": tongue.language.words.get(alarm.tier, "") if alarm.tier else "",
        "change": change,
        "by": inert(alarm.by or "", 80),
        "answer": tongue.texts["answer_here"]
        if linked
        else tongue.texts["answer"].format(id=inert(alarm.alarm_id, 80)),
    }


def _over(alarm: Alarm, tongue: Tongue) -> str:
    """How the alarm ended; empty while it stands."""
    if alarm.type == "alarm.withdrawn":
        return tongue.texts["false_alarm"]
    return tongue.ends.get(alarm.outcome or "", tongue.ends[""]) if alarm.type == "alarm.settled" else ""


def cause(alarm: Alarm, language: str = "en") -> str:
    """Why, in one line: the first reason and, where it is about a complaint, what that says; empty if there is none."""
    quotes = [reason for reason in alarm.reasons[1:] if reason.code == "complaint_says"]
    return " ".join(said(reason, alarm, language) for reason in (*alarm.reasons[:1], *quotes))


def at_stake(alarm: Alarm, language: str = "en") -> str:
    """The value at risk and the probability of losing it, as far as known."""
    tongue, parts = TONGUES[language], []
    if alarm.value_at_risk_minor is not None and alarm.currency:
        amount = money(alarm.value_at_risk_minor, alarm.currency, tongue)
        parts.append(tongue.texts["about"].format(money=amount))
    if alarm.risk is not None:
        text = tongue.texts["chance_within" if alarm.horizon_days else "chance"]
        days = tongue.language.count(round(alarm.horizon_days or 0), "day")
        parts.append(text.format(percent=percent(alarm.risk, tongue), span=days))
    return ", ".join(parts)


def rank(alarm: Alarm) -> tuple[int, int, Instant]:
    """Sort key of a digest: the most severe first, then by priority, where that is not known by value, then the oldest."""
    value = alarm.value_at_risk_minor or 0
    return (
        SEVERITIES.index(alarm.severity),
        -(alarm.priority_minor if isinstance(alarm.priority_minor, int) else value),
        alarm.at,
    )


def digest(
    alarms: Sequence[Alarm],
    counted: Mapping[str, int] = MappingProxyType({}),
    language: str = "en",
    listed: Sequence[Listed] = (),
    links: Sequence[str] = (),
    spared: int = 0,
) -> Message:
    """One message for many alarms: the most severe and valuable are listed, the others counted.

    `listed` is the worklist, which comes first; `counted` are alarms, by severity, that came faster than the channel takes them and are not given here.
    `spared` is how many customers nothing is to be spent on, of whom nothing else is said (T4).
    """
    tongue, ranked = TONGUES[language], sorted(alarms, key=rank)
    link_of = {alarm.alarm_id: link for alarm, link in zip(alarms, links, strict=False)}
    lines = [Line("", text) for text in (worklist.lines(listed, language) if listed else ())]
    lines += [
        Line("", title(one, "", language) + _short(one, language), link_of.get(one.alarm_id, ""))
        for one in ranked[:LISTED]
    ]
    if len(ranked) > LISTED:
        lines.append(Line("", tongue.texts["more"].format(number=len(ranked) - LISTED)))
    if counted:
        each = ", ".join(f"{number:,} {severity}" for severity, number in counted.items())
        lines.append(Line("", tongue.texts["counted"].format(each=each)))
    if spared:
        lines.append(Line("", tongue.texts["spared"].format(customers=tongue.language.count(spared, "customer"))))
    total = len(ranked) + sum(counted.values())
    whom = _of_whom([who(one, language) for one in ranked], total, tongue)
    heading = tongue.texts["digest"].format(alarms=tongue.language.count(total, "alarm"), whom=whom)
    if listed:
        first = worklist.heading(listed, language)
        heading = tongue.texts["with_alarms"].format(worklist=first, alarms=heading) if total else first
    return Message(heading, tuple(lines))


def _of_whom(names: Sequence[str], total: int, tongue: Tongue) -> str:
    """The first of the subjects by name, as far as a line has room, and how many alarms are about others."""
    shown = list(dict.fromkeys(names))[:NAMED]
    others = total - sum(name in shown for name in names)
    listed = ", ".join(shown)
    return tongue.texts["and_more"].format(names=listed, number=f"{others:,}") if others else listed


def _short(alarm: Alarm, language: str) -> str:
    why, stake, step = cause(alarm, language), at_stake(alarm, language), advice(alarm, language)[:1]
    staked = TONGUES[language].texts["stake"].format(stake=stake) if stake else ""
    return "".join([f". {why}" if why else "", f" {staked}" if staked else "", f" {step[0]}" if step else ""])

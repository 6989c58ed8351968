"""What a run of a policy comes to: alarms, precision, lead time, work for people, and the money of the lost customers that it named."""

from collections import Counter
from pathlib import Path

import msgspec
from msgspec import Struct, field

from scorers.alarms.catalogue import KINDS, STATE_CHANGES
from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, Duration, Micros
from scorers.contract.rfc3339 import parse_instant
from vigia.readmodel.alarm_summary import read_alarms

Money = dict[str, int]
"""Amounts in minor units by currency; amounts of two currencies are never added."""


class KindFigures(Struct):
    """What one kind comes to. `named_minor` is the value of the lost customers that it named before they left."""

    alarms: int = 0
    answered: int = 0
    precision: float | None = None
    lead_days: float | None = None
    named_minor: Money = {}


class Outcome(Struct):
    """What a run comes to; a week's figures are means over the run."""

    policy_version: str = ""
    weeks: float = 0.0
    alarms_a_week: float = 0.0
    matters_a_week: float = 0.0  # what people are told as one message
    listed_a_week: float = 0.0  # customers on the worklist who are funded
    left: int = 0
    named: int = 0
    lead_days: float | None = None
    lost_minor: Money = {}
    named_minor: Money = {}
    kinds: dict[str, KindFigures] = field(default_factory=dict)


class _Answers(Struct):
    answered: int = 0
    precision: float | None = None


class _Kind(Struct):
    all: _Answers = field(default_factory=_Answers)
    lead_days: float | None = None


class _Leavers(Struct):
    by_silence: int = 0
    told_before: int = 0
    lead_days: float | None = None


class _Quality(Struct):
    kinds: dict[str, _Kind] = {}
    leavers: _Leavers = field(default_factory=_Leavers)


class _Lists(Struct):
    funded: int = 0


class _Summary(Struct):
    policy_version: str = ""
    from_time: str | None = None
    until_time: str | None = None
    quality: _Quality = field(default_factory=_Quality)
    worklists: _Lists = field(default_factory=_Lists)


class _Named(Struct):
    kind: str


class _Loss(Struct):
    customer_id: str
    left_at: str
    alarms: tuple[_Named, ...] = ()


def outcome(folder: Path, notify_within: Duration) -> Outcome:
    """What the run in a folder comes to."""
    summary = msgspec.json.decode((folder / "summary.json").read_bytes(), type=_Summary)
    quality = summary.quality
    found = Outcome(summary.policy_version, weeks=_weeks(summary), left=quality.leavers.by_silence)
    found.named, found.lead_days = quality.leavers.told_before, quality.leavers.lead_days
    latest = {alarm.alarm_id: alarm for alarm in read_alarms(folder)}
    raised = {alarm.alarm_id: alarm for alarm in read_alarms(folder) if alarm.type == "alarm.raised"}
    standing = [raised[name] for name, last in latest.items() if last.type != "alarm.withdrawn" and name in raised]
    counts = Counter(alarm.kind for alarm in standing if alarm.kind not in STATE_CHANGES)
    for kind in KINDS:
        if kind not in STATE_CHANGES and (counts[kind] or kind in quality.kinds):
            judged = quality.kinds.get(kind, _Kind())
            found.kinds[kind] = KindFigures(
                counts[kind], judged.all.answered, judged.all.precision, judged.lead_days, {}
            )
    _money(found, folder, standing)
    if found.weeks:
        matters = {_matter(alarm) for alarm in standing if is_told(alarm, notify_within)}
        found.alarms_a_week = round(counts.total() / found.weeks, 2)
        found.matters_a_week = round(len(matters) / found.weeks, 2)
        found.listed_a_week = round(summary.worklists.funded / found.weeks, 2)
    return found


def _weeks(summary: _Summary) -> float:
    if not summary.from_time or not summary.until_time:
        return 0.0
    return round((parse_instant(summary.until_time) - parse_instant(summary.from_time)) / (7 * DAY), 2)


def is_told(alarm: Alarm, notify_within: Duration) -> bool:
    """Whether people are told of an alarm when it is raised: it is more than info, and not too old."""
    in_time = alarm.history is not True and alarm.time - alarm.at <= notify_within
    return in_time and alarm.kind not in STATE_CHANGES and alarm.severity != "info"


def _matter(alarm: Alarm) -> tuple[str, str, str]:
    """What an alarm is about: alarms of one group that began with one fact are told as one message."""
    matter = KINDS[alarm.kind].matter if alarm.kind in KINDS else ""
    if not matter or not alarm.evidence:
        return "", "", alarm.alarm_id
    return alarm.customer_id or alarm.subject.id, matter, alarm.evidence[0].event_id


def _money(found: Outcome, folder: Path, alarms: list[Alarm]) -> None:
    """Add up the value of those who have left, as it was when they left: of all, of those named before, and by kind."""
    worth: dict[tuple[str, Micros], tuple[str, int]] = {}
    for alarm in alarms:
        if alarm.kind == "stage-changed" and alarm.currency and alarm.customer_id:
            worth[alarm.customer_id, int(alarm.at)] = alarm.currency, alarm.value_at_risk_minor or 0
    decoder = msgspec.json.Decoder(_Loss)
    with (folder / "losses.jsonl").open("rb") as file:
        for loss in map(decoder.decode, file):
            place = worth.get((loss.customer_id, int(parse_instant(loss.left_at))))
            if place is None:
                continue
            _add(found.lost_minor, *place)
            if loss.alarms:
                _add(found.named_minor, *place)
            for kind in {one.kind for one in loss.alarms}:
                _add(found.kinds[kind].named_minor, *place)


def _add(money: Money, currency: str, minor: int) -> None:
    money[currency] = money.get(currency, 0) + minor

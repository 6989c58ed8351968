"""The figures of the report, read from the folder of a replay: customers, losses and alarms."""

import datetime
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct, field

from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, Micros
from scorers.contract.rfc3339 import parse_instant, rfc3339
from vigia.readmodel.alarm_summary import CustomerRow, read_alarms, read_customers, status_of
from vigia.report.base import Base, read_base

MONTH = 30 * DAY
WEEK = 7 * DAY
TENURES, PURCHASES, WEEKS = 12, 10, 26  # how many months, purchases and weeks are shown
MIN_AT_RISK = 20  # customers of whom a share may be told
BROUGHT_IN = ("prospect", "first_time_buyer", "early_repeat_buyer", "core_customer")
LOST = ("defector", "core_defector")
TROUBLES = ("complaint-overdue", "request-unattended", "promise-broken", "contact-pressure", "experience-debt")


class Share(NamedTuple):
    """So many of so many."""

    some: int
    of: int

    @property
    def value(self) -> float | None:
        """The share; None of too few."""
        return self.some / self.of if self.of >= MIN_AT_RISK else None


class Week(Struct):
    """What came and went in a week that begins on a date."""

    begin: datetime.date
    won: int = 0
    back: int = 0
    lost: int = 0


class Theme(NamedTuple):
    """A rising theme of complaints: its name, since when, whether it still rises, and why."""

    name: str
    since: str
    is_open: bool
    reason: str


class Figures(Struct):
    """What the pictures show; a list or a table that is empty was not measured."""

    customers: int = 0
    until: str = ""
    policy: str = ""
    currency: str | None = None
    other_currencies: int = 0  # customers whose money is not in the sums
    stages: Counter[str] = field(default_factory=Counter)
    flows: Counter[tuple[str, str]] = field(default_factory=Counter)
    bought: tuple[int, int, int, int] = (0, 0, 0, 0)  # known, bought, again, have been core
    places: Counter[tuple[str, str]] = field(default_factory=Counter)  # customers by tier and stage
    worth: Counter[tuple[str, str]] = field(default_factory=Counter)  # and their value at risk, in minor units
    types: Counter[str] = field(default_factory=Counter)
    attitudes: Counter[tuple[int, int]] = field(
        default_factory=Counter
    )  # by quarter of the chance to come back, and mark
    silent_attitude: int = 0  # customers without an answer
    satisfaction: float | None = None
    satisfied: Share = Share(0, 0)
    leaves_by_tenure: tuple[Share, ...] = ()
    leaves_by_purchase: tuple[Share, ...] = ()
    reasons: Counter[str] = field(default_factory=Counter)
    raised: Counter[str] = field(default_factory=Counter)  # alarms by kind, the withdrawn excepted
    standing: Counter[str] = field(default_factory=Counter)
    themes: tuple[Theme, ...] = ()
    weeks: tuple[Week, ...] = ()
    base: Base = field(default_factory=Base)


class LossLine(Struct):
    """The fields of a line of `losses.jsonl` that the report needs."""

    customer_id: str
    left_at: str
    how: str = ""
    reason: str = "unknown"


class _Summary(Struct):
    customers: int = 0
    until_time: str | None = None
    policy_version: str = ""


def read_figures(folder: Path) -> Figures:
    """The figures of a run."""
    summary = msgspec.json.decode((folder / "summary.json").read_bytes(), type=_Summary)
    customers, losses = list(read_customers(folder)), list(_losses(folder))
    found = Figures(until=(summary.until_time or "")[:10], policy=summary.policy_version, base=read_base(folder))
    _of_customers(found, customers)
    changes, back = _of_alarms(found, read_alarms(folder))
    found.bought = _funnel(customers, changes)
    for line in changes.values():
        found.flows.update(pairwise(line))
    if summary.until_time:
        end = int(parse_instant(summary.until_time))
        buyers = buyers_of(customers)
        known = end - known_after(losses, customers)
        found.leaves_by_tenure, found.leaves_by_purchase = (
            leaves_by_tenure(buyers, known),
            leaves_by_purchase(buyers, known),
        )
        found.weeks = weeks(customers, losses, back, end)
    found.reasons.update(loss.reason for loss in losses)
    return found


def _losses(folder: Path) -> Iterator[LossLine]:
    path, decoder = folder / "losses.jsonl", msgspec.json.Decoder(LossLine)
    if path.is_file():
        with path.open("rb") as file:
            yield from map(decoder.decode, file)


def _of_customers(found: Figures, customers: list[CustomerRow]) -> None:
    found.customers = len(customers)
    currencies = Counter(c.currency for c in customers if c.currency)
    found.currency = min(currencies, key=lambda name: (-currencies[name], name), default=None)
    marks: list[float] = []
    for c in customers:
        found.stages[c.stage] += 1
        found.places[c.tier, c.stage] += 1
        if c.currency == found.currency:
            found.worth[c.tier, c.stage] += c.value_at_risk_minor
        found.other_currencies += c.currency not in (None, found.currency)
        if not c.occasions:
            continue
        found.types[c.loyalty_type] += 1
        if c.satisfaction is None:
            found.silent_attitude += 1
        else:
            marks.append(c.satisfaction)
            found.attitudes[min(int((1 - c.risk) * 4), 3), max(1, min(5, round(c.satisfaction)))] += 1
    found.satisfaction = sum(marks) / len(marks) if marks else None
    found.satisfied = Share(sum(mark >= 4 for mark in marks), len(marks))


def _of_alarms(found: Figures, alarms: Iterable[Alarm]) -> tuple[dict[str, list[str]], list[Micros]]:
    """Count the alarms; return the stages that each customer has passed, in order, and when customers came back."""
    latest: dict[str, Alarm] = {}
    for alarm in alarms:
        latest[alarm.alarm_id] = alarm
    moves: dict[str, list[tuple[Micros, str]]] = defaultdict(list)
    themes: list[Theme] = []
    back: list[Micros] = []
    for alarm in latest.values():
        status = status_of(alarm)
        if status == "withdrawn":
            continue
        if alarm.kind == "stage-changed":
            moves[alarm.subject.id].append((int(alarm.at), alarm.stage or ""))
            continue
        if alarm.kind == "reactivated":
            back.append(int(alarm.at))
        found.raised[alarm.kind] += 1
        found.standing[alarm.kind] += status == "open"
        if alarm.kind == "complaint-theme":
            reason = alarm.reasons[0].text if alarm.reasons else ""
            themes.append(Theme(alarm.subject.id, rfc3339(alarm.at)[:10], status == "open", reason))
    found.themes = tuple(sorted(themes, key=lambda one: (not one.is_open, one.since, one.name)))
    return {name: ["prospect", *(stage for _, stage in sorted(passed))] for name, passed in moves.items()}, back


def _funnel(customers: list[CustomerRow], changes: dict[str, list[str]]) -> tuple[int, int, int, int]:
    core = sum(c.stage == "core_customer" or "core_customer" in changes.get(c.customer_id, ()) for c in customers)
    bought, again = (sum(c.occasions >= n for c in customers) for n in (1, 2))
    return len(customers), bought, again, core


class Buyer(NamedTuple):
    """A customer with a purchase: the first, the last, on how many days they bought, and whether they have left."""

    first: Micros
    last: Micros
    occasions: int
    is_gone: bool


def buyers_of(customers: Iterable[CustomerRow]) -> list[Buyer]:
    """The customers who have bought."""
    return [
        Buyer(int(parse_instant(c.first_purchase)), int(parse_instant(c.last_purchase)), c.occasions, c.stage in LOST)
        for c in customers
        if c.first_purchase and c.last_purchase
    ]


def known_after(losses: Iterable[LossLine], customers: Iterable[CustomerRow]) -> Micros:
    """After how long a silence nine of ten who leave are known to have left."""
    last = {
        c.customer_id: int(parse_instant(c.last_purchase)) for c in customers if c.last_purchase and c.stage in LOST
    }
    newest = {loss.customer_id: int(parse_instant(loss.left_at)) for loss in losses if loss.customer_id in last}
    lags = sorted(at - last[name] for name, at in newest.items())
    return lags[len(lags) * 9 // 10] if lags else 0


def leaves_by_tenure(buyers: list[Buyer], known: Micros) -> tuple[Share, ...]:
    """For each month since the first purchase: who came for the last time in it and has left, of those who were still coming.

    Only customers count who began so long before the instant `known` that a loss in that month would be known.
    """
    found = []
    for month in range(TENURES):
        begin, over = month * MONTH, (month + 1) * MONTH
        there = [b for b in buyers if b.first + over <= known and not (b.is_gone and b.last - b.first < begin)]
        found.append(Share(sum(b.is_gone and b.last - b.first < over for b in there), len(there)))
    return tuple(found)


def leaves_by_purchase(buyers: list[Buyer], known: Micros) -> tuple[Share, ...]:
    """For each number of purchase days: who has left after it, of those who came so often, if a loss after it would be known."""
    found = []
    for number in range(1, PURCHASES + 1):
        there = [
            b for b in buyers if b.occasions > number or (b.occasions == number and (b.is_gone or b.last <= known))
        ]
        found.append(Share(sum(b.occasions == number and b.is_gone for b in there), len(there)))
    return tuple(found)


def weeks(customers: list[CustomerRow], losses: list[LossLine], back: list[Micros], end: Micros) -> tuple[Week, ...]:
    """The last weeks, each with who bought for the first time, who came back and who left."""
    found = {
        n: Week((datetime.datetime.fromtimestamp((end - (n + 1) * WEEK) / 1e6, datetime.UTC)).date())
        for n in range(WEEKS)
    }

    def week(at: Micros) -> Week:
        return found.get((end - at) // WEEK, Week(datetime.date.min))

    for c in customers:
        if c.first_purchase:
            week(int(parse_instant(c.first_purchase))).won += 1
    for at in back:
        week(at).back += 1
    for loss in losses:
        week(int(parse_instant(loss.left_at))).lost += 1
    return tuple(found[n] for n in reversed(range(WEEKS)))

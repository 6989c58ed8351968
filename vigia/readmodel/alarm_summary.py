"""Summarise alarms: the latest record of each, which are open, and the outcomes of each kind.

Reads alarms one by one, or from the folder of a run.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct, field

from scorers.alarms.catalogue import KINDS, STATE_CHANGES
from scorers.contract.alarms import SEVERITIES, Alarm
from scorers.contract.wire import Rejection, decode_alarm

OUTCOMES = ("returned", "saved", "resolved", "lost", "false", "expired", "withdrawn")
"""How an alarm may end."""


class LossRow(Struct):
    """How a customer has left, as people are shown it."""

    left_at: str
    how: str
    reason: str
    missed: bool
    lead_days: float | None = None


class Rhythm(Struct):
    """When a customer came lately, and when a silence is longer than usual."""

    visits: tuple[str, ...] = ()
    gap_days: float | None = None
    quiet_after: str | None = None


class OpenCase(Struct):
    """What a customer waits for."""

    type: str
    id: str
    opened: str
    due: str | None = None
    about: str | None = None


class ConversionRow(Struct):
    """The chance of a prospect to buy within the window, as a multiple of all prospects' (fit); None while not known."""

    chance: float | None = None
    fit: float | None = None
    expected_minor: int | None = None


class CustomerRow(Struct):
    """The fields of a line of `customers.jsonl` that people are shown."""

    customer_id: str
    stage: str
    tier: str
    loyalty_type: str
    risk: float
    value_at_risk_minor: int
    name: str | None = None
    currency: str | None = None
    expected_purchases: float = 0.0
    first_seen: str | None = None
    first_purchase: str | None = None
    last_purchase: str | None = None
    occasions: int = 0
    amount_minor: int = 0
    other_amounts: dict[str, int] = field(default_factory=dict)  # in other currencies, by currency
    complaints: int = 0
    complaints_open: int = 0
    satisfaction: float | None = None
    experience_debt: float = 0.0
    alarms_open: tuple[str, ...] = ()
    next_due: str | None = None
    risk_by_horizon: dict[str, float] = {}
    horizon_days: float | None = None  # the horizon of `risk`
    loss: LossRow | None = None
    loyalty_confidence: float = 0.0
    store_id: str | None = None
    owner_id: str | None = None
    locale: str | None = None
    good: bool | None = None  # as staff judged
    rhythm: Rhythm | None = None
    open_cases: tuple[OpenCase, ...] = ()
    party_type: str = "final"
    engagement: float = 0.0
    active: bool = False
    cost_to_serve_minor: int = 0
    bad_experiences: dict[str, int] = {}
    bonds: tuple[str, ...] = ()
    reward_only: bool = False
    discount_share: float | None = None
    price_reaction: float | None = None
    win_back: str | None = None
    contradictions: dict[str, int] = {}
    conversion: ConversionRow | None = None


class AlarmSummary:
    """The latest record of every alarm."""

    def __init__(self) -> None:
        self.changes: Counter[str] = Counter()
        self._latest: dict[str, Alarm] = {}
        self._raised: dict[str, Alarm] = {}

    def add(self, alarm: Alarm) -> None:
        """Add one record of `alarms`."""
        if alarm.kind in STATE_CHANGES:
            self.changes[alarm.kind] += alarm.type == "alarm.raised"
            return
        self._latest[alarm.alarm_id] = alarm
        if alarm.type in ("alarm.raised", "alarm.updated"):
            self._raised[alarm.alarm_id] = alarm

    @property
    def raised(self) -> int:
        """The number of alarms, without state changes."""
        return len(self._raised)

    def open(self) -> Iterator[Alarm]:
        """Iterate over the open alarms, each by its latest record."""
        return (alarm for alarm in self._latest.values() if status_of(alarm) == "open")

    def kinds(self) -> list[tuple[str, int, Counter[str]]]:
        """Return for each kind, in the order of the catalogue, the number raised and the count of each status."""
        statuses: dict[str, Counter[str]] = {}
        for alarm in self._latest.values():
            statuses.setdefault(alarm.kind, Counter())[status_of(alarm)] += 1
        order = list(KINDS)
        return [(kind, statuses[kind].total(), statuses[kind]) for kind in sorted(statuses, key=order.index)]


def status_of(alarm: Alarm) -> str:
    """Return the status of an alarm by its latest record: open, withdrawn, or its outcome."""
    if alarm.type == "alarm.withdrawn":
        return "withdrawn"
    return alarm.outcome or "expired" if alarm.type == "alarm.settled" else "open"


def severity_order(alarm: Alarm) -> tuple[int, float]:
    """Sort key: the most severe first, then the highest priority, where that is not known the largest expected loss."""
    if isinstance(alarm.priority_minor, int):
        return SEVERITIES.index(alarm.severity), -float(alarm.priority_minor)
    return SEVERITIES.index(alarm.severity), -(alarm.value_at_risk_minor or 0) * (alarm.risk or 1.0)


def read_alarms(folder: Path) -> Iterator[Alarm]:
    """Read the alarms of a run."""
    with (folder / "alarms.jsonl").open("rb") as file:
        for line in file:
            alarm = decode_alarm(line.rstrip(b"\n"))
            if not isinstance(alarm, Rejection):
                yield alarm


def read_customers(folder: Path) -> Iterator[CustomerRow]:
    """Read the customers of a run, as of its end."""
    decoder = msgspec.json.Decoder(CustomerRow)
    with (folder / "customers.jsonl").open("rb") as file:
        for line in file:
            yield decoder.decode(line)

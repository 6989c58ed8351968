"""Print the demo: some alarms as they arrive, then their outcomes and the worklist of the last day.

The selection depends on event time only, so a slow machine prints the same lines.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from alerts.wording.formats import percent
from alerts.wording.message import cause
from alerts.wording.playbooks import TREATMENTS
from scorers.alarms.catalogue import STATE_CHANGES
from scorers.contract.alarms import Alarm, spoken
from scorers.contract.events import DAY, Micros
from scorers.contract.inert import inert
from scorers.contract.worklist import WorklistEntry
from scorers.groups.theme import named as theme
from vigia.readmodel.alarm_summary import OUTCOMES, AlarmSummary, CustomerRow, severity_order, status_of
from vigia.readmodel.amounts import without_cents

EVERY = 3 * DAY
"""One alarm is shown for each such span of event time, because a year has thousands."""
GOOD_NEWS_EVERY = 4
"""After this many shown alarms, one that ended well is shown as well."""
COLOURS = {"critical": "bold white on red", "error": "bold red", "warning": "yellow", "info": "cyan"}
ENDED_WELL = ("returned", "saved", "resolved")


class DemoView:
    """Prints the most severe alarm of the kind shown least so far, info only where there is no other, and summarises all alarms."""

    def __init__(self, console: Console) -> None:
        self.summary = AlarmSummary()
        self.clock: Micros = 0
        self._console = console
        self._next: Micros = 0
        self._candidates: list[Alarm] = []
        self._good: Alarm | None = None
        self._shown: Counter[str] = Counter()

    def take(self, alarm: Alarm) -> None:
        """Add one record of `alarms`; records come in the order of their time."""
        self.summary.add(alarm)
        self.clock = max(self.clock, int(alarm.time))
        if alarm.kind in STATE_CHANGES:
            return
        if self.clock >= self._next:
            self._show()
            self._next = self.clock // DAY * DAY + EVERY
        if alarm.type == "alarm.raised":
            self._candidates.append(alarm)
        elif status_of(alarm) in ENDED_WELL and (
            self._good is None or severity_order(alarm) < severity_order(self._good)
        ):
            self._good = alarm

    def _show(self) -> None:
        if not self._candidates:
            return
        candidates = [alarm for alarm in self._candidates if alarm.severity != "info"] or self._candidates
        rarest = min(candidates, key=lambda alarm: (self._shown[alarm.kind], *severity_order(alarm)))
        self._shown[rarest.kind] += 1
        chosen = [rarest]
        if self._good is not None and self._shown.total() % GOOD_NEWS_EVERY == 0:
            chosen.append(self._good)
        for alarm in sorted(chosen, key=lambda alarm: alarm.time):
            self._console.print(line(alarm))
        self._candidates.clear()
        self._good = None


def line(alarm: Alarm) -> RenderableType:
    """Format an alarm in two lines: day, severity, kind, customer and money; then the reason."""
    end = status_of(alarm)
    well = end in ENDED_WELL
    mark, style = (end, "bold green") if well else (alarm.severity, COLOURS[alarm.severity])
    why = _good_news(alarm) if well else cause(alarm)
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(width=6, no_wrap=True)
    grid.add_column(width=8, no_wrap=True)
    grid.add_column(width=24, no_wrap=True)
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    grid.add_column(justify="right", no_wrap=True)
    money = without_cents(alarm.value_at_risk_minor, alarm.currency)
    stake = "" if alarm.value_at_risk_minor is None else f"worth {money}" if well else f"{money} at risk"
    subject, name = alarm.subject, alarm.name
    if subject.type == "theme":  # whose name alone does not say what it names
        name = f"{theme(subject.id).by} {name}"
    about = who(name, alarm.customer_id or f"{subject.type} {subject.id}")
    grid.add_row(
        day(int(alarm.time)),
        Text(mark, style),
        Text(spoken(alarm.kind), "bold"),
        about,
        stake,
    )
    reason = Table.grid(padding=(0, 1))
    reason.add_column(width=15)
    reason.add_column()
    reason.add_row("", Text(inert(why), "dim"))
    return Group(grid, reason)


def _good_news(alarm: Alarm) -> str:
    done = "Put right" if status_of(alarm) == "resolved" else "Bought again"
    return f"{done} after the alarm of {day(int(alarm.at))}."


def kinds(summary: AlarmSummary) -> Table:
    """Tabulate how many alarms of each kind were raised, and their outcomes."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("kind", no_wrap=True)
    ends = [end for end in OUTCOMES if any(outcomes[end] for _, _, outcomes in summary.kinds())]
    for head in ("raised", "open", *ends):
        table.add_column(head, justify="right", no_wrap=True)
    for kind, raised, outcomes in summary.kinds():
        table.add_row(kind, f"{raised:,}", *(f"{outcomes[end]:,}" if outcomes[end] else "" for end in ("open", *ends)))
    return table


def worklist(entries: Iterable[WorklistEntry], rows: Iterable[CustomerRow]) -> Table:
    """Tabulate the entries of a list that are funded: risk, worth, reason and treatment."""
    names = {row.customer_id: row.name for row in rows}
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(justify="right", width=2)
    table.add_column(ratio=1)
    for entry in entries:
        head = Table.grid(padding=(0, 1), expand=True)
        head.add_column(width=26, no_wrap=True, overflow="ellipsis")
        head.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        head.add_column(justify="right", no_wrap=True)
        stake = f"{percent(entry.risk)} of {without_cents(entry.worth_minor, entry.currency)}"
        where = Text(f"{entry.tier}, {entry.stage.replace('_', ' ')}", "dim")
        head.add_row(who(names.get(entry.customer_id), entry.customer_id), where, stake)
        why = Text(inert(entry.reasons[0].text))
        todo = Text(TREATMENTS[entry.treatment], "green")
        table.add_row(Text(str(entry.rank), "bold"), Group(head, why, todo))
    return table


def who(name: str | None, customer_id: str | None) -> Text:
    """Format a customer's name, followed by the id."""
    known = inert(customer_id or "", 40)
    return Text.assemble(inert(name, 40), (f" ({known})", "dim")) if name else Text(known)


def day(at: Micros) -> str:
    """Format the day of an instant as `19 Mar`."""
    there = datetime.fromtimestamp(at // 1_000_000, UTC)
    return f"{there.day:2} {there:%b}"

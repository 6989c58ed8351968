"""Write the roster: every customer in alphabetical order with stage, tier, type and risk, for Excel or as CSV (A11).

Names and ids come from tills and forms, so no cell may become a formula (`scorers.contract.spreadsheet`): Excel cells are
written as text, and every cell of a CSV is quoted.
"""

import csv
import datetime
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import xlsxwriter
from msgspec import Struct
from msgspec.structs import replace

from alerts.wording.formats import money
from alerts.wording.languages import advice, said
from scorers.contract.alarms import Alarm, spoken
from scorers.contract.spreadsheet import cell
from scorers.policy.business_zone import BusinessZone
from vigia.readmodel.alarm_summary import AlarmSummary, CustomerRow, severity_order
from vigia.readmodel.amounts import in_units
from vigia.readmodel.collation import sort_key
from vigia.readmodel.dates import UTC, local_date
from vigia.runtime.usage_error import UsageError

Cell = str | int | float | datetime.date | None
MOST_ROWS = 1_048_576  # Excel's own limit


_OWNERS_VIEW = {True: "good", False: "not good", None: None}
_PARTIES = {"external": "distributor", "internal": "staff"}


def _date(day: str | None) -> datetime.date | None:
    return datetime.date.fromisoformat(day) if day else None


def _others(c: CustomerRow) -> str | None:
    return "; ".join(money(minor, currency) for currency, minor in c.other_amounts.items()) or None


class Column(Struct, frozen=True):
    """A column: its heading, its value, its width, and Excel's number format."""

    head: str
    cell: Callable[[CustomerRow], Cell]
    width: int
    form: str | None = None


COLUMNS = (
    Column("Name", lambda c: c.name or c.customer_id, 28),
    Column("Customer", lambda c: c.customer_id, 16),
    Column("Stage", lambda c: c.stage.replace("_", " "), 18),
    Column("Tier", lambda c: c.tier, 10),
    Column("Type", lambda c: spoken(c.loyalty_type), 12),
    Column("Risk", lambda c: round(c.risk, 4), 8, "0 %"),
    Column("Value at risk", lambda c: in_units(c.value_at_risk_minor, c.currency), 14, "#,##0"),
    Column("Currency", lambda c: c.currency, 9),
    Column("Last purchase", lambda c: _date(c.last_purchase), 14, "yyyy-mm-dd"),
    Column("Days bought", lambda c: c.occasions, 12, "0"),
    Column("Open alarms", lambda c: ", ".join(map(spoken, c.alarms_open)) or None, 40),
    Column("Spent in other currencies", _others, 24),
    Column("Type is sure", lambda c: round(c.loyalty_confidence, 2) or None, 12, "0 %"),
    Column("Owner says", lambda c: _OWNERS_VIEW.get(c.good), 11),
    Column("Party", lambda c: _PARTIES.get(c.party_type), 12),
    Column("Cost to serve", lambda c: in_units(c.cost_to_serve_minor, c.currency), 14, "#,##0"),
)


def write_roster(
    customers: Iterable[CustomerRow],
    out: Path,
    zone: BusinessZone = UTC,
    alarms: Iterable[Alarm] = (),
    language: str = "en",
) -> int:
    """Write the roster as .xlsx or .csv, with dates as the zone has them; return the number of customers.

    The gravest open alarm of a customer among `alarms` gives reason and action, in a language of `TONGUES`, by which names are sorted too.
    """
    check_ending(out)
    ordered = [replace(c, last_purchase=local_date(c.last_purchase, zone)) for c in _alphabetical(customers, language)]
    gravest = _gravest(alarms)
    columns = (
        *COLUMNS,
        *(_of_alarm(head, tell, gravest, language) for head, tell in (("Reason", _reason), ("Action", _action))),
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    _WRITERS[out.suffix.lower()](ordered, out, columns)
    return len(ordered)


def _gravest(alarms: Iterable[Alarm]) -> dict[str, Alarm]:
    """By customer: the gravest alarm that is open."""
    summary = AlarmSummary()
    for alarm in alarms:
        summary.add(alarm)
    found: dict[str, Alarm] = {}
    for alarm in sorted(summary.open(), key=severity_order):
        if alarm.customer_id is not None:
            found.setdefault(alarm.customer_id, alarm)
    return found


def _of_alarm(head: str, tell: Callable[[Alarm, str], str], gravest: dict[str, Alarm], language: str) -> Column:
    """A column that says something of the customer's gravest alarm."""

    def told(c: CustomerRow) -> Cell:
        alarm = gravest.get(c.customer_id)
        return None if alarm is None else tell(alarm, language) or None

    return Column(head, told, 60)


def _reason(alarm: Alarm, language: str) -> str:
    return said(alarm.reasons[0], alarm, language) if alarm.reasons else ""


def _action(alarm: Alarm, language: str) -> str:
    return " ".join(advice(alarm, language))


def check_ending(out: Path) -> None:
    """Raise `UsageError` unless the file ends in .xlsx or .csv."""
    if out.suffix.lower() not in _WRITERS:
        raise UsageError(f"--out {out}: the roster is written as .xlsx or .csv; use one of these endings")


def _alphabetical(customers: Iterable[CustomerRow], language: str) -> list[CustomerRow]:
    """Customers by name, as the language sorts; who has none by id; equal names by id."""
    key = sort_key(language)
    return sorted(customers, key=lambda c: (key(c.name or c.customer_id), c.name or "", c.customer_id))


def _xlsx(customers: list[CustomerRow], out: Path, columns: Sequence[Column]) -> None:
    if len(customers) >= MOST_ROWS:
        raise UsageError(
            f"--out {out}: Excel holds {MOST_ROWS - 1:,} customers and there are {len(customers):,}; write a .csv"
        )
    with xlsxwriter.Workbook(str(out), {"constant_memory": True, "in_memory": False}) as workbook:
        sheet = workbook.add_worksheet("Customers")
        head = workbook.add_format({"bold": True, "bottom": 1})
        forms = [workbook.add_format({"num_format": column.form}) if column.form else None for column in columns]
        for n, column in enumerate(columns):
            sheet.set_column(n, n, column.width, forms[n])
            sheet.write_string(0, n, column.head, head)
        sheet.freeze_panes(1, 1)
        sheet.autofilter(0, 0, len(customers), len(columns) - 1)
        for row, customer in enumerate(customers, 1):
            for n, column in enumerate(columns):
                match column.cell(customer):
                    case str(text):
                        sheet.write_string(row, n, cell(text))
                    case datetime.date() as day:
                        sheet.write_datetime(row, n, day, forms[n])
                    case int(number) | float(number):
                        sheet.write_number(row, n, number, forms[n])


def _csv(customers: list[CustomerRow], out: Path, columns: Sequence[Column]) -> None:
    with out.open("w", newline="", encoding="utf-8-sig") as file:  # the byte order mark makes Excel read UTF-8
        writer = csv.writer(file)
        writer.writerow(column.head for column in columns)
        for customer in customers:
            writer.writerow(_guarded(column.cell(customer)) for column in columns)


def _guarded(value: Cell) -> Cell:
    return cell(value) if isinstance(value, str) else value


_WRITERS: dict[str, Callable[[list[CustomerRow], Path, Sequence[Column]], None]] = {".xlsx": _xlsx, ".csv": _csv}

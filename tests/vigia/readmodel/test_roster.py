"""The roster (A11): everybody in alphabetical order, and nothing in it that a spreadsheet would run."""

import csv
from pathlib import Path

import pytest
from openpyxl import load_workbook
from openpyxl.utils.escape import unescape

from alerts.wording.languages import advice
from scorers.alarms.catalogue import KINDS
from scorers.contract.alarms import Alarm, Change, Reason, Severity
from scorers.contract.events import Instant
from scorers.contract.spreadsheet import cell
from tests.support.alarms import an_alarm
from vigia.readmodel.alarm_summary import CustomerRow
from vigia.readmodel.roster import COLUMNS, MOST_ROWS, write_roster
from vigia.runtime.usage_error import UsageError

NOW = Instant(1_714_521_600_000_000)
HOSTILE = (
    '=HYPERLINK("http://evil.example","click")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    "{=1+1}",
    "http://evil.example",
    "mailto:a@b.example",
    "internal:'Sheet'!A1",
    "_x0041_",
    "0012",
    "1e5",
    "TRUE",
    "a\x00b\x07c\ud800",
    "line\nbreak",
)


def customer(customer_id: str, name: str | None = None, **more: object) -> CustomerRow:
    """A customer with nothing special."""
    facts = {
        "stage": "core_customer",
        "tier": "gold",
        "loyalty_type": "loyal",
        "risk": 0.25,
        "value_at_risk_minor": 12345,
    }
    return CustomerRow(customer_id, name=name, currency="EUR", **{**facts, **more})  # type: ignore[arg-type]


def cells(path: Path) -> list[list[object]]:
    """The cells of a roster in Excel's form, heads first; formulas stay formulas."""
    return [list(row) for row in load_workbook(path).active.iter_rows(values_only=True)]


def test_all_stand_in_alphabetical_order(tmp_path: Path) -> None:
    """Accents and capitals do not count; who has no name stands under the id."""
    people = [customer("c3", "Zoe"), customer("c1", "Álvaro"), customer("c2", "bruno"), customer("d9")]
    assert write_roster(people, tmp_path / "all.xlsx") == 4
    assert [row[0] for row in cells(tmp_path / "all.xlsx")] == ["Name", "Álvaro", "bruno", "d9", "Zoe"]


def test_a_row_says_stage_tier_type_risk_and_money(tmp_path: Path) -> None:
    """Numbers are numbers, in units of the customer's currency."""
    write_roster([customer("c1", "Ana", alarms_open=("gone-quiet", "risk-high"))], tmp_path / "all.xlsx")
    heads, row = cells(tmp_path / "all.xlsx")
    told = dict(zip(heads, row, strict=True))
    assert told["Stage"] == "core customer"
    assert (told["Tier"], told["Type"], told["Currency"]) == ("gold", "loyal", "EUR")
    assert (told["Risk"], told["Value at risk"]) == (0.25, 123.45)
    assert told["Open alarms"] == "gone-quiet, risk-high"


@pytest.mark.parametrize("text", HOSTILE)
def test_no_name_or_id_becomes_more_than_text_in_excel(tmp_path: Path, text: str) -> None:
    """Formulas, links, numbers and escapes in names and ids come back as texts, as the guard of all tables gives them."""
    write_roster([customer(text, text)], tmp_path / "all.xlsx")
    sheet = load_workbook(tmp_path / "all.xlsx").active
    for one in (sheet["A2"], sheet["B2"]):
        assert (one.data_type, unescape(one.value), one.hyperlink) == ("s", cell(text), None)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_name_or_id_runs_in_csv(tmp_path: Path, text: str) -> None:
    """What a spreadsheet would run gets a quote before it, and all else stays as it is."""
    write_roster([customer(text, text)], tmp_path / "all.csv")
    with (tmp_path / "all.csv").open(encoding="utf-8-sig", newline="") as file:
        row = list(csv.reader(file))[1]
    assert row[:2] == [cell(text)] * 2
    assert len(row) == len(COLUMNS) + 2  # and reason and action


def test_a_long_name_is_cut_at_what_a_cell_holds(tmp_path: Path) -> None:
    """Excel refuses a file with longer texts."""
    write_roster([customer("c1", "n" * 40_000)], tmp_path / "all.xlsx")
    assert cells(tmp_path / "all.xlsx")[1][0] == "n" * 32_767


def test_the_head_stays_in_sight_and_filters(tmp_path: Path) -> None:
    """The first row and the names are frozen, and every column has its filter."""
    write_roster([customer("c1", "Ana"), customer("c2", "Bea")], tmp_path / "all.xlsx")
    sheet = load_workbook(tmp_path / "all.xlsx").active
    assert sheet.freeze_panes == "B2"
    assert sheet.auto_filter.ref == "A1:R3"
    assert sheet.column_dimensions["A"].width > 20


def test_a_currency_without_cents_keeps_its_figure(tmp_path: Path) -> None:
    """Yen have no hundredths."""
    write_roster([CustomerRow("c1", "prospect", "none", "unknown", 0.5, 12345, "Aiko", "JPY")], tmp_path / "all.xlsx")
    assert cells(tmp_path / "all.xlsx")[1][6] == 12345


def test_nobody_is_a_roster_too(tmp_path: Path) -> None:
    """Without customers the heads stand alone."""
    for name in ("all.xlsx", "all.csv"):
        assert write_roster([], tmp_path / name) == 0
    assert cells(tmp_path / "all.xlsx") == [[*(column.head for column in COLUMNS), "Reason", "Action"]]


def test_more_than_a_sheet_holds_is_refused_with_the_mend(tmp_path: Path) -> None:
    """Excel ends at a million rows; the message names CSV."""
    with pytest.raises(UsageError, match=r"Excel holds 1,048,575 customers and there are 1,048,576; write a \.csv"):
        write_roster([customer("c1")] * MOST_ROWS, tmp_path / "all.xlsx")
    assert not (tmp_path / "all.xlsx").exists()


def test_reason_and_action_are_those_of_the_gravest_open_alarm(tmp_path: Path) -> None:
    """In the language that is asked for; an alarm that has ended says nothing, and hostile text stays text."""
    reason = Reason("silence", 1.0, "=1+1 no purchase for 16 days.")
    open_ones = [
        alarm("a", "c1", "risk-high", "warning", Reason("risk", 1.0, "likely not to return")),
        alarm("b", "c1", "gone-quiet", "error", reason),
        alarm("c", "c2", "gone-quiet", "critical", reason),
        alarm("c", "c2", "gone-quiet", "critical", reason, "alarm.settled"),
    ]
    people = [customer("c1", "Ana"), customer("c2", "Bea")]
    write_roster(people, tmp_path / "all.xlsx", alarms=open_ones)
    heads, ana, bea = cells(tmp_path / "all.xlsx")
    told = dict(zip(heads, ana, strict=True))
    assert str(told["Reason"]).endswith("=1+1 no purchase for 16 days.")
    assert told["Action"] == advice(open_ones[1])[0]
    assert dict(zip(heads, bea, strict=True))["Reason"] is None
    write_roster(people, tmp_path / "es.xlsx", alarms=open_ones, language="es")
    heads, ana, _ = cells(tmp_path / "es.xlsx")
    assert dict(zip(heads, ana, strict=True))["Action"] == advice(open_ones[1], "es")[0]


def test_names_stand_as_the_language_sorts_them(tmp_path: Path) -> None:
    """In Spanish ñ comes after n."""
    people = [customer("c1", "Peñas"), customer("c2", "Pez"), customer("c3", "Pensa")]
    write_roster(people, tmp_path / "es.xlsx", language="es")
    assert [row[0] for row in cells(tmp_path / "es.xlsx")][1:] == ["Pensa", "Peñas", "Pez"]


def alarm(name: str, who: str, kind: str, severity: Severity, reason: Reason, change: Change = "alarm.raised") -> Alarm:
    """An alarm about a customer."""
    facts = {"severity": severity, "type": change, "treatment": KINDS[kind].treatment, "reasons": (reason,)}
    return an_alarm(NOW, name, who, kind=kind, **facts)

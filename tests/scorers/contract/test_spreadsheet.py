"""No text from outside begins a cell that a spreadsheet would run, in any table that Vigía writes."""

import csv
import tempfile
import unicodedata
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from openpyxl.utils.escape import unescape

from scorers.contract.rfc3339 import parse_instant
from scorers.contract.spreadsheet import LONGEST_CELL, cell
from scorers.policy.tables import Policy
from streams.replay.replay import replay
from streams.replay.scores import ScoreSchedule
from tests.support.driver import purchase
from vigia.readmodel.alarm_summary import CustomerRow
from vigia.readmodel.roster import write_roster

START = int(parse_instant("2024-01-01T09:00:00Z"))
HIDDEN = "\ufffe\uffff\ufdd0\U0001ffff\u200b\u200d\u2060\ufeff\u00ad\u034f\u115f\u3164\u2800\ue000\x00\x07\x85\u00a0 \u3000\u0301\ufe0f"
RUNS = "=+-@\t\r\uff1d\uff0b\uff0d\uff20\ufe66\u207c\u2212"
hostile = st.builds(
    "{}{}{}{}".format,
    st.text(st.sampled_from(HIDDEN), max_size=4),
    st.sampled_from([*RUNS, "a;", "a,", "a|"]),
    st.text(st.sampled_from(HIDDEN), max_size=2),
    st.text(st.sampled_from("=1+A;,|\"'\n\r\t-@ "), max_size=5),
)
texts = hostile | st.text(max_size=20)


def runs(text: str) -> bool:
    """Whether a spreadsheet may run it: written apart from the code, by what Unicode says of each character."""
    for character in text:
        name, kind = unicodedata.name(character, ""), unicodedata.category(character)
        if character in "\t\r\n":
            return True
        if kind[0] in "CMZ" or "FILLER" in name or "BRAILLE PATTERN BLANK" in name:
            continue
        return unicodedata.normalize("NFKC", character) in ("=", "+", "-", "@", "\u2212")
    return False


def pieces(text: str) -> list[str]:
    """The cells into which a spreadsheet may split a cell."""
    return text.replace(",", ";").replace("|", ";").split(";")


def check(text: str) -> None:
    """Neither the cell nor a part of it that a spreadsheet may split off runs."""
    assert not any(map(runs, pieces(text))), ascii(text)


@given(texts)
def test_no_cell_begins_a_formula(text: str) -> None:
    """Whatever hides before the sign; a second time changes nothing; what is harmless stays as it is."""
    check(cell(text))
    assert cell(cell(text)) == cell(text)
    assert len(cell(text)) <= LONGEST_CELL
    if text.isalnum():
        assert cell(text) == text


def test_a_cell_is_one_line_of_what_a_table_may_hold() -> None:
    """Line breaks become blanks; controls, surrogates and noncharacters go, also before the sign."""
    assert cell("a\r\nb\x00\ud800\ufffe") == "a b"
    assert cell("\uffff=1+1") == "'=1+1"
    assert cell("\x00\x07=1+1") == "'=1+1"
    assert len(cell("=" * 40_000)) == LONGEST_CELL


@given(st.lists(texts.filter(lambda text: "\x00" not in text), min_size=1, max_size=20))
@settings(max_examples=8, deadline=None)
def test_no_table_that_we_write_has_a_cell_that_runs(names: list[str]) -> None:
    """The roster in both forms, with hostile names, ids and currencies."""
    rows = [CustomerRow(name, name, name, name, 0.5, 100, name, "EUR", alarms_open=(name,)) for name in names]
    with tempfile.TemporaryDirectory() as folder:
        write_roster(rows, Path(folder) / "all.csv")
        with (Path(folder) / "all.csv").open(encoding="utf-8-sig", newline="") as file:
            table = list(csv.reader(file))
        write_roster(rows, Path(folder) / "all.xlsx")
        sheet = load_workbook(Path(folder) / "all.xlsx").active
        table += [[unescape(one.value) for one in row if isinstance(one.value, str)] for row in sheet.iter_rows()]
    for row in table:
        for one in row:
            check(one)


def test_no_id_runs_in_the_scores_of_a_replay(tmp_path: Path) -> None:
    """Ids of customers come from tills as well."""
    ids = [*(sign + "1+1" for sign in "=+-@"), "\uff1d1", "a;=1+1", "a,=1+1", "C1"]
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(purchase(START, one) for one in ids))
    replay([str(tmp_path / "events.jsonl")], tmp_path / "out", Policy(), ScoreSchedule(at=(START,)))
    with (tmp_path / "out" / "scores.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == len(ids)
    assert "C1" in {row["customer_id"] for row in table}
    for row in table:
        check(row["customer_id"])

"""What is remembered of a table changes nothing: rows of CSV give what the same texts give where nothing is looked up."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.tables.importing import Import
from streams.tables.map_file import read_map
from vigia.runtime.files.lines import Line

COLUMNS = ("id", "time", "customer", "total", "pieces", "currency", "sku")
FIELDS = """
type = "purchase.completed"
source = "till"
zone = "%s"
%s
[fields]
id = "id"
time = "time"
customer_id = "customer"
amount = %s
currency = "currency"
"""
ITEMS = '[items]\nsku = "sku"\nquantity = "pieces"\namount = "total"\n'
AMOUNT, PRODUCT = '"total"', '{ column = "total", times = "pieces" }'
REFUNDS = 'negative = "purchase.refunded"'
MAPS = {
    "sales": FIELDS % ("Europe/Madrid", "", AMOUNT),
    "half an hour": FIELDS % ("Asia/Kolkata", REFUNDS, PRODUCT),
    "sales with an item": FIELDS % ("UTC", REFUNDS, AMOUNT) + ITEMS,
    "days": (FIELDS % ("UTC", "", AMOUNT)).replace(
        '"time"', '{ column = "time", format = "%d/%m/%Y %H:%M" }'
    ),
    "groups": FIELDS % ("UTC", f'group = "id"\n{REFUNDS}', PRODUCT) + ITEMS,
    "groups of two columns": FIELDS % ("UTC", 'group = ["id", "customer"]', AMOUNT) + ITEMS,
}  # fmt: skip
IDS = ["1", "1.0", "C-7", " 9 ", "José", "Jose\u0301", 'a"b', "", "x" * 600, "\u200bK", "_x", "-5", "A b", "\\", "٣"]
TIMES = [
    *("2024-05-06T10:00:00Z", "2024-05-06T10:59:59Z", "2024-05-06 10:00:01", "2024-05-06 10:30:00", "2024-05-06"),
    *("2024-05-06T10:00:00.5Z", "2024-05-06T10:00:00+05:30", "2024-10-27T02:30:00", "2024-03-31 02:30:00", "", "x"),
    *("1989-12-31T23:30:00Z", "1990-01-01 00:30:00", "2100-01-01T00:00:00", "2024-05-06T10:00:60Z", " 2024-05-06 "),
    *("06/05/2024 10:00", "6/5/2024  9:30", "06/05/2024 25:00", "06/05/2024", "2099-12-31 23:59:59"),
]
TOTALS = [
    "12.50",
    "5",
    "-3",
    "0",
    "(4.00)",
    "€12.50",
    "abc",
    "",
    "1e3",
    "9" * 30,
    "9999999999",
    "12.345",
    ".5",
    "²",
    " 7 ",
]
ROW = st.tuples(
    st.sampled_from(IDS),
    st.sampled_from(TIMES),
    st.sampled_from(IDS),
    st.sampled_from(TOTALS),
    st.sampled_from(["1", "2", "-1", "1.5", "", "x", "9999999999", "1e10"]),
    st.sampled_from(["EUR", "JPY", "KWD", "eur", "", " EUR"]),
    st.sampled_from(["A", "Ä", "A b", "", " B "]),
)


def imported(form: str, file: Path) -> tuple[list[bytes], list[tuple[int, object]]]:
    """The events of a file, and the rows left out."""
    left: list[Line] = []
    work = Import([str(file)], read_map(form, "map.toml"), left.append)
    return list(work.raw_lines(file.parent, by_time=False)), [(line.number, line.event) for line in left]


@pytest.mark.parametrize("name", MAPS)
@given(rows=st.lists(ROW, max_size=40))
def test_texts_that_were_seen_give_what_they_gave(
    tmp_path_factory: pytest.TempPathFactory, name: str, rows: list[tuple[str, ...]]
) -> None:
    """Each row comes twice, so that the second meets texts that are known; JSON lines are converted one by one."""
    folder = tmp_path_factory.mktemp("pieces")
    rows = [*rows, *rows]
    table = io.StringIO()
    csv.writer(table).writerows([COLUMNS, *rows])
    (folder / "table.csv").write_text(table.getvalue(), encoding="utf-8", newline="")
    lines = [json.dumps(dict(zip(COLUMNS, row, strict=True))) for row in rows]
    (folder / "table.jsonl").write_text("{}\n" + "\n".join(lines))  # a line for the header
    events, left = imported(MAPS[name], folder / "table.csv")
    again, of_lines = imported(MAPS[name], folder / "table.jsonl")
    assert events == again
    assert left == [fault for fault in of_lines if fault[0] > 1]

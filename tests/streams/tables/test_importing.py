"""Tables become events: what each cell means, which rows belong together, what is left out and why."""

import gzip
import json
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook
from pyarrow import parquet

from scorers.contract.wire import Rejection
from streams.tables.importing import Import
from streams.tables.map_file import read_map
from vigia.runtime.files.lines import Line
from vigia.runtime.usage_error import UsageError

HEADER = "Invoice,StockCode,Quantity,InvoiceDate,Price,Customer ID"
LINES = """
type = "purchase.completed"
source = "till-export"
zone = "Europe/Madrid"
group = "Invoice"
negative = "purchase.refunded"
[fields]
id = "Invoice"
time = { column = "InvoiceDate", format = "%d/%m/%Y %H:%M" }
customer_id = "Customer ID"
amount = { column = "Price", times = "Quantity" }
currency = { value = "GBP" }
[items]
sku = "StockCode"
quantity = "Quantity"
"""
SALES = """
type = "purchase.completed"
source = "till"
[fields]
id = "id"
time = "time"
customer_id = "customer"
amount = "total"
currency = "currency"
"""


def imported(
    folder: Path, form: str, *files: str | bytes | Path, by_time: bool = False, memory: int = 1 << 20
) -> tuple[list[dict[str, Any]], list[tuple[int, str, str]]]:
    """The events of files, and the rows left out: line, code, detail."""
    left: list[tuple[int, str, str]] = []

    def reject(line: Line) -> None:
        assert isinstance(line.event, Rejection)
        left.append((line.number, line.event.code, line.event.detail))

    sources = []
    for number, content in enumerate(files):
        path = content if isinstance(content, Path) else folder / f"file{number}"
        if not isinstance(content, Path):
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        sources.append(str(path))
    work = Import(sources, read_map(form, "map.toml"), reject)
    return [json.loads(line.raw) for line in work.lines(folder, by_time, memory)], left


def at(day: int, hour: int) -> datetime:
    """A time without a zone, as Excel has them."""
    return datetime(2024, 5, day, hour)  # noqa: DTZ001


def only(events: Sequence[dict[str, Any]]) -> dict[str, Any]:
    assert len(events) == 1
    return events[0]


# --- groups -----------------------------------------------------------------------------------------------------------


def test_rows_of_one_invoice_are_one_event_also_apart(tmp_path: Path) -> None:
    """Amounts are rounded by row and added up; exact repeats count; the time is the first row's, in the zone of the map."""
    rows = ["1,A,2,01/07/2024 10:30,1.005,17850.0", "2,X,1,01/07/2024 10:31,9,7", "1,B,1,01/07/2024 10:32,0.50,17850.0"]
    events, left = imported(tmp_path, LINES, "\n".join([HEADER, *rows, rows[2]]))
    assert left == []
    assert [event["id"] for event in events] == ["1", "2"]
    first = events[0]
    assert first["customer_id"] == "17850"
    assert first["amount_minor"] == 201 + 50 + 50
    assert first["time"] == "2024-07-01T08:30:00Z"
    assert first["items"] == [{"sku": "A", "quantity": 2}, *[{"sku": "B", "quantity": 1}] * 2]


def test_what_is_under_zero_in_sum_is_a_refund(tmp_path: Path) -> None:
    """With the absolute value and without items; a sale with a returned piece stays a sale."""
    rows = ["C1,A,-2,01/07/2024 10:30,5,7", "S1,A,3,01/07/2024 11:30,5,7", "S1,B,-1,01/07/2024 11:30,2,7"]
    refund, sale = imported(tmp_path, LINES, "\n".join([HEADER, *rows]))[0]
    assert (refund["type"], refund["amount_minor"], "items" in refund) == ("purchase.refunded", 1000, False)
    assert (sale["type"], sale["amount_minor"]) == ("purchase.completed", 1300)
    assert sale["items"][1] == {"sku": "B", "quantity": -1}


def test_one_bad_row_rejects_its_group_and_no_other(tmp_path: Path) -> None:
    """Each row is accounted for: the bad one with its own fault, the others with its line."""
    rows = ["1,A,2,01/07/2024 10:30,1,7", "2,B,1,01/07/2024 10:31,1,7", "1,C,many,01/07/2024 10:30,1,7"]
    events, left = imported(tmp_path, LINES, "\n".join([HEADER, *rows]))
    assert only(events)["id"] == "2"
    assert left == [
        (2, "bad_value", "is left out with line 4, which belongs to the same event"),
        (4, "bad_value", "amount: 'many' is not a number"),
    ]


def test_a_group_that_is_no_event_is_left_out_whole(tmp_path: Path) -> None:
    """An item needs a sku: the contract's own reason stands at the first row."""
    rows = ["C1,,2,01/07/2024 10:30,5,7", "C1,B,1,01/07/2024 10:30,5,7", ",B,1,01/07/2024 10:30,5,7"]
    events, left = imported(tmp_path, LINES, "\n".join([HEADER, *rows]))
    assert events == []
    assert [(line, code) for line, code, _ in left] == [
        (2, "missing_field"),
        (3, "missing_field"),
        (4, "missing_field"),
    ]
    assert left[2][2] == "Invoice is empty, by which rows are put together"


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 9)), min_size=1, max_size=60),
    st.sampled_from([1, 200, 1 << 20]),
)
def test_groups_are_those_of_a_dictionary(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int]], memory: int
) -> None:
    """Whatever the order of rows, and whether they fit into memory."""
    text = "\n".join([HEADER, *(f"{group},A,{pieces},01/07/2024 10:30,1,7" for group, pieces in rows)])
    events, left = imported(tmp_path_factory.mktemp("groups"), LINES, text, memory=memory)
    wanted: dict[str, int] = {}
    for group, pieces in rows:
        wanted[str(group)] = wanted.get(str(group), 0) + 100 * pieces
    assert [(event["id"], event["amount_minor"]) for event in events] == list(wanted.items())
    assert left == []


@pytest.mark.parametrize("memory", [1, 4_000, 1 << 20])
def test_a_group_is_whole_although_memory_holds_only_parts_of_it(tmp_path: Path, memory: int) -> None:
    """Its articles stand in the order of the rows, the fields are those of the first row, and a bad row far from the others leaves all out."""
    rows = [f"{n % 3},A{n},1,01/07/2024 10:{n:02},1,C{n}" for n in range(30)]
    rows[28] = rows[28].replace(",1,C28", ",?,C28")
    events, left = imported(tmp_path, LINES, "\n".join([HEADER, *rows]), memory=memory)
    assert [(event["id"], event["customer_id"], event["time"]) for event in events] == [
        ("0", "C0", "2024-07-01T08:00:00Z"),
        ("2", "C2", "2024-07-01T08:02:00Z"),
    ]
    for event, first in zip(events, (0, 2), strict=True):
        assert [item["sku"] for item in event["items"]] == [f"A{n}" for n in range(first, 30, 3)]
        assert event["amount_minor"] == 1000
    assert [line for line, _, _ in left] == list(range(3, 33, 3))
    assert [detail for line, _, detail in left if line == 30] == ["amount: '?' is not a number"]


def test_what_is_remembered_of_an_amount_is_of_its_factor_and_currency(tmp_path: Path) -> None:
    """One text of an amount comes to other minor units by the row's currency, and by the number of pieces; an empty factor is no amount."""
    form = SALES.replace('amount = "total"', 'amount = { column = "total", times = "pieces" }')
    rows = ["5,1,EUR", "5,1,JPY", "5,1,KWD", "5,2,EUR", "1,5,EUR", "5,1,EUR", "5,,EUR", "5,x,EUR"]
    text = "id,time,customer,total,pieces,currency\n" + "\n".join(
        f"{n},2024-05-06T10:00:00Z,C1,{row}" for n, row in enumerate(rows)
    )
    events, left = imported(tmp_path, form, text)
    assert [event["amount_minor"] for event in events] == [500, 5, 5000, 1000, 500, 500]
    assert [(line, code) for line, code, _ in left] == [(8, "missing_field"), (9, "bad_value")]


# --- files ------------------------------------------------------------------------------------------------------------

PLAIN = "id,time,customer,total,currency\n1,2024-05-06T10:00:00+02:00,C1,12.50,EUR\n"


@pytest.mark.parametrize(
    ("content", "csv"),
    [
        (PLAIN, ""),
        (PLAIN.encode("utf-8-sig"), ""),
        (gzip.compress(PLAIN.encode()), ""),
        (PLAIN.replace("\n", "\r\n"), ""),
        (
            PLAIN.replace("12.50", '"1.012,50"').replace("1.012", "12").replace(",", ";").replace("12;50", "12,50"),
            'decimal = ","',
        ),
        ("Report of May\n\n" + PLAIN, "header = 3"),
        (PLAIN.partition("\n")[2], 'header = ["id", "time", "customer", "total", "currency"]'),
        (PLAIN.replace(",", "\t"), ""),
        (PLAIN.replace("C1", '"C1"').replace("12.50", "€12.50"), ""),
        (PLAIN.replace("\n", ",\n", 1) + "\n\n", ""),
    ],
    ids=["plain", "mark", "gzip", "crlf", "spanish", "title", "names", "tabs", "quotes", "blank"],
)
def test_one_sale_in_every_dress_of_csv(tmp_path: Path, content: str | bytes, csv: str) -> None:
    form = SALES.replace("[fields]", f"[csv]\n{csv}\n[fields]")
    events, left = imported(tmp_path, form, content)
    assert left == []
    sale = only(events)
    assert (sale["amount_minor"], sale["customer_id"], sale["time"]) == (1250, "C1", "2024-05-06T08:00:00Z")


def test_a_file_of_another_encoding_says_so_and_goes_on(tmp_path: Path) -> None:
    """Without the encoding its rows are bad text; with it they are read."""
    text = PLAIN.replace("C1", "José").encode("cp1252") + b"2,2024-05-06T11:00:00Z,C2,1,EUR\n"
    events, left = imported(tmp_path, SALES, text)
    assert only(events)["id"] == "2"
    assert left == [
        (2, "bad_text", "customer_id: not UTF-8; name its encoding in the map, like encoding = 'cp1252' in [csv]")
    ]
    events, left = imported(tmp_path, SALES.replace("[fields]", '[csv]\nencoding = "cp1252"\n[fields]'), text)
    assert [event["customer_id"] for event in events] == ["José", "C2"]


def test_excel_parquet_and_json_give_what_csv_gives(tmp_path: Path) -> None:
    """Native times, numbers and empty cells; the line is that of the file."""
    rows = [
        (1, at(6, 8), "C1", 12.5, "EUR"),
        (2, at(6, 9), None, 0.1, "EUR"),
        (3, at(7, 0), "C1", "x", "EUR"),
    ]
    names = ["id", "time", "customer", "total", "currency"]
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(names)
    for row in rows:
        sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    columns = list(zip(*[(*row[:3], str(row[3]), row[4]) for row in rows], strict=True))
    parquet.write_table(pyarrow.table(dict(zip(names, map(list, columns), strict=True))), tmp_path / "a.parquet")
    lines = [json.dumps(dict(zip(names, row, strict=True)), default=str) for row in rows]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    found = [imported(tmp_path, SALES, tmp_path / name) for name in ("a.xlsx", "a.parquet", "a.jsonl")]
    assert [left for _, left in found] == [
        [(number, "bad_value", "amount: 'x' is not a number")] for number in (4, 3, 3)
    ]
    assert found[0][0] == found[1][0] == found[2][0]
    assert [(event["amount_minor"], event.get("customer_id"), event["time"]) for event in found[0][0]] == [
        (1250, "C1", "2024-05-06T08:00:00Z"),
        (10, None, "2024-05-06T09:00:00Z"),
    ]


def test_a_column_inside_an_object_is_named_with_a_dot(tmp_path: Path) -> None:
    line = '{"id": 7, "time": "2024-05-06T08:00:00Z", "customer": {"id": "C1"}, "total": 3, "currency": "JPY"}\n[1]\n'
    events, left = imported(tmp_path, SALES.replace('"customer"', '"customer.id"'), line)
    assert (only(events)["customer_id"], only(events)["amount_minor"]) == ("C1", 3)
    assert left == [(2, "not_object", "the line is not a JSON object")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (PLAIN.replace("customer", "Client"), "has no column 'customer'; known are id, time, Client, total, currency"),
        (PLAIN.replace("total", "totals"), "has no column 'total'; did you mean 'totals'?"),
        (PLAIN.replace("currency", "total"), "has 2 columns 'total': give each a name of its own"),
        ("", "line 1: is empty, where the columns are expected; set header in [csv]"),
        (b"PK\x03\x04 not a zip", "is not an Excel workbook that can be read"),
        (b"PAR1 nonsense", "is a damaged parquet file"),
    ],
)
def test_a_file_that_is_no_such_table_is_named(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(UsageError) as wrong:
        imported(tmp_path, SALES, content)
    assert said in str(wrong.value)


def test_bad_lines_of_csv_are_left_out_with_their_line(tmp_path: Path) -> None:
    """Too many cells, a time that is none, a quote that is never closed."""
    text = PLAIN + "2,2024-05-06T10:00:00Z,C1,1,EUR,more\n3,yesterday,C1,1,EUR\n" + '4,"' + "x" * 200_000 + "\n"
    events, left = imported(tmp_path, SALES, text)
    assert only(events)["id"] == "1"
    assert left[:2] == [
        (3, "bad_value", "6 cells, where 5 columns are named"),
        (4, "bad_time", "time: 'yesterday' is no time like 2024-05-06 07:08:09; name its format in the map"),
    ]
    assert left[2][:2] == (5, "bad_text")
    assert "a quote before it is not closed" in left[2][2]


# --- values -----------------------------------------------------------------------------------------------------------


def test_words_become_types_and_codes(tmp_path: Path) -> None:
    """The type of each row from a column, and what a code of the till means; an unknown word names the known ones."""
    form = """
type = { column = "Kind", S = "purchase.completed", R = "purchase.refunded" }
source = "till"
[fields]
id = ["Till", "No"]
time = { column = "When", format = "%Y%m%d" }
customer_id = "Card"
amount = "Sum"
currency = "Cur"
reason = { column = "Why", 1 = "faulty" }
"""
    rows = "Kind,Till,No,When,Card,Sum,Cur,Why\nS,A,1.0,20240506,7.0,3,KWD,\nR,A,2,20240507,7,3,EUR,1\nX,A,3,20240507,7,3,EUR,1\n"
    events, left = imported(tmp_path, form, rows)
    sale, refund = events
    assert (sale["id"], sale["customer_id"], sale["amount_minor"], "reason" in sale) == ("A-1", "7", 3000, False)
    assert (refund["type"], refund["reason"], refund["time"]) == ("purchase.refunded", "faulty", "2024-05-07T00:00:00Z")
    assert left == [(4, "unknown_type", "Kind is 'X'; the map knows S, R")]


def test_other_events_come_in_the_same_way(tmp_path: Path) -> None:
    """Complaints with yes and no, customers with a date and a list."""
    complaints = """
type = "complaint.opened"
source = "desk"
[fields]
id = "id"
time = "at"
customer_id = "who"
complaint_id = "case"
public = "public"
severity = { column = "level", High = "major" }
"""
    rows = "id,at,who,case,public,level\n1,2024-05-06 10:00,C1,K1,Yes,High\n2,2024-05-06 10:00,C1,K1,perhaps,High\n"
    events, left = imported(tmp_path, complaints, rows)
    assert (only(events)["public"], only(events)["severity"]) == (True, "major")
    assert left[0][1:] == (
        "bad_value",
        "public: 'perhaps' is neither true nor false; write true, yes, 1 or false, no, 0",
    )
    people = """
type = "customer.described"
source = "crm"
[fields]
id = "id"
time = { value = "2024-05-06T00:00:00Z" }
customer_id = "id"
name = "name"
customer_since = { column = "since", format = "%d.%m.%Y" }
aliases = "also"
"""
    events, left = imported(tmp_path, people, "id,name,since,also\n7,Ana,03.02.2020,A1; A2\n")
    assert left == []
    assert (only(events)["customer_since"], only(events)["aliases"]) == (date(2020, 2, 3).isoformat(), ["A1", "A2"])


def test_several_files_come_out_in_the_order_of_time(tmp_path: Path) -> None:
    """If that is asked for; else one file after the other."""
    days = [PLAIN.replace("1,2024-05-06", f"{day},2024-05-{day:02}") for day in (9, 7, 8)]
    assert [event["id"] for event in imported(tmp_path, SALES, *days)[0]] == ["9", "7", "8"]
    assert [event["id"] for event in imported(tmp_path, SALES, *days, by_time=True, memory=1)[0]] == ["7", "8", "9"]


@pytest.mark.parametrize("amount", ["9" * 5000, "1e5000", "-1e-5000", "0." + "0" * 5000 + "1"])
def test_a_number_without_end_is_left_out(tmp_path: Path, amount: str) -> None:
    """Python makes no text of an integer of 4,300 digits, so such a cell would end the import."""
    events, left = imported(tmp_path, SALES, f"id,time,customer,total,currency\n1,2024-05-06T10:00:00Z,C1,{amount},EUR")
    assert events == []
    assert [(line, code) for line, code, _ in left] == [(2, "bad_value")]


def test_a_product_of_joined_columns_is_no_number(tmp_path: Path) -> None:
    """Two columns joined and multiplied by a third: the row is left out, as of any cell that is no number."""
    form = SALES.replace('amount = "total"', 'amount = { column = ["total", "more"], times = "pieces" }')
    rows = "id,time,customer,total,more,pieces,currency\n1,2024-05-06T10:00:00Z,C1,5,6,2,EUR"
    events, left = imported(tmp_path, form, rows)
    assert events == []
    assert [(line, code) for line, code, _ in left] == [(2, "bad_value")]

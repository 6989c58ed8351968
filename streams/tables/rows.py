"""Reads the rows of a table, whatever its file is: CSV, JSONL, parquet, Excel or POSLog, plain or packed with gzip.

Only the columns that are asked for are taken, in their order. What a row is called in an error is its line in the file, or its number
where a file has no lines. A file that has not got a column is refused before its first row.
"""

import csv
import io
import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from operator import itemgetter
from typing import IO, Any

from scorers.contract.wire import Rejection
from scorers.policy.toml_errors import did_you_mean
from streams.tables.map_file import Csv
from streams.tables.poslog import COLUMNS, read_poslog
from vigia.runtime.files.event_lines import BOM, Progress, open_unpacked
from vigia.runtime.usage_error import UsageError

ZIP, PARQUET = b"PK\x03\x04", b"PAR1"
DELIMITERS = ",;|\t"
EXTRA = "pip install 'vigia-lookout[tables]'"
_SORTS = {b"{": "jsonl", b"<": "xml"}  # by the first byte of a text
_EVERY = 1000  # rows between two reports of progress


Row = tuple[int, Sequence[Any] | Rejection]
"""The number of a row, and its cells in the order of the columns asked for, or why it is none. Cells of CSV are a tuple of texts."""


def columns_of(source: str, form: Csv) -> list[str]:
    """The names of the columns of a file; of JSONL those of its first lines."""
    with ExitStack() as stack:
        file, _ = _open(source, stack)
        match _sort_of(file):
            case "excel":
                return [str(one) for one in _excel_rows(file, source, stack, form)[0]]
            case "parquet":
                return list(_parquet(file, source).schema_arrow.names)
            case "xml":
                return list(COLUMNS)
            case "jsonl":
                found: dict[str, None] = {}
                for line in itertools.islice(file, _EVERY):
                    if isinstance(row := _object(line), dict):
                        found |= dict.fromkeys(row)
                return list(found)
            case _:
                return _csv_rows(file, source, stack, form)[0]


def read_rows(source: str, columns: Sequence[str], form: Csv, progress: Progress | None = None) -> Iterator[Row]:
    """The rows of a file. `-` is standard input, for CSV and JSONL. Raises `UsageError` and OSError."""
    rows: Iterator[Row]
    with ExitStack() as stack:
        file, shown = _open(source, stack)
        match _sort_of(file):
            case "excel":
                names, excel = _excel_rows(file, source, stack, form)
                places = _places(columns, names, source)
                first = form.header + 1 if isinstance(form.header, int) else 1
                rows = (
                    (first + n, [row[at] if at < len(row) else None for at in places]) for n, row in enumerate(excel)
                )
            case "parquet":
                rows = _parquet_rows(_parquet(file, source), columns, source)
            case "xml":
                _places(columns, COLUMNS, source)
                rows = read_poslog(file, source, columns)
            case "jsonl":
                rows = _json_rows(file, columns)
            case _:
                names, reader, first = _csv_rows(file, source, stack, form)
                rows = _cells(reader, first, _places(columns, names, source), len(names))
        yield from rows if progress is None or shown is None else _reporting(rows, shown, progress)


# --- files ---------------------------------------------------------------------------------------------------------


def _open(source: str, stack: ExitStack) -> tuple[IO[bytes], IO[bytes] | None]:
    """The unpacked bytes of a file without a byte order mark, and the file whose position shows the progress."""
    unpacked, file = open_unpacked(source, stack)
    if unpacked.peek(3)[:3] == BOM:  # type: ignore[attr-defined]
        unpacked.read(3)
    return unpacked, file


def _sort_of(file: Any) -> str:
    head = file.peek(512)
    if head.startswith(ZIP):
        return "excel"
    if head.startswith(PARQUET):
        return "parquet"
    return _SORTS.get(head.lstrip()[:1], "csv")


def _reporting(rows: Iterator[Row], file: IO[bytes], progress: Progress) -> Iterator[Row]:
    """The rows; how far their file was read is told now and then."""
    told = 0
    while some := list(itertools.islice(rows, _EVERY)):
        if not file.closed:
            at = file.tell()
            progress(at - told)
            told = at
        yield from some


def _places(columns: Sequence[str], names: Sequence[str], source: str) -> list[int]:
    """Where the columns are. Raises `UsageError` for one that is not there, or is there twice."""
    places = []
    for column in columns:
        count = names.count(column)
        if count == 0:
            raise UsageError(f"{source} has no column {column!r}; {did_you_mean(column, names)}")
        if count > 1:
            raise UsageError(f"{source} has {count} columns {column!r}: give each a name of its own")
        places.append(names.index(column))
    return places


# --- CSV -----------------------------------------------------------------------------------------------------------


def _csv_rows(file: IO[bytes], source: str, stack: ExitStack, form: Csv) -> tuple[list[str], Any, int]:
    """The names of the columns, the reader of the rows after them, and the line at which it began."""
    lines = stack.enter_context(io.TextIOWrapper(file, encoding=form.encoding, errors="surrogateescape", newline=""))
    header = form.header if isinstance(form.header, int) else 0
    skipped = [lines.readline() for _ in range(header - 1)]
    first = lines.readline()
    if not first.strip():
        raise UsageError(f"{source}, line {header or 1}: is empty, where the columns are expected; set header in [csv]")
    delimiter = form.delimiter or max(DELIMITERS, key=first.count)
    reader = csv.reader(itertools.chain([first], lines), delimiter=delimiter)
    begins = len(skipped) + 1
    if isinstance(form.header, tuple):
        return list(form.header), reader, begins
    if header == 0:
        names = [str(n) for n in range(1, len(next(csv.reader([first], delimiter=delimiter))) + 1)]
        return names, reader, begins
    return [name.strip() for name in next(reader)], reader, begins


def _cells(reader: Any, first: int, places: Sequence[int], width: int) -> Iterator[Row]:
    """The rows that a reader of CSV gives; `first` is the line at which it began."""
    least = max(places, default=0) + 1
    pick: Any = itemgetter(*places) if len(places) > 1 else lambda row: tuple([row[at] for at in places])
    line = first + reader.line_num
    while True:
        try:
            for row in reader:
                if len(row) == width:
                    yield line, pick(row)
                elif len(row) > width and any(row[width:]):
                    yield line, Rejection("bad_value", f"{len(row)} cells, where {width} columns are named")
                elif row:
                    yield line, pick(row if len(row) >= least else row + [""] * (least - len(row)))
                line = first + reader.line_num
            return
        except csv.Error as fault:
            hint = "; a quote before it is not closed" if "limit" in str(fault) else ""
            yield line, Rejection("bad_text", f"the line is not CSV: {fault}{hint}")
            line = first + reader.line_num


# --- the others ----------------------------------------------------------------------------------------------------


def _object(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _json_rows(file: IO[bytes], columns: Sequence[str]) -> Iterator[Row]:
    """Objects, one a line; a column `customer.id` is the `id` of the object in `customer`."""
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        row = _object(line)
        if not isinstance(row, dict):
            yield (number, Rejection("not_object", "the line is not a JSON object"))
        else:
            yield (number, [row[name] if name in row else _inside(row, name) for name in columns])


def _inside(row: Any, name: str) -> Any:
    for step in name.split("."):
        row = row.get(step) if isinstance(row, dict) else None
    return row


def _parquet(file: IO[bytes], source: str) -> Any:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise UsageError(
            f"{source} is a parquet file, and pyarrow, which reads it, is not installed: {EXTRA}"
        ) from None
    try:
        return ParquetFile(file)
    except ArrowException as fault:
        raise UsageError(f"{source} is a damaged parquet file: {fault}") from None


def _parquet_rows(table: Any, columns: Sequence[str], source: str) -> Iterator[Row]:
    _places(columns, table.schema_arrow.names, source)
    number = 0
    for batch in table.iter_batches(columns=list(columns)):
        for row in batch.to_pylist():
            number += 1
            yield (number, [row[name] for name in columns])


def _excel_rows(file: IO[bytes], source: str, stack: ExitStack, form: Csv) -> tuple[list[str], Iterator[Sequence[Any]]]:
    """The names of the columns of the first sheet, and the rows after them."""
    try:
        from openpyxl import load_workbook
    except ImportError:
        raise UsageError(
            f"{source} is an Excel file, and openpyxl, which reads it, is not installed: {EXTRA}"
        ) from None
    try:
        book = load_workbook(io.BytesIO(file.read()) if not file.seekable() else file, read_only=True, data_only=True)
    except Exception as fault:  # it raises whatever the zip or the XML raised
        raise UsageError(f"{source} is not an Excel workbook that can be read: {type(fault).__name__}") from None
    stack.callback(book.close)
    rows = book.worksheets[0].iter_rows(values_only=True)
    if isinstance(form.header, tuple):
        return list(form.header), rows
    header = next(itertools.islice(rows, max(0, form.header - 1), None), None)
    if header is None:
        raise UsageError(f"{source}: the first sheet has no line {form.header}, where the columns are expected")
    if form.header == 0:
        return [str(n) for n in range(1, len(header) + 1)], itertools.chain([header], rows)
    return ["" if name is None else str(name).strip() for name in header], rows

"""Imports a till's table of line items, and a table with a sale in each row: `python -m tests.bench.line_items [ROWS]` prints rows a second.

The measure is Python's csv module that reads the same file on this machine, before and after.
"""

import csv
import resource
import sys
import time
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from scorers.contract.events import SECOND
from scorers.contract.rfc3339 import rfc3339
from streams.tables.importing import Import
from streams.tables.map_file import read_map
from tests.support import line_items
from tests.support.desk import MAY

SALES = """type = "purchase.completed"
source = "till"
csv = { delimiter = ";", encoding = "cp1252" }
[fields]
id = "Id"
time = "Time"
customer_id = "Customer"
amount = "Total"
currency = "Currency"
store_id = "Store"
"""


def main() -> int:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 500_000
    with TemporaryDirectory() as folder:
        table = Path(folder) / "till.csv"
        expected = line_items.write(table, rows)
        measure("line items", table, line_items.MAP, (expected.types.total(), expected.rejected))
        write_sales(table, rows)
        measure("a sale in each row", table, SALES, (rows, 0))
    return 0


def write_sales(path: Path, rows: int) -> None:
    """A table with a sale in each row, of which three are in a minute."""
    random = Random(1)
    with path.open("w", encoding="cp1252") as file:
        file.write("Id;Time;Customer;Total;Currency;Store\n")
        for n in range(rows):
            at, customer, store = rfc3339(MAY + n * 20 * SECOND), random.randrange(20_000), random.randrange(20)
            file.write(f"S{n};{at};C{customer};{random.randrange(100, 20_000) / 100:.2f};EUR;store-{store}\n")


def measure(what: str, table: Path, form: str, expected: tuple[int, int]) -> None:
    """Print how fast a table is imported; it has to give so many events, and rows left out."""

    def csv_alone() -> float:
        begun = time.process_time()
        with table.open(encoding="cp1252", newline="") as file:
            count = sum(1 for _ in csv.reader(file, delimiter=";"))
        return count / (time.process_time() - begun)

    plain, left = csv_alone(), 0

    def reject(_: object) -> None:
        nonlocal left
        left += 1

    work = Import([str(table)], read_map(form, "map.toml"), reject)
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with TemporaryDirectory() as folder, (Path(folder) / "events.jsonl").open("wb") as out:
        out.writelines(work.raw_lines(Path(folder), by_time="group" in form))
    spent = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    events = work.types.total()
    assert (events, left) == expected
    sys.stdout.write(
        f"{what}: {work.rows:,} rows, {table.stat().st_size / 1e6:.0f} MB -> {events:,} events, {left:,} rows left out\n"
        f"{work.rows / spent:,.0f} rows a second of processor time; csv alone {plain:,.0f} and {csv_alone():,.0f}\n"
        f"memory {before / 1024:.0f} -> {peak / 1024:.0f} MB at most\n"
    )


if __name__ == "__main__":
    sys.exit(main())

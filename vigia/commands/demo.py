"""`vigia demo`: a year of real households in fast motion."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from typer import Option

from streams.demo import NotInstalled, write_year
from streams.replay import Summary, replay
from vigia import typed
from vigia.book import read_customers
from vigia.lookout import Lookout, day, kinds, ranking, worth_saving
from vigia.roster import write_roster
from vigia.typed import Unusable

HORIZON = "28d"
WIDTH = 80  # where no terminal says how wide it is
FILES = (
    ("roster.xlsx", "every customer in alphabetical order: stage, tier, type, risk"),
    ("alarms.jsonl", "every alarm, as other programs get it"),
    ("events.jsonl", "the year itself, real and invented"),
)
NEXT = (
    ("vigia customer show {first} {out}", "the story of one customer"),
    ("vigia roster {out} --out all.csv", "the roster for other programs"),
    ("vigia policy show", "every threshold, to copy and change"),
)


def demo(
    customers: Annotated[
        int | None, Option(metavar="N", min=1, help="Only the first N households; without it all 2,469.")
    ] = None,
    seed: Annotated[int, Option(metavar="S", help="Another seed invents another service desk.")] = 1,
    out: Annotated[Path, Option(metavar="DIR", help="The folder to write into.")] = Path("out/demo"),
) -> None:
    """Watch a year of real household baskets: alarms as they come, and at the end whom to save.

    The baskets, campaigns and coupons are real (Complete Journey, 2017); names, requests, complaints and surveys are
    invented and labelled so. Needs no broker and no network.
    """
    console, began = _console(), time.monotonic()
    events = out / "events.jsonl"
    with console.status("Reading a year of baskets ..."):
        try:
            count = write_year(events, customers, seed)
        except NotInstalled as error:
            raise Unusable(f"the demo's data is not installed ({error}): pip install 'vigia[demo]'") from None
    lookout = Lookout(console)
    _greet(console, count)
    policy = typed.policy(None, HORIZON)
    with _bar(console, events.stat().st_size, lookout) as told:
        summary = replay([str(events)], out, policy, progress=told, watch=lookout.watch)
    _report(console, lookout, summary, out, time.monotonic() - began)


def _console() -> Console:
    plain = "NO_COLOR" in os.environ
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDTH
    return Console(color_system=None if plain else "auto", width=width, highlight=False, emoji=False, markup=False)


def _greet(console: Console, count: int) -> None:
    console.print(Text(f"Vigía: a year of a grocer's customers in fast motion, {count:,} events", "bold"))
    console.print("Baskets, mailings, coupons are real; names, requests, complaints are invented.")
    console.print("Shown is one alarm in three days, each kind in its turn; all are written down.\n")


@contextmanager
def _bar(console: Console, size: int, lookout: Lookout) -> Iterator[Callable[[int], None] | None]:
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(None), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, refresh_per_second=5) as bar:
        task = bar.add_task("", total=size)

        def told(more: int) -> None:
            text = f"{day(lookout.clock)}  {lookout.book.raised:,} alarms" if lookout.clock else "looking"
            bar.update(task, advance=more, description=text)

        yield told


def _report(console: Console, lookout: Lookout, summary: Summary, out: Path, seconds: float) -> None:
    rows = list(read_customers(out))
    write_roster(rows, out / "roster.xlsx")
    found = worth_saving(lookout.book, rows)
    changes = sum(lookout.book.changes.values())
    console.print(Text("\nThe alarms of the year, and what became of them", "bold"))
    console.print(kinds(lookout.book))
    console.print(f"Beside them {changes:,} changes of stage, tier or type that alarm nobody.")
    console.print(Text(f"\nThe {len(found)} customers most worth saving on the last day", "bold"))
    console.print("By the risk that nothing is bought for 28 days, times what the loss would cost.\n")
    console.print(ranking(found))
    first = found[0][0].customer_id if found else "ID"
    console.print(f"\n{summary.events:,} events of {summary.customers:,} customers in {seconds:.0f} s. Now in {out}:")
    console.print(_table(FILES))
    console.print("Try next:")
    console.print(_table((command.format(out=out, first=first), what) for command, what in NEXT))


def _table(rows: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    for row in rows:
        table.add_row("", *row)
    return table

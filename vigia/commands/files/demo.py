"""`vigia demo`: stream a year of real household baskets through all of Vigía."""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, NoReturn

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from typer import Option

from scorers.contract.events import DAY, ComplaintOpened, Instant, Micros
from scorers.contract.rfc3339 import rfc3339
from scorers.contract.wire import encode_event
from scorers.contract.worklist import Worklists
from streams.worker.table_reader import customers as standing
from vigia.commands.shared import arguments
from vigia.lab.demo import NotInstalled, write_year
from vigia.lab.demo.feed import Feed, Stalled
from vigia.lab.demo_stack import HOST, DemoStack, Overdue
from vigia.lab.demo_tail import DemoTail
from vigia.lab.demo_view import DemoView, day, kinds, worklist
from vigia.lab.embedded_kafka import PARTITIONS, EmbeddedKafka, EmbeddedUnavailable
from vigia.readmodel.alarm_summary import CustomerRow, read_customers
from vigia.readmodel.amounts import counted
from vigia.readmodel.roster import write_roster
from vigia.runtime.distribution import install
from vigia.runtime.supervisor import PartEnded
from vigia.runtime.usage_error import UsageError

POLICY = """\
[risk]
horizon = "28d"

[time]
notify_within = "60d"  # a year passes in a minute, so alarms are read weeks of event time later
"""
SAMPLE = 600  # households; their year takes a minute or two on two cores
ALL, YEAR = 2469, 366
WIDTH = 80  # columns if the output is no terminal
SHOWN, DATES = 10, 6  # entries of the last worklist, and the dates before it
LISTED_WITHIN = 20.0  # seconds after the last event
FAILED = 1  # exit status: a part of Vigía ended or stalled
FILES = (
    ("roster.xlsx", "every customer in alphabetical order: stage, tier, risk"),
    ("alarms.jsonl", "every alarm, as on the topic"),
    ("worklist.jsonl", "whom to reach on each date, and who has no funds"),
    ("events.jsonl", "all events, real and invented"),
    ("control.jsonl", "the figures and models in force, by day"),
    ("notifications.log", "what the notifier sent"),
)
NEXT = (
    ("vigia console --run {out}", "the year as pages: http://127.0.0.1:8090/"),
    ("vigia customer show {first} {out}", "one customer and the alarms"),
    ("vigia worklist {out}", "whom to reach, why, and what it costs"),
    ("vigia roster {out} --out all.csv", "the roster as CSV"),
    ("vigia replay {out}/events.jsonl --control {out}/control.jsonl --out again", "the same alarms, without Kafka"),
    ("vigia policy show", "every threshold, to copy and change"),
)


def demo(
    customers: Annotated[
        int, Option(metavar="N", min=0, max=ALL, help=f"Use the first N households; 0 uses all {ALL:,}.")
    ] = SAMPLE,
    days: Annotated[int, Option(metavar="D", min=1, max=YEAR, help="Use only the first D days of the year.")] = YEAR,
    speed: Annotated[
        float, Option(metavar="DAYS", min=0, help="Most days of event time in a second; 0 is no limit.")
    ] = 0.0,
    stay: Annotated[
        bool, Option("--stay", help="Keep running after the year, to publish, tail and scrape, until Ctrl-C.")
    ] = False,
    seed: Annotated[int, Option(metavar="S", help="The seed of the invented requests and complaints.")] = 1,
    out: Annotated[Path, Option(metavar="DIR", help="The folder to write to.")] = Path("out/demo"),
    port: Annotated[int, Option(min=0, max=65535, help="The port of the gateway; 0 picks a free one.")] = 0,
    metrics_port: Annotated[
        int, Option(metavar="PORT", min=0, max=65535, help="The port of metrics and health; 0 picks a free one.")
    ] = 0,
    console_port: Annotated[
        int, Option(metavar="PORT", min=0, max=65535, help="The port of the console; another one if it is in use.")
    ] = 8090,
) -> None:
    """Stream a year of real household baskets, print alarms as they arrive, and show whom to reach.

    Starts an embedded Kafka with worker, trainer, clock, notifier, gateway and console, and sends the year to it. The baskets,
    campaigns and coupons are real (Complete Journey, 2017); names, requests, complaints, surveys, staff and
    what the owner thinks are invented and have the source `simulated`. Needs no other broker and no network.
    """
    console = _console()
    out.mkdir(parents=True, exist_ok=True)
    _log_into(out)
    (out / "policy.toml").write_text(POLICY, encoding="utf-8")
    run = _Demo(console, out, speed, stay)
    try:
        with EmbeddedKafka() as kafka, TemporaryDirectory(prefix="vigia-demo-", ignore_cleanup_errors=True) as state:
            with console.status("Reading a year of baskets ..."):
                run.count = write_year(out / "events.jsonl", customers or None, seed, days)
            stack = DemoStack(
                kafka.address, out, Path(state), arguments.policy(out / "policy.toml"), port, metrics_port, console_port
            )
            asyncio.run(run.run(stack, customers))
    except NotInstalled as error:
        raise UsageError(f"the demo's data is not installed ({error}): {install('demo')}") from None
    except EmbeddedUnavailable as error:
        raise UsageError(str(error)) from None
    except PartEnded as ended:
        if isinstance(ended.__cause__, UsageError):
            raise UsageError(str(ended.__cause__)) from None
        _fail(f"{ended}; see {out}/demo.log")
    except (Overdue, Stalled) as fault:
        _fail(f"{fault}; see {out}/demo.log and {out}/worker.log")
    except asyncio.CancelledError:  # SIGTERM
        raise typer.Exit(128 + signal.SIGTERM) from None


class _Demo:
    """One run of the demo: streams the year, prints it, and keeps running if asked to."""

    def __init__(self, console: Console, out: Path, speed: float, stay: bool) -> None:
        self.console, self.out, self.speed, self.stay = console, out, speed, stay
        self.count, self.best, self.last = 0, "", 0

    async def run(self, stack: DemoStack, customers: int) -> None:
        """Start all parts, stream the year, report, and keep running with `--stay`."""
        loop, main = asyncio.get_running_loop(), asyncio.current_task()
        assert main is not None
        loop.add_signal_handler(signal.SIGTERM, main.cancel)
        _greet(self.console, self.count, customers)
        async with stack.running() as running:
            await self._say_where(stack, running)
            streaming = asyncio.create_task(self._stream(stack))
            try:
                await asyncio.wait([running, streaming], return_when=asyncio.FIRST_COMPLETED)
                if running.done():
                    running.result()
                streaming.result()
                if self.stay:
                    await self._stay(stack, running)
            finally:
                streaming.cancel()
                await asyncio.gather(streaming, return_exceptions=True)

    async def _say_where(self, stack: DemoStack, running: "asyncio.Task[None]") -> None:
        """Print the address of the console as soon as it serves."""
        shown = asyncio.create_task(stack.is_shown.wait())
        await asyncio.wait([running, shown], return_when=asyncio.FIRST_COMPLETED)
        shown.cancel()
        if stack.is_shown.is_set():
            self.console.print(
                Text(f"The console fills as the year passes: http://{HOST}:{stack.console_port}/\n", "bold")
            )

    async def _stream(self, stack: DemoStack) -> None:
        view, began, events = DemoView(self.console), time.monotonic(), self.out / "events.jsonl"
        policy = stack.policy
        async with DemoTail(stack.broker, stack.settings.partitions, policy, self.out, view.take) as tail:
            feed = Feed(stack.broker, policy, lambda: stack.reached(tail), self.speed)
            with _bar(self.console, events.stat().st_size, view) as advance, events.open("rb") as lines:
                await feed.run(lines, advance)
                await stack.all_done(feed.newest)
                await tail.listed(rfc3339(Instant(feed.newest - DAY))[:10], LISTED_WITHIN)
                await tail.up_to_now()
        rows = await asyncio.to_thread(lambda: list(standing(stack.state, policy, feed.newest)))
        self.last = feed.newest
        with (self.out / "customers.jsonl").open("wb") as file:
            file.writelines(msgspec.json.encode(row) + b"\n" for row in rows)
        seconds = time.monotonic() - began
        done = f"{feed.sent:,} events of {len(rows):,}"
        self.best = _report(self.console, view, tail.lists, done, self.out, seconds, stack)

    async def _stay(self, stack: DemoStack, running: "asyncio.Task[None]") -> None:
        """Print what can be tried, and run until Ctrl-C."""
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for sign in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(sign, stop.set)
        _invite(self.console, stack, self.out, self.best, self.last)
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([running, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if running.done():
            running.result()
        self.console.print("Stopping ...")


def _console() -> Console:
    plain = "NO_COLOR" in os.environ
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDTH
    return Console(color_system=None if plain else "auto", width=width, highlight=False, emoji=False, markup=False)


def _log_into(out: Path) -> None:
    """Write the log of all parts to one file and the notifications to another."""
    for name, file, form in (
        ("", "demo.log", "%(asctime)s %(levelname)s %(name)s %(message)s"),
        ("alerts.notification", "notifications.log", "%(message)s"),
    ):
        handler = logging.FileHandler(out / file, "w", encoding="utf-8")
        handler.setFormatter(logging.Formatter(form))
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO)
    logging.getLogger("aiokafka").setLevel(logging.ERROR)


def _greet(console: Console, count: int, customers: int) -> None:
    chosen = f"{customers:,} of {ALL:,} households" if customers else f"all {ALL:,} households"
    console.print(Text(f"Vigía: a year of a grocer's customers in a minute or two, {count:,} events", "bold"))
    console.print(f"The year of {chosen}" + (" (--customers 0 uses all)." if customers else "."))
    console.print("Baskets, mailings, coupons are real; names, complaints, staff are invented.")
    console.print("They pass through an embedded Kafka, the worker, the trainer and the notifier.")
    console.print("One alarm is shown every three days, of each kind in turn; all are in files.\n")


@contextmanager
def _bar(console: Console, size: int, view: DemoView) -> Iterator[Callable[[int], None]]:
    if not console.is_terminal:
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(None), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, refresh_per_second=5) as bar:
        task = bar.add_task("starting", total=size)

        def advance(more: int) -> None:
            text = f"{day(view.clock)}  {view.summary.raised:,} alarms" if view.clock else "no alarm yet"
            bar.update(task, advance=more, description=text)

        yield advance


def _report(
    console: Console, view: DemoView, lists: Worklists, done: str, out: Path, seconds: float, stack: DemoStack
) -> str:
    """Print the outcome of the year; return the customer most worth an effort."""
    rows = list(read_customers(out))
    write_roster(rows, out / "roster.xlsx")
    changes = sum(view.summary.changes.values())
    console.print(Text("\nThe alarms of the year and their outcomes", "bold"))
    console.print(kinds(view.summary))
    console.print(f"{changes:,} changes of stage, tier or type raised no alarm.")
    delivered, stopped = stack.notified()
    console.print(f"The notifier sent {delivered:,} notifications; its rules held back {stopped:,} changes.")
    first = _print_worklists(console, lists, rows) or rows[0].customer_id
    console.print(f"\n{done} customers in {seconds:.0f} s. Files in {out}:")
    console.print(_table(FILES))
    console.print("Try next:")
    _commands(console, ((command.format(out=out, first=first), what) for command, what in NEXT))
    return first


def _print_worklists(console: Console, lists: Worklists, rows: list[CustomerRow]) -> str:
    """Print the worklists of the last days; return the first customer of the last one, empty if there is none."""
    dates = lists.dates()
    if not dates:
        console.print(Text("\nNo worklist: an effort pays for nobody", "bold"))
        return ""
    entries = lists.of(dates[-1])
    funded = [entry for entry in entries if entry.funded]
    console.print(Text(f"\nThe worklist of {dates[-1]}: {counted(len(funded), 'customer')} to reach", "bold"))
    console.print("Whom an effort pays for most: risk x worth x the chance to keep them, less the")
    console.print("cost. Who was on a list does not come again for 14 days, unless something is new.\n")
    console.print(worklist(funded[:SHOWN], rows))
    if others := len(entries) - len(funded) + entries[0].not_listed:
        console.print(f"An effort would pay for {counted(others, 'more customer')}, for whom there are no funds:")
        console.print("the day has no room, or the tier has no budget.")
    console.print("\nThe days before: customers with funds, and without.")
    for date in dates[-DATES - 1 : -1]:
        listed = lists.of(date)
        reached = sum(entry.funded for entry in listed)
        console.print(f"  {date}  {reached:3}  {len(listed) - reached + listed[0].not_listed:4}")
    return (funded or entries)[0].customer_id


def _invite(console: Console, stack: DemoStack, out: Path, first: str, last: Micros) -> None:
    """Print commands to try while all parts run."""
    more = ComplaintOpened(
        id="demo-1", source="you", time=Instant(last), customer_id=first, complaint_id="D1", severity="critical"
    )
    (out / "next.jsonl").write_bytes(encode_event(more) + b"\n")
    gateway = f"http://{HOST}:{stack.gateway_port}/v1/events"
    console.print(Text("\nRunning until Ctrl-C. In another terminal:", "bold"))
    tries = (
        (f"export VIGIA_KAFKA={stack.broker.address} VIGIA_PARTITIONS={PARTITIONS}", "the address of this Kafka"),
        ("vigia alarms tail", "alarms as they arrive"),
        (f"vigia publish {out}/next.jsonl", "a critical complaint of the first customer in the list"),
        (
            f"curl -H Content-Type:application/json -d @{out}/next.jsonl {gateway}",
            "the same by HTTP; a duplicate counts once",
        ),
        (f"http://{HOST}:{stack.console_port}/", "the console, in a browser: answer an alarm there"),
        (f"curl {stack.worker_metrics()}", "metrics of the worker, for Prometheus"),
        (f"curl http://{HOST}:{stack.metrics_port}/metrics", "metrics of notifier and gateway"),
    )
    _commands(console, tries)


def _commands(console: Console, commands: Iterable[tuple[str, str]]) -> None:
    """Print each command on one line, so that it can be copied."""
    for command, what in commands:
        console.print(Text(f"  # {what}", "dim"))
        console.print(f"  {command}", soft_wrap=True)


def _table(rows: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    for row in rows:
        table.add_row("", *row)
    return table


def _fail(message: str) -> NoReturn:
    print(f"vigia: {message}", file=sys.stderr)  # noqa: T201
    raise typer.Exit(FAILED) from None

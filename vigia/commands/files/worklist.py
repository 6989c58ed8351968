"""`vigia worklist`: the customers who are most worth an effort on a date, as people read them (J7)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from typer import Argument, Option

from alerts.wording.formats import money, percent
from alerts.wording.playbooks import TREATMENTS
from scorers.contract.inert import inert
from scorers.contract.worklist import WorklistEntry, Worklists, decode_entry
from vigia.commands.shared import live
from vigia.commands.shared.kafka import Prefix, broker, run_once
from vigia.commands.shared.options import Live
from vigia.readmodel.alarm_summary import read_customers
from vigia.readmodel.amounts import counted, without_cents
from vigia.runtime.broker import Broker
from vigia.runtime.topic_reader import read
from vigia.runtime.usage_error import UsageError


def worklist(
    folder: Annotated[
        Path | None, Argument(metavar="[DIR]", help="The folder of a 'vigia replay'; this one if left out.")
    ] = None,
    date: Annotated[
        str | None, Option(metavar="DATE", help="The date of the business, like 2024-05-06; the last one if left out.")
    ] = None,
    kafka: Live = None,
    prefix: Prefix = "",
) -> None:
    """Show whom to reach on a date: who, why, what to do, what it costs and what it is worth.

    Those without funds come after those who have some; who belongs to a tier without a budget is let go. Reads worklist.jsonl
    of a replay, or with --kafka the newest edition of the running system.
    """
    if kafka is None:
        entries = read_worklist(folder or Path("."), date)
        rows = list(read_customers(folder or Path(".")))
    elif folder is not None:
        raise UsageError(f"--kafka asks the running system: leave {str(folder)!r} out, or --kafka")
    else:
        where = broker(kafka, prefix, "worklist")
        entries = live_worklist(where, date)
        rows = live.rows(where)
    for line in lines(entries, {row.customer_id: row.name or "" for row in rows}):
        typer.echo(line)


def read_worklist(folder: Path, date: str | None) -> list[WorklistEntry]:
    """The list of a date, by default of the last one; UsageError if there is none."""
    path = folder / "worklist.jsonl"
    if not path.is_file():
        raise UsageError(f"{folder}: no worklist.jsonl; give the folder of a replay (vigia replay EVENTS --out DIR)")
    found: list[WorklistEntry] = []
    first = last = ""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                entry = decode_entry(line)
            except msgspec.DecodeError as error:
                raise UsageError(f"{path}, line {number}: not an entry of a worklist ({error})") from None
            first, last = first or entry.date, entry.date
            if entry.date == (date or last):
                if found and found[0].date != entry.date:
                    found.clear()
                found.append(entry)
    if found:
        return found
    if not last:
        raise UsageError(f"{path}: no date has a worklist; an effort paid for nobody")
    raise UsageError(f"{path}: {date} has no worklist; there are some from {first} to {last}")


def live_worklist(where: Broker, date: str | None) -> list[WorklistEntry]:
    """The newest edition of the list of a date on Kafka, by default of the last one; UsageError if there is none."""
    lists = Worklists()
    run_once(read(where, "worklist", lambda one: lists.take(one.key, one.value, one.headers)), where.address)
    dates = lists.dates()
    if not dates:
        raise UsageError(
            "no date has a worklist yet: the first one is published when a date of the business (time.zone) has ended and an "
            "effort pays for somebody"
        )
    if found := lists.of(date or dates[-1]):
        return found
    raise UsageError(f"{date} has no worklist; there are some from {dates[0]} to {dates[-1]}")


def lines(entries: list[WorklistEntry], names: dict[str, str] | None = None) -> Iterator[str]:
    """Yield the lines of a list, which has at least one entry."""
    funded = [entry for entry in entries if entry.funded]
    let_go = [entry for entry in entries if not entry.funded and entry.treatment == "do_not_spend"]
    others = [entry for entry in entries if not entry.funded and entry.treatment != "do_not_spend"]
    yield f"Worklist of {entries[0].date}: {counted(len(funded), 'customer')} to reach"
    if not entries[0].final:
        yield "(late facts may still change it)"
    for entry in funded:
        yield from _lines_of(entry, names or {})
    if others:
        yield ""
        yield f"Not funded: {counted(len(others), 'more customer')}, beyond the capacity of the day or the budget of the tier"
        for entry in others:
            yield from _lines_of(entry, names or {}, short=True)
    if let_go:
        yield ""
        yield f"Let go: {counted(len(let_go), 'customer')} of a tier that has no budget"
        for entry in let_go:
            yield from _lines_of(entry, names or {}, short=True)


def _lines_of(entry: WorklistEntry, names: dict[str, str], short: bool = False) -> Iterator[str]:
    name = names.get(entry.customer_id)
    who = f"{inert(name)} ({inert(entry.customer_id)})" if name else inert(entry.customer_id)
    why = " ".join(inert(reason.text) for reason in entry.reasons)
    stake = f"worth {without_cents(entry.worth_minor, entry.currency)}, "
    stake += f"expected loss {without_cents(entry.expected_loss_minor, entry.currency)} ({percent(entry.risk)})"
    yield f"{entry.rank:4}  {who}, {entry.tier}, {entry.stage.replace('_', ' ')}: {stake}"
    if short:
        return
    yield f"      why   {why}" + (f" {counted(len(entry.alarms), 'open alarm')}." if entry.alarms else "")
    yield f"      do    {TREATMENTS[entry.treatment]}"
    yield f"      costs {money(entry.cost_minor, entry.currency)}; keeps {percent(entry.save_chance)} of those who would leave"

"""`vigia simulate`: invent a business from a seed, with the truth about its customers."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from vigia.lab.simulate import START
from vigia.lab.simulate import simulate as invent
from vigia.readmodel.amounts import counted
from vigia.runtime import progress
from vigia.runtime.usage_error import UsageError


def simulate(
    customers: Annotated[int, Option(metavar="N", min=1, help="The number of customers.")],
    days: Annotated[int, Option(metavar="D", min=1, help="The number of days, from 2024-01-01 without --until.")],
    out: Annotated[Path, Option(metavar="DIR", help="The folder to write to; it is created if missing.")],
    seed: Annotated[int, Option(metavar="S", help="The same seed gives the same bytes.")] = 1,
    dirt: Annotated[
        float, Option(metavar="SHARE", min=0, max=1, help="Share of lines sent twice, late or damaged.")
    ] = 0,
    until: Annotated[
        str, Option(metavar="DATE", help="The days end before this date (UTC), written 2026-11-30, or `today`.")
    ] = "",
) -> None:
    """Invent a business: events for replay, and the truth about who left, when and why.

    Writes events.jsonl and truth.jsonl to DIR. Vigía never reads the truth; it serves to measure Vigía.
    """
    with progress.of_steps("Inventing customers", customers) as advance:
        summary = invent(customers, days, seed, out, start=_start(until, days), dirt=dirt, progress=advance)
    typer.echo(
        f"{counted(summary.events, 'event')} of {counted(summary.customers, 'customer')}, of whom {summary.left:,} left -> {out}"
    )


def _start(until: str, days: int) -> int:
    """When the first of the days begins, in microseconds since 1970.

    >>> _start("2024-01-03", 2) == START
    True
    """
    if not until:
        return START
    try:
        end = datetime.now(UTC).date() if until == "today" else date.fromisoformat(until)
    except ValueError:
        raise UsageError(f"--until {until}: no date; write one like 2026-11-30, or today") from None
    return int(datetime.combine(end - timedelta(days=days), time(tzinfo=UTC)).timestamp()) * 1_000_000

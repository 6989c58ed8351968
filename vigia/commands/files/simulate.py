"""`vigia simulate`: invent a business from a seed, with the truth about its customers."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from vigia.lab.simulate import simulate as invent
from vigia.readmodel.amounts import counted
from vigia.runtime import progress


def simulate(
    customers: Annotated[int, Option(metavar="N", min=1, help="The number of customers.")],
    days: Annotated[int, Option(metavar="D", min=1, help="The number of days from 2024-01-01.")],
    out: Annotated[Path, Option(metavar="DIR", help="The folder to write to; it is created if missing.")],
    seed: Annotated[int, Option(metavar="S", help="The same seed gives the same bytes.")] = 1,
    dirt: Annotated[
        float, Option(metavar="SHARE", min=0, max=1, help="Share of lines sent twice, late or damaged.")
    ] = 0,
) -> None:
    """Invent a business: events for replay, and the truth about who left, when and why.

    Writes events.jsonl and truth.jsonl to DIR. Vigía never reads the truth; it serves to measure Vigía.
    """
    with progress.of_steps("Inventing customers", customers) as advance:
        summary = invent(customers, days, seed, out, dirt=dirt, progress=advance)
    typer.echo(
        f"{counted(summary.events, 'event')} of {counted(summary.customers, 'customer')}, of whom {summary.left:,} left -> {out}"
    )

"""`vigia simulate`: a business invented from a seed, with the truth beside its events."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from vigia.lab.simulate import simulate as invent
from vigia.runtime import progress


def simulate(
    customers: Annotated[int, Option(metavar="N", min=1, help="How many customers.")],
    days: Annotated[int, Option(metavar="D", min=1, help="Over how many days from 2024-01-01 on.")],
    out: Annotated[Path, Option(metavar="DIR", help="The folder to write into; it is made if need be.")],
    seed: Annotated[int, Option(metavar="S", help="The same seed gives the same bytes.")] = 1,
    dirt: Annotated[
        float, Option(metavar="SHARE", min=0, max=1, help="Share of lines sent twice, late or damaged.")
    ] = 0,
) -> None:
    """Invent a business: events to feed to replay, and the truth about who left, when and why.

    Writes events.jsonl and truth.jsonl into DIR. Vigía never reads the truth; it is there to judge Vigía by.
    """
    with progress.of_steps("Inventing customers", customers) as told:
        summary = invent(customers, days, seed, out, dirt=dirt, progress=told)
    typer.echo(f"{summary.events:,} events of {summary.customers:,} customers, of whom {summary.left:,} left -> {out}")

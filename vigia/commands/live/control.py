"""`vigia control`: export the control records."""

import os
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from streams.records import control_log
from vigia.commands.shared.kafka import KAFKA, Kafka, Prefix, broker, run_once
from vigia.runtime import settings

app = typer.Typer(help="Export the control records of the clock.", no_args_is_help=True)


@app.callback()
def control() -> None:
    """Export the control records of the clock."""


@app.command()
def dump(
    out: Annotated[Path, Option(metavar="FILE", help="The file to write, one JSON object a line.")],
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
) -> None:
    """Write the ticks, figures, models and policies that the partitions received, for 'vigia replay --control'."""
    where, config = broker(kafka, prefix), settings.read(os.environ)

    async def work() -> None:
        count = await control_log.dump(where, config.partitions, out)
        typer.echo(f"{count:,} records -> {out}")

    run_once(work(), kafka)

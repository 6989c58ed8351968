"""`vigia control`: export the control records."""

import os
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from streams.records import control_log
from streams.records.signing import keyring
from vigia.commands.shared.kafka import KAFKA, Kafka, Prefix, broker, run_once
from vigia.commands.shared.seals import with_keys
from vigia.readmodel.amounts import counted
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
    """Write the ticks, figures, models and policies that the partitions received, for 'vigia replay --control'.

    Signatures are verified here with VIGIA_SEAL or VIGIA_SEAL_TRUST; the file has none, so keep it like your events.
    """
    where = broker(kafka, prefix, "control dump")
    config = with_keys(settings.read(os.environ), where)
    keys = keyring(config.seal, config.seal_trust).require()

    async def work() -> None:
        count, left_out = await control_log.dump(where, config.partitions, out, keys)
        typer.echo(f"{counted(count, 'record')} -> {out}")
        if left_out:
            typer.echo(f"{left_out:,} records that no trusted key signed are left out; no worker adopts them", err=True)

    run_once(work(), kafka)

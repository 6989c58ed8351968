"""`vigia partitions`: move a running business to more partitions."""

import asyncio
import os
import signal
from typing import Annotated

import typer
from typer import Option

from streams.records.signing import keyring
from vigia.commands.shared.kafka import KAFKA, Kafka, Prefix, broker, run_once
from vigia.growth import grow as growth
from vigia.runtime import settings

app = typer.Typer(help="Move a running business to more partitions.", no_args_is_help=True)

NEXT = (
    "Delete the state folders of all workers (all but privacy.key and seal), set VIGIA_PREFIX={prefix} and "
    "VIGIA_PARTITIONS={after} for all processes, and start them; never start the former ones again. Move the producers, and run this "
    "command with --follow until they have moved."
)


@app.callback()
def partitions() -> None:
    """Make `grow` a command of its own, although there is no other one yet."""


@app.command()
def grow(
    to: Annotated[str, Option("--to", metavar="PREFIX", help="Prefix of the new topics, like b2-; none may exist.")],
    partitions: Annotated[int, Option(metavar="N", min=2, help="Partitions of the new topics.")],
    follow: Annotated[
        bool, Option("--follow", help="Then forward what producers send under the former prefix, until stopped.")
    ] = False,
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
) -> None:
    """Move everything that is known to new topics with more partitions, while no worker, trainer or notifier runs.

    Producers may go on: what they send under the former prefix is forwarded, each record once. The former topics are only read.
    VIGIA_PARTITIONS is the former number. Repeat it, or use --follow, to forward what has come since.
    """
    old, new = broker(kafka, prefix, "partitions grow"), broker(kafka, to, "partitions grow")
    config = settings.read(os.environ)
    keys = keyring(config.seal, config.seal_trust)

    async def work() -> None:
        await growth.grow(old, new, config, partitions, keys, lambda line: typer.echo(line, err=True))
        typer.echo(NEXT.format(prefix=to, after=partitions))
        if follow:
            stop, loop = asyncio.Event(), asyncio.get_running_loop()
            for sign in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(sign, stop.set)
            typer.echo(f"{await growth.follow(old, new, config, partitions, stop)} records forwarded", err=True)

    run_once(work(), kafka)

"""`vigia topics`: make the topics, and check that they are as they must be."""

import os
from typing import Annotated

import typer
from typer import Option

from vigia.commands.shared.kafka import KAFKA, Kafka, Prefix, broker, run_once
from vigia.runtime import settings, topics

app = typer.Typer(help="Make and check the topics.", no_args_is_help=True)

Replicas = Annotated[
    int | None, Option(metavar="N", min=1, help="Copies that Kafka keeps of each record (VIGIA_REPLICAS).")
]


@app.command()
def apply(kafka: Kafka = KAFKA, prefix: Prefix = "", replicas: Replicas = None) -> None:
    """Make the topics that are missing and check all. VIGIA_PARTITIONS says how many parts each has, for ever."""
    where, told = broker(kafka, prefix), settings.read(os.environ)

    async def work() -> None:
        made = await topics.apply(where, told.partitions, replicas or told.replicas)
        typer.echo(f"made: {', '.join(made)}" if made else "all topics were there")

    run_once(work(), kafka)


@app.command()
def check(kafka: Kafka = KAFKA, prefix: Prefix = "", replicas: Replicas = None) -> None:
    """Say whether every topic is there with its partitions, its copies and its way of keeping records."""
    where, told = broker(kafka, prefix), settings.read(os.environ)

    async def work() -> None:
        await topics.check(where, told.partitions, replicas or told.replicas, strict=True)
        typer.echo("all topics are as they must be")

    run_once(work(), kafka)

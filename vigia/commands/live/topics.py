"""`vigia topics`: create and check the topics."""

import os
from typing import Annotated

import typer
from typer import Option

from vigia.commands.shared.kafka import KAFKA, Kafka, Prefix, broker, run_once
from vigia.runtime import settings, topics

app = typer.Typer(help="Create and check the topics.", no_args_is_help=True)

Replicas = Annotated[int | None, Option(metavar="N", min=1, help="Replicas of each topic (VIGIA_REPLICAS).")]


@app.command()
def apply(kafka: Kafka = KAFKA, prefix: Prefix = "", replicas: Replicas = None) -> None:
    """Create missing topics and check all. VIGIA_PARTITIONS is the partition count of each, and can never change."""
    where, config = broker(kafka, prefix), settings.read(os.environ)

    async def work() -> None:
        made = await topics.apply(where, config.partitions, replicas or config.replicas)
        typer.echo(f"created: {', '.join(made)}" if made else "no topic was missing")

    run_once(work(), kafka)


@app.command()
def check(kafka: Kafka = KAFKA, prefix: Prefix = "", replicas: Replicas = None) -> None:
    """Check that every topic exists with its partitions, replicas, retention and compaction."""
    where, config = broker(kafka, prefix), settings.read(os.environ)

    async def work() -> None:
        await topics.check(where, config.partitions, replicas or config.replicas, strict=True)
        typer.echo("all topics are as required")

    run_once(work(), kafka)

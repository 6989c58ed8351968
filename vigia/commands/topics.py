"""`vigia topics`: make the topics, and check that they are as they must be."""

import os
import sys
from collections.abc import Callable

import typer

from streams import topics
from streams.topics import TopicsWrong
from vigia import settings
from vigia.commands.serving import KAFKA, Kafka, Prefix, broker, finish

app = typer.Typer(help="Make and check the topics.", no_args_is_help=True)


@app.command()
def apply(kafka: Kafka = KAFKA, prefix: Prefix = "") -> None:
    """Make the topics that are missing and check all. VIGIA_PARTITIONS and VIGIA_REPLICAS say how many."""
    where, told = broker(kafka, prefix), settings.read(os.environ)

    async def work() -> None:
        made = await topics.apply(where, told.partitions, told.replicas)
        typer.echo(f"made: {', '.join(made)}" if made else "all topics were there")

    _said(lambda: finish(work(), kafka))


@app.command()
def check(kafka: Kafka = KAFKA, prefix: Prefix = "") -> None:
    """Say whether every topic is there with its partitions and its way of keeping records."""
    where, told = broker(kafka, prefix), settings.read(os.environ)

    async def work() -> None:
        await topics.check(where, told.partitions)
        typer.echo("all topics are as they must be")

    _said(lambda: finish(work(), kafka))


def _said(work: Callable[[], None]) -> None:
    try:
        work()
    except TopicsWrong as wrong:
        print(f"vigia: {wrong}", file=sys.stderr)  # noqa: T201
        raise typer.Exit(2) from None

"""`vigia topics`: create and check the topics, and print the rights that they need."""

import os
from typing import Annotated

import typer
from typer import Argument, Option

from vigia.commands.shared.kafka import KAFKA, Kafka, Prefix, broker, run_once
from vigia.runtime import settings, topics
from vigia.runtime.rights.acls import commands
from vigia.runtime.rights.table import PROCESSES, RIGHTS
from vigia.runtime.usage_error import UsageError

app = typer.Typer(
    help="Create and check the topics, and print the rights of each process on them.", no_args_is_help=True
)

Replicas = Annotated[int | None, Option(metavar="N", min=1, help="Replicas of each topic (VIGIA_REPLICAS).")]


@app.command()
def apply(kafka: Kafka = KAFKA, prefix: Prefix = "", replicas: Replicas = None) -> None:
    """Create missing topics and check all. VIGIA_PARTITIONS is the partition count of each, and can never change."""
    where, config = broker(kafka, prefix, "topics apply"), settings.read(os.environ)

    async def work() -> None:
        made = await topics.apply(where, config.partitions, replicas or config.replicas)
        typer.echo(f"created: {', '.join(made)}" if made else "no topic was missing")

    run_once(work(), kafka)


@app.command()
def check(kafka: Kafka = KAFKA, prefix: Prefix = "", replicas: Replicas = None) -> None:
    """Check that every topic exists with its partitions, replicas, retention and compaction."""
    where, config = broker(kafka, prefix, "topics check"), settings.read(os.environ)

    async def work() -> None:
        await topics.check(where, config.partitions, replicas or config.replicas, strict=True)
        typer.echo("all topics are as required")

    run_once(work(), kafka)


@app.command()
def rights(
    who: Annotated[
        list[str] | None,
        Argument(metavar="[WHO]...", help="Processes or commands, such as 'worker' or 'dead-letters list'."),
    ] = None,
    principal: Annotated[
        str,
        Option(metavar="NAME", help="The principal that gets the rights; {who} stands for the process or command."),
    ] = "User:vigia-{who}",
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
) -> None:
    """Print the kafka-acls commands that grant each process the rights it needs, and no others.

    Without WHO, those of all processes. Nothing is asked of Kafka.
    """
    for name in who or PROCESSES:
        if name not in RIGHTS:
            raise UsageError(f"{name!r} is no process or command with rights: it is one of {', '.join(RIGHTS)}")
        typer.echo(f"# {name}")
        for line in commands(RIGHTS[name], principal.replace("{who}", name.replace(" ", "-")), kafka, prefix):
            typer.echo(line)

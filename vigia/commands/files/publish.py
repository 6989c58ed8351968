"""`vigia publish`: send files of events to Kafka."""

from typing import Annotated

import typer
from typer import Argument

from scorers.contract.wire import Rejection
from streams.files.publish import Line, Published, lines
from streams.files.publish import publish as send
from streams.gateway.intake import Intake, KafkaAway
from vigia.commands.shared.kafka import KAFKA, Kafka, Prefix, broker, exit_unavailable, run_once
from vigia.runtime import progress
from vigia.runtime.event_files import checked, damage_named


def publish(
    events: Annotated[
        list[str],
        Argument(
            metavar="FILE...", help="Files of events, one JSON object a line, plain or .gz; '-' is standard input."
        ),
    ],
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
) -> None:
    """Send events to Kafka, each to the topic of its type, and wait until all are acknowledged.

    A line that is not an event is reported on standard error and left out. Exit status: 0 all acknowledged, 1 some lines
    are not events, 2 a file cannot be used, 3 Kafka did not acknowledge: send the files again, duplicates count once.
    """
    files, where, done = checked(events), broker(kafka, prefix), Published()

    def reject(line: Line, fault: Rejection) -> None:
        typer.echo(f"{line.file}:{line.number}: {fault.code}: {fault.detail}", err=True)

    async def work() -> None:
        nonlocal done
        intake = Intake(where)
        with progress.of_bytes("Sending", progress.size(files)) as advance, damage_named(files):
            try:
                done = await send(intake, lines(files, advance), reject)
            finally:
                await intake.close()

    try:
        run_once(work(), kafka)
    except KafkaAway as fault:
        exit_unavailable(kafka, str(fault))
    for topic, count in sorted(done.topics.items()):
        typer.echo(f"{count:,} events -> {where.name(topic)}")
    if done.rejected:
        typer.echo(f"{done.rejected:,} lines are not events and were left out", err=True)
        raise typer.Exit(1)

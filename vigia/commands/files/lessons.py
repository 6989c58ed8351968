"""`vigia lessons`: export what the model learns from."""

from pathlib import Path
from typing import Annotated

import typer
from aiokafka import AIOKafkaConsumer
from typer import Option

from streams.records.parquet import LessonTable, NoParquet
from vigia.commands.shared.kafka import KAFKA, Kafka, Prefix, broker, run_once
from vigia.readmodel.amounts import counted
from vigia.runtime import progress
from vigia.runtime.broker import Broker
from vigia.runtime.files.event_files import not_over_inputs
from vigia.runtime.topic_reader import read_range, whole_topic
from vigia.runtime.usage_error import UsageError

app = typer.Typer(help="Export what the model learns from.", no_args_is_help=True)


@app.callback()
def _lessons() -> None:
    """Export what the model learns from."""


@app.command()
def export(
    out: Annotated[Path, Option(metavar="FILE", help="The parquet file to write.")],
    from_file: Annotated[
        Path | None,
        Option("--from", metavar="FILE", help="Read the lessons of 'vigia replay --lessons FILE' instead of Kafka."),
    ] = None,
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
) -> None:
    """Write all lessons as parquet: a row for each lesson with its features, label and weight.

    From Kafka, the lessons on the topic when the command starts, partition by partition: sort by answered_at.
    """
    not_over_inputs(f"--out {out}", [out], [from_file] if from_file else [])
    try:
        with LessonTable(out) as table:
            if from_file is not None:
                _read_file(from_file, table)
            else:
                run_once(_read_topic(broker(kafka, prefix, "lessons export"), table), kafka)
    except NoParquet as error:
        raise UsageError(str(error)) from None
    typer.echo(f"{counted(table.rows, 'lesson')} -> {out}")
    for count, what in (
        (table.repeated, "were duplicates and are written once"),
        (table.foreign, "have the features of another version and were left out"),
        (table.broken, "are not lessons and were left out"),
    ):
        if count:
            typer.echo(f"{count:,} records {what}")


def _read_file(path: Path, table: LessonTable) -> None:
    with path.open("rb") as lines, progress.of_bytes("Exporting", path.stat().st_size) as advance:
        for line in lines:
            if line.strip():
                table.add(line)
            if advance is not None:
                advance(len(line))


async def _read_topic(where: Broker, table: LessonTable) -> None:
    topic = where.name("lessons")
    consumer = AIOKafkaConsumer(topic, **where.consumer(), enable_auto_commit=False)
    try:
        await consumer.start()
        starts, ends = await whole_topic(consumer, topic)
        total = sum(ends.values()) - sum(starts.values())
        with progress.of_steps("Exporting", total) as advance:
            done = 0
            async for record in read_range(consumer, starts, ends):
                table.add(record.value or b"")
                done += 1
                if advance is not None and done % 1_000 == 0:
                    advance(done, total)
    finally:
        await consumer.stop()

"""`vigia lessons`: export what the model learns from."""

from pathlib import Path
from typing import Annotated

import typer
from aiokafka import AIOKafkaConsumer, TopicPartition
from typer import Option

from streams.records.parquet import LessonTable, NoParquet
from vigia.commands.shared.kafka import KAFKA, Kafka, Prefix, broker, run_once
from vigia.runtime import progress
from vigia.runtime.broker import Broker
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
    try:
        with LessonTable(out) as table:
            if from_file is not None:
                _read_file(from_file, table)
            else:
                run_once(_read_topic(broker(kafka, prefix), table), kafka)
    except NoParquet as error:
        raise UsageError(str(error)) from None
    typer.echo(f"{table.rows:,} lessons -> {out}")
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
    consumer = AIOKafkaConsumer(topic, **where.client(), enable_auto_commit=False)
    try:
        await consumer.start()
        places: frozenset[TopicPartition] = consumer.assignment()
        if not places:
            raise UsageError(f"the topic {topic} is not there; run vigia topics apply, or mend --prefix")
        at, end = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        for place in places:
            consumer.seek(place, at[place])
        total = sum(end.values()) - sum(at.values())
        with progress.of_steps("Exporting", total) as advance:
            while any(at[place] < end[place] for place in places):
                for place, records in (await consumer.getmany(timeout_ms=500)).items():
                    for record in records:
                        if record.offset < end[place]:
                            table.add(record.value or b"")
                at = {place: await consumer.position(place) for place in places}
                if advance is not None:
                    advance(total - sum(max(end[place] - at[place], 0) for place in places), total)
    finally:
        await consumer.stop()

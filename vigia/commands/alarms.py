"""`vigia alarms tail`: the alarms as they come."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from typer import Option

from alerts.message import title
from alerts.text import day_and_time, inert
from scorers.alarm import SEVERITIES, Alarm
from scorers.kinds import KINDS
from scorers.wire import Rejected, decode_alarm
from vigia.broker import Broker
from vigia.commands.serving import KAFKA, Kafka, Prefix, broker, finish
from vigia.typed import Unusable

app = typer.Typer(help="Look at alarms.", no_args_is_help=True)


@app.callback()
def _alarms() -> None:
    """Look at alarms."""


@app.command()
def tail(
    kind: Annotated[list[str] | None, Option(metavar="KIND", help="Only this kind; may stand several times.")] = None,
    severity: Annotated[
        list[str] | None, Option(metavar="SEVERITY", help="Only critical, error, warning or info; several times.")
    ] = None,
    from_beginning: Annotated[
        bool, Option("--from-beginning", help="All that Kafka keeps, not only new ones.")
    ] = False,
    until_now: Annotated[
        bool, Option("--until-now", help="End with the last one there is, instead of waiting.")
    ] = False,
    as_json: Annotated[bool, Option("--json", help="Each as it stands on the topic, for other programs.")] = False,
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
) -> None:
    """Show alarms as they come, each change a line, until Ctrl-C."""
    _known("--kind", kind, tuple(KINDS))
    _known("--severity", severity, SEVERITIES)
    where = broker(kafka, prefix)

    def show(raw: bytes) -> None:
        alarm = decode_alarm(raw)
        if isinstance(alarm, Rejected) or alarm.kind not in (kind or (alarm.kind,)):
            return
        if alarm.severity in (severity or (alarm.severity,)):
            typer.echo(raw.decode() if as_json else line(alarm))

    finish(_read(where, show, from_beginning, until_now), kafka)


def line(alarm: Alarm) -> str:
    """The change in one line for people."""
    change = alarm.type.removeprefix("alarm.") + (f" ({alarm.outcome})" if alarm.outcome else "")
    why = f": {inert(alarm.reasons[0].text)}" if alarm.reasons and alarm.type == "alarm.raised" else ""
    return (
        f"{day_and_time(alarm.time)}  {alarm.severity:8}  {change}  {title(alarm, '')}{why}  [{inert(alarm.alarm_id)}]"
    )


def _known(option: str, given: list[str] | None, known: Sequence[str]) -> None:
    for one in given or ():
        if one not in known:
            raise Unusable(f"{option} {one!r}: not known; known are {', '.join(known)}")


async def _read(where: Broker, show: Any, from_beginning: bool, until_now: bool) -> None:
    start = "earliest" if from_beginning or until_now else "latest"
    topic = where.name("alarms")
    consumer = AIOKafkaConsumer(topic, **where.client(), auto_offset_reset=start, enable_auto_commit=False)
    try:
        await consumer.start()
        places: frozenset[TopicPartition] = consumer.assignment()
        if not places:
            raise Unusable(f"the topic {topic} is not there; run vigia topics apply, or mend --prefix")
        if from_beginning:
            await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(places)
        while not until_now or any([await consumer.position(place) < ends[place] for place in places]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    show(record.value or b"")
    finally:
        await consumer.stop()

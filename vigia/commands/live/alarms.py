"""`vigia alarms`: the alarms as they come, and what people do about them.

What people do goes to the topic `alarm-actions`; the notifier takes it from there and tells `alarms` of it.
"""

import getpass
import time
from typing import Annotated, Any

import typer
from aiokafka import AIOKafkaProducer
from typer import Argument, Option

from alerts.pipeline.actions import encode_action
from alerts.pipeline.incident import ENDINGS, Action, Verb
from alerts.wording.formats import day_and_time
from alerts.wording.message import title
from scorers.alarms.kinds import KINDS
from scorers.contract.alarms import SEVERITIES, Alarm
from scorers.contract.events import Instant
from scorers.contract.inert import inert
from scorers.contract.wire import Rejection, decode_alarm
from vigia.commands.shared import arguments
from vigia.commands.shared.arguments import known
from vigia.commands.shared.kafka import KAFKA, Kafka, Prefix, broker, run_once
from vigia.runtime.broker import Broker
from vigia.runtime.topic_reader import read
from vigia.runtime.usage_error import UsageError

app = typer.Typer(help="Look at alarms, and say what is done about them.", no_args_is_help=True)

AlarmId = Annotated[str, Argument(metavar="ALARM_ID", help="The alarm's id, from the message or from alarms tail.")]
Customer = Annotated[
    str | None,
    Option(metavar="ID", help="The alarm's customer, if it is known: the topic need not be searched then."),
]
By = Annotated[str | None, Option(metavar="NAME", help="Who does it; without it, the user of this machine.")]
Why = Annotated[str | None, Option("--reason", metavar="TEXT", help="Why, for those who read it later.")]


@app.callback()
def _alarms() -> None:
    """Look at alarms, and say what is done about them."""


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
    known("--kind", kind, tuple(KINDS))
    known("--severity", severity, SEVERITIES)
    where = broker(kafka, prefix)

    def show(record: Any) -> None:
        raw = record.value or b""
        alarm = decode_alarm(raw)
        if isinstance(alarm, Rejection) or alarm.kind not in (kind or (alarm.kind,)):
            return
        if alarm.severity in (severity or (alarm.severity,)):
            typer.echo(raw.decode() if as_json else line(alarm))

    everything = from_beginning or until_now
    run_once(read(where, "alarms", show, new_only=not everything, go_on=not until_now), kafka)


@app.command()
def ack(
    alarm_id: AlarmId,
    customer: Customer = None,
    by: By = None,
    reason: Why = None,
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
) -> None:
    """Take an alarm on: nobody else is pressed about it any more."""
    _act("ack", alarm_id, customer, by, reason, None, kafka, prefix)


@app.command()
def snooze(
    alarm_id: AlarmId,
    until: Annotated[
        str, Option(metavar="WHEN", help="Until when, like 2024-05-06T09:00:00Z, or how long from now, like 2d.")
    ],
    reason: Annotated[str, Option(metavar="TEXT", help="Why it may wait, for those who read it later.")],
    customer: Customer = None,
    by: By = None,
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
) -> None:
    """Be told nothing of an alarm for a while; at the end it is told again if it still stands."""
    end = _end(until)
    if not reason.strip():
        raise UsageError("--reason is empty: a snooze needs one, for those who read it later")
    _act("snooze", alarm_id, customer, by, reason, end, kafka, prefix)


@app.command()
def resolve(
    alarm_id: AlarmId,
    customer: Customer = None,
    by: By = None,
    reason: Why = None,
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
) -> None:
    """Say that what could be done is done. Whether the alarm still stands is judged by what the customer does."""
    _act("resolve", alarm_id, customer, by, reason, None, kafka, prefix)


def _act(
    verb: Verb,
    alarm_id: str,
    customer: str | None,
    by: str | None,
    reason: str | None,
    until: Instant | None,
    kafka: str,
    prefix: str,
) -> None:
    where, who = broker(kafka, prefix), (getpass.getuser() if by is None else by).strip()
    if not who:
        raise UsageError("--by is empty: give the name of whoever does it")

    async def work() -> None:
        key: str
        whose = customer
        if customer is not None:
            key = customer
        else:
            alarm = await newest(where, alarm_id)
            if alarm.type in ENDINGS:
                raise UsageError(
                    f"{inert(alarm_id)!r} is over ({alarm.outcome or 'withdrawn'}): nothing is left to {verb}"
                )
            whose, key = alarm.customer_id, alarm.customer_id or alarm.subject.id
        action = Action(alarm_id=alarm_id, customer_id=whose, action=verb, by=who, until=until, reason=reason)
        await _send(where, key, encode_action(action))
        end = f" until {day_and_time(until)}" if until is not None else ""
        typer.echo(f"{verb} of {inert(alarm_id)} by {inert(who)}{end} -> {where.name('alarm-actions')}")

    run_once(work(), kafka)


async def newest(where: Broker, alarm_id: str) -> Alarm:
    """The last word on an alarm; `UsageError` where there is no such alarm."""
    found: list[Alarm] = []
    sought = alarm_id.encode()

    def look(record: Any) -> None:
        if sought in (record.value or b""):
            alarm = decode_alarm(record.value)
            if isinstance(alarm, Alarm) and alarm.alarm_id == alarm_id and alarm.type != "alarm.acknowledged":
                found[:] = [alarm]

    await read(where, "alarms", look)
    if not found:
        raise UsageError(
            f"{inert(alarm_id)!r}: no such alarm on {where.name('alarms')}; take the id from alarms tail, or give --customer"
        )
    return found[0]


async def _send(where: Broker, key: str, value: bytes) -> None:
    producer = AIOKafkaProducer(acks="all", enable_idempotence=True, **where.client())
    try:
        await producer.start()
        await producer.send_and_wait(where.name("alarm-actions"), value, key=key.encode())
    finally:
        await producer.stop()


def _end(until: str) -> Instant:
    now = time.time_ns() // 1000
    ahead = until[-1:].isalpha() and not until.endswith("Z")
    end = Instant(now + arguments.span(until, "--until")) if ahead else arguments.instant(until, "--until")
    if end <= now:
        raise UsageError(f"--until {until!r}: lies in the past; give an end that is yet to come")
    return end


def line(alarm: Alarm) -> str:
    """The change in one line for people."""
    change = alarm.type.removeprefix("alarm.") + (f" ({alarm.outcome})" if alarm.outcome else "")
    why = f": {inert(alarm.reasons[0].text)}" if alarm.reasons and alarm.type == "alarm.raised" else ""
    return (
        f"{day_and_time(alarm.time)}  {alarm.severity:8}  {change}  {title(alarm, '')}{why}  [{inert(alarm.alarm_id)}]"
    )

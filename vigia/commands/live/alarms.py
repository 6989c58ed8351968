"""`vigia alarms`: watch alarms, and act on them.

An action goes to the topic `alarm-actions`; the notifier reads it there and reports it on `alarms`, and the worker judges by it how the
alarm ends.
"""

import time
from typing import Annotated, Any, get_args
from uuid import uuid4

import typer
from typer import Option

from alerts.pipeline.incident import BY_PEOPLE, ENDINGS
from alerts.wording.formats import day_and_time
from alerts.wording.message import cause, title
from scorers.alarms.catalogue import KINDS, STATE_CHANGES
from scorers.contract.alarms import SEVERITIES, Alarm, Treatment
from scorers.contract.events import ActionName, AlarmAction, Instant
from scorers.contract.inert import inert
from scorers.contract.wire import Rejection, decode_alarm
from vigia.commands.live.redeliver import redeliver
from vigia.commands.shared import arguments
from vigia.commands.shared.acting import SOURCE, AlarmId, By, person, send_action
from vigia.commands.shared.arguments import known
from vigia.commands.shared.kafka import KAFKA, Kafka, Prefix, broker, run_once
from vigia.runtime.broker import Broker
from vigia.runtime.topic_reader import read
from vigia.runtime.usage_error import UsageError

app = typer.Typer(help="Watch alarms, and act on them.", no_args_is_help=True)

Customer = Annotated[
    str | None,
    Option(metavar="ID", help="The alarm's customer, if known; without it, the topic is searched for the alarm."),
]
Why = Annotated[str | None, Option("--reason", metavar="TEXT", help="The reason, for the record.")]


app.command()(redeliver)


@app.callback()
def _alarms() -> None:
    """Watch alarms, and act on them."""


@app.command()
def tail(
    kind: Annotated[
        list[str] | None, Option(metavar="KIND", help="Only this kind; may be given several times.")
    ] = None,
    severity: Annotated[
        list[str] | None,
        Option(metavar="SEVERITY", help="Only critical, error, warning or info; may be given several times."),
    ] = None,
    from_beginning: Annotated[
        bool, Option("--from-beginning", help="All alarms that Kafka keeps, not only new ones.")
    ] = False,
    until_now: Annotated[
        bool, Option("--until-now", help="Stop after the last one instead of waiting for more.")
    ] = False,
    changes: Annotated[
        bool, Option("--changes", help="Also changes of state, which need no action, like stage-changed.")
    ] = False,
    as_json: Annotated[bool, Option("--json", help="Each record as JSON, for other programs.")] = False,
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
) -> None:
    """Print alarms and their changes as they arrive, one a line, until Ctrl-C."""
    known("--kind", kind, tuple(KINDS))
    known("--severity", severity, SEVERITIES)
    where = broker(kafka, prefix, "alarms tail")

    def show(record: Any) -> None:
        raw = record.value or b""
        alarm = decode_alarm(raw)
        if isinstance(alarm, Rejection) or alarm.kind not in (kind or (alarm.kind,)):
            return
        if alarm.kind in STATE_CHANGES and not changes and alarm.kind not in (kind or ()):
            return
        if alarm.severity in (severity or (alarm.severity,)):
            typer.echo(raw.decode() if as_json else line(alarm))

    everything = from_beginning or until_now
    run_once(read(where, "alarms", show, new_only=not everything, follow=not until_now), kafka)


PLAIN: dict[ActionName, str] = {
    "ack": "Acknowledge an alarm: escalations and reminders stop.",
    "resolve": "Record that the work is done. Whether the alarm ends depends on what the customer does.",
    "dismiss": "Call an alarm false: it is settled, and nothing more is sent about it.",
}
"""Actions that need nothing but the alarm, with the help of their commands."""


def _add(name: ActionName, text: str) -> None:
    """Add the command of an action that needs nothing but the alarm."""

    @app.command(name, help=text)
    def command(
        alarm_id: AlarmId,
        customer: Customer = None,
        by: By = None,
        reason: Why = None,
        kafka: Kafka = KAFKA,
        prefix: Prefix = "",
    ) -> None:
        _act(name, alarm_id, customer, by, reason, None, kafka, prefix)


for plain, plain_help in PLAIN.items():
    _add(plain, plain_help)


@app.command()
def act(
    alarm_id: AlarmId,
    treatment: Annotated[
        str | None, Option(metavar="CODE", help="What was done, such as help or special_offer; the alarm proposes one.")
    ] = None,
    channel: Annotated[str | None, Option(metavar="NAME", help="How, such as phone or store.")] = None,
    cost_minor: Annotated[
        int | None, Option(min=0, metavar="AMOUNT", help="What it cost, in minor units of the customer's currency.")
    ] = None,
    customer: Customer = None,
    by: By = None,
    reason: Why = None,
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
) -> None:
    """Record that something was done about an alarm; it stays open, and a comeback counts as saved."""
    known("--treatment", [treatment] if treatment is not None else None, get_args(Treatment))
    done = {"treatment": treatment, "channel": channel, "cost_minor": cost_minor}
    _act("act", alarm_id, customer, by, reason, None, kafka, prefix, **done)


@app.command()
def snooze(
    alarm_id: AlarmId,
    until: Annotated[
        str, Option(metavar="WHEN", help="Until when, like 2024-05-06T09:00:00Z, or how long from now, like 2d.")
    ],
    reason: Annotated[str, Option(metavar="TEXT", help="Why it may wait, for the record.")],
    customer: Customer = None,
    by: By = None,
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
) -> None:
    """Pause notifications of an alarm; at the end it is notified again if it is still open."""
    end = _end(until)
    if not reason.strip():
        raise UsageError("--reason is empty: a snooze needs a reason")
    _act("snooze", alarm_id, customer, by, reason, end, kafka, prefix)


@app.command()
def note(
    alarm_id: AlarmId,
    reason: Annotated[str, Option(metavar="TEXT", help="The text of the note.")],
    customer: Customer = None,
    by: By = None,
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
) -> None:
    """Add a note to an alarm, also to one that has ended."""
    if not reason.strip():
        raise UsageError("--reason is empty: give the text of the note")
    _act("note", alarm_id, customer, by, reason, None, kafka, prefix)


@app.command()
def undo(
    alarm_id: AlarmId,
    customer: Customer = None,
    by: By = None,
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
) -> None:
    """Take back the last thing that you did about an alarm, within a day."""
    _act("undo", alarm_id, customer, by, None, None, kafka, prefix)


def _act(
    action_name: ActionName,
    alarm_id: str,
    customer: str | None,
    by: str | None,
    reason: str | None,
    until: Instant | None,
    kafka: str,
    prefix: str,
    **done: Any,
) -> None:
    where, who = broker(kafka, prefix, "alarms ack"), person(by)

    async def work() -> None:
        key: str
        whose = customer
        if customer is not None:
            key = customer
        else:
            alarm = await newest(where, alarm_id)
            undoes = action_name == "undo" and alarm.outcome == "false"  # it may have ended by being dismissed
            if alarm.type in ENDINGS and action_name != "note" and not undoes:
                raise UsageError(
                    f"{inert(alarm_id)!r} is over ({alarm.outcome or 'withdrawn'}): {action_name} is not possible"
                )
            whose, key = alarm.customer_id, alarm.customer_id or alarm.subject.id
        action = AlarmAction(
            id=uuid4().hex,
            source=SOURCE,
            time=Instant(time.time_ns() // 1000),
            customer_id=whose,
            alarm_id=alarm_id,
            action=action_name,
            by=who,
            until=until,
            reason=reason,
            **done,
        )
        await send_action(where, key, action)
        end = f" until {day_and_time(until)}" if until is not None else ""
        typer.echo(f"{action_name} of {inert(alarm_id)} by {inert(who)}{end} -> {where.name('alarm-actions')}")

    run_once(work(), kafka)


async def newest(where: Broker, alarm_id: str) -> Alarm:
    """The latest record of an alarm; `UsageError` if there is none."""
    found: list[Alarm] = []
    sought = alarm_id.encode()

    def look(record: Any) -> None:
        if sought in (record.value or b""):
            alarm = decode_alarm(record.value)
            if isinstance(alarm, Alarm) and alarm.alarm_id == alarm_id and alarm.type not in BY_PEOPLE:
                found[:] = [alarm]

    await read(where, "alarms", look)
    if not found:
        raise UsageError(
            f"{inert(alarm_id)!r}: no such alarm on {where.name('alarms')}; take the id from alarms tail, or give --customer"
        )
    return found[0]


def _end(until: str) -> Instant:
    now = time.time_ns() // 1000
    ahead = until[-1:].isalpha() and not until.endswith("Z")
    end = Instant(now + arguments.span(until, "--until")) if ahead else arguments.instant(until, "--until")
    if end <= now:
        raise UsageError(f"--until {until!r}: is in the past; give a time in the future")
    return end


def line(alarm: Alarm) -> str:
    """The change as one line for people."""
    change = alarm.type.removeprefix("alarm.") + (f" ({alarm.outcome})" if alarm.outcome else "")
    why = f": {cause(alarm)}" if alarm.reasons and alarm.type == "alarm.raised" else ""
    return (
        f"{day_and_time(alarm.time)}  {alarm.severity:8}  {change}  {title(alarm, '')}{why}  [{inert(alarm.alarm_id)}]"
    )

"""`vigia explain`: an alarm's reasons, what would settle it, and what the notifier decided."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from typer import Argument, Option

from alerts.pipeline.incident import Incident, decode_incident
from alerts.wording.formats import day_and_time, money, percent
from alerts.wording.message import title
from scorers.contract.alarms import Alarm, spoken
from scorers.contract.inert import inert
from scorers.contract.rfc3339 import rfc3339
from scorers.contract.wire import decode_alarm, encode_alarm
from vigia.commands.shared.kafka import KAFKA, Kafka, Prefix, broker, run_once
from vigia.readmodel.alarm_summary import read_alarms, read_customers, status_of
from vigia.runtime.erasures import read_erasure
from vigia.runtime.topic_reader import read
from vigia.runtime.usage_error import UsageError


def explain(
    alarm_id: Annotated[
        str, Argument(metavar="ALARM_ID", help="The alarm's id, from a message or from 'vigia alarms tail'.")
    ],
    run: Annotated[
        Path | None,
        Option("--dir", metavar="DIR", help="The folder of a 'vigia replay'; Kafka is read if left out."),
    ] = None,
    as_json: Annotated[bool, Option("--json", help="One JSON object, for programs.")] = False,
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
) -> None:
    """Explain an alarm: reasons, evidence, what would settle it, and what the notifier decided.

    A replay notifies nobody, so with --dir the decisions of the notifier are left out.
    """
    changes: list[Alarm] = []
    incidents: list[Incident] = []
    erased: set[str] = set()
    if run is not None:
        changes += [alarm for alarm in read_alarms(run) if alarm.alarm_id == alarm_id]
        place = str(run / "alarms.jsonl")
        if (run / "customers.jsonl").exists():
            erased = {alarm.customer_id or "" for alarm in changes} - {row.customer_id for row in read_customers(run)}
    else:
        where = broker(kafka, prefix, "explain")
        place = where.name("alarms")

        async def work() -> None:
            await read(where, "alarms", lambda record: changes.extend(_of(record.value, alarm_id)))
            await read(where, "notifications", lambda record: _keep(incidents, record, alarm_id))
            if not changes:  # older than the topic keeps: the notifier has its newest change
                changes.extend(incident.alarm for incident in incidents)
            await read(where, "feedback", lambda record: erased.update(_erased(record, changes)))

        run_once(work(), kafka)
    if not changes:
        raise UsageError(
            f"{inert(alarm_id)!r}: no such alarm in {place}; 'vigia alarms tail' and alarms.jsonl show the ids"
        )
    if any(alarm.customer_id and alarm.customer_id in erased for alarm in changes):
        raise UsageError(f"{inert(alarm_id)!r}: the customer of this alarm was erased, so nothing is shown of it")
    incident = incidents[-1] if incidents else None
    if as_json:
        typer.echo(_json(changes, incident).decode())
        return
    lines = [*explained(changes), *(decided(incident) if run is None else ())]
    typer.echo("\n".join(lines))


def _of(raw: bytes | None, alarm_id: str) -> Iterator[Alarm]:
    if raw and alarm_id.encode() in raw:
        alarm = decode_alarm(raw)
        if isinstance(alarm, Alarm) and alarm.alarm_id == alarm_id:
            yield alarm


def _erased(record: Any, changes: list[Alarm]) -> Iterator[str]:
    """The customer of the alarm, if the record is an erasure that came after it or ended it."""
    customer = next((alarm.customer_id for alarm in changes), None)
    if customer is None or record.key != customer.encode():
        return
    found = read_erasure(record)
    if found and any(alarm.at <= found.at or found.event_id in alarm.cause for alarm in changes):
        yield customer


def _keep(incidents: list[Incident], record: Any, alarm_id: str) -> None:
    if record.key == alarm_id.encode():
        incidents[:] = [decode_incident(record.value)] if record.value is not None else []


def explained(changes: list[Alarm]) -> Iterator[str]:
    """Yield the alarm as last assessed, and its changes; all text from outside is made printable."""
    alarm = next((one for one in reversed(changes) if one.type in ("alarm.raised", "alarm.updated")), changes[-1])
    ends = [one for one in changes if one.type in ("alarm.settled", "alarm.withdrawn")]
    now = ends[-1] if ends and ends[-1] is changes[-1] else alarm
    yield title(alarm, "")
    yield f"  {spoken(alarm.kind)}, {alarm.severity}, {status_of(now)}; alarm {inert(alarm.alarm_id)}"
    yield f"  true since {day_and_time(alarm.at)}, seen {day_and_time(changes[0].time)}"
    if alarm.deadline is not None:
        yield f"  deadline {day_and_time(alarm.deadline)}"
    yield "Why"
    yield from _list(f"{reason.weight:+.2f}  {inert(reason.text or reason.code)}" for reason in alarm.reasons)
    yield "What would settle it"
    yield from _list([inert(alarm.counterfactual)] if alarm.counterfactual else [])
    yield "State"
    judged = {
        "customer": alarm.customer_id,
        "stage": alarm.stage,
        "tier": alarm.tier,
        "type": spoken(alarm.loyalty_type) if alarm.loyalty_type else None,
        "risk": None if alarm.risk is None else f"{percent(alarm.risk)} within {alarm.horizon_days or 0:.0f} days",
        "value at risk": None
        if alarm.value_at_risk_minor is None
        else money(alarm.value_at_risk_minor, alarm.currency),
        "treatment": alarm.treatment,
        "skill": alarm.skill,
    }
    yield from _list(f"{name}: {inert(value)}" for name, value in judged.items() if value is not None)
    yield "Evidence"
    yield from _list(
        f"{inert(one.event_id)} ({inert(one.topic)}/{one.partition}@{one.offset})" for one in alarm.evidence
    )
    yield f"  policy {inert(alarm.policy_version)}, figures {inert(alarm.figures_version)}, model {inert(alarm.model_version)}"
    yield "What happened"
    for one in changes:
        by = f", because of {', '.join(inert(cause) for cause in one.cause)}" if one.cause else ""
        end = f" ({one.outcome})" if one.outcome else ""
        yield f"  {day_and_time(one.time)}  {one.type.removeprefix('alarm.')}{end}, {one.severity}{by}"


def decided(incident: Incident | None) -> Iterator[str]:
    """Yield the decisions of the notifier, each with its rule."""
    yield "Notifications"
    if incident is None:
        yield "  none: the notifier has not read the alarm, or has deleted it after its end"
        return
    for delivery in incident.deliveries:
        where = inert(delivery.channel, 40) or "no channel"
        when = day_and_time(delivery.done or delivery.due or delivery.time)
        detail = f" ({inert(delivery.detail)})" if delivery.detail else ""
        tried = f", tried {delivery.attempts} times" if delivery.attempts else ""
        yield f"  {when}  {delivery.change.removeprefix('alarm.')} -> {where}: {delivery.state}: {delivery.rule}{detail}{tried}"
    if not incident.deliveries:
        yield "  none yet"
    for line in incident.audit:
        why = f": {inert(line.action.reason)}" if line.action.reason else ""
        yield f"  {day_and_time(line.time)}  {line.action.action} by {inert(line.action.by)}{why}{' (undone)' if line.undone else ''}"
    if incident.snoozed_until is not None:
        yield f"  snoozed until {day_and_time(incident.snoozed_until)}"


def _list(lines: Iterable[str]) -> Iterator[str]:
    some = False
    for line in lines:
        some = True
        yield f"  {line}"
    if not some:
        yield "  unknown"


def _json(changes: list[Alarm], incident: Incident | None) -> bytes:
    decisions = [
        {
            "change": delivery.change,
            "channel": delivery.channel or None,
            "state": delivery.state,
            "rule": delivery.rule,
            "detail": delivery.detail,
            "attempts": delivery.attempts,
            "time": rfc3339(delivery.done or delivery.time),
        }
        for delivery in (incident.deliveries if incident else ())
    ]
    acts = [
        {
            "action": line.action.action,
            "by": line.action.by,
            "reason": line.action.reason,
            "time": rfc3339(line.time),
            "undone": line.undone,
        }
        for line in (incident.audit if incident else ())
    ]
    raw = [msgspec.Raw(encode_alarm(one)) for one in changes]
    return msgspec.json.encode({"changes": raw, "notifier": {"decisions": decisions, "actions": acts}})

"""`vigia alarms redeliver`: send the newest notification of an alarm again, and write that into its audit trail."""

import os
import time
from typing import Annotated, Any
from uuid import uuid4

import typer
from typer import Option

from alerts.channels.testing import Outcome, send_once
from alerts.pipeline.connect import connect
from alerts.pipeline.incident import Delivery, Incident, decode_incident
from alerts.pipeline.routes import Routes
from alerts.pipeline.sending.notification import Composer
from alerts.settings.toml import BadSetting
from scorers.contract.events import AlarmAction, Instant
from scorers.contract.inert import inert
from vigia.commands.shared import routing
from vigia.commands.shared.acting import SOURCE, AlarmId, By, person, send_action
from vigia.commands.shared.kafka import KAFKA, Kafka, Prefix, broker, run_once
from vigia.commands.shared.logs import log_lines
from vigia.commands.shared.routing import RoutesFile
from vigia.runtime import settings as runtime
from vigia.runtime.broker import Broker
from vigia.runtime.topic_reader import read
from vigia.runtime.usage_error import UsageError


def redeliver(
    alarm_id: AlarmId,
    channel: Annotated[
        str | None, Option(metavar="NAME", help="Only this channel; without it every one that the alarm was meant for.")
    ] = None,
    by: By = None,
    routes: RoutesFile = None,
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
) -> None:
    """Send the newest notification of an alarm again, under the same id, and note it in the alarm's audit trail.

    Exit status: 0 all were sent, 1 some were not.
    """
    where, who, loaded = broker(kafka, prefix, "alarms redeliver"), person(by), routing.routes(routes)
    log_lines(os.environ)
    outcomes: list[tuple[str, Outcome]] = []

    async def work() -> None:
        incident = await _incident(where, alarm_id)
        meant = _meant(incident, loaded, channel)
        outcomes.extend([(one.channel, await _send(one, incident, loaded)) for one in meant])
        said = ", ".join(f"{name}: {one.result}" for name, one in outcomes)
        await send_action(where, incident.alarm.customer_id or incident.alarm.subject.id, _note(incident, who, said))

    run_once(work(), kafka)
    for name, one in outcomes:
        typer.echo(f"{inert(name, 40):16} {one.result}" + (f": {one.why}" if one.why else ""))
    if any(one.result != "sent" for _, one in outcomes):
        raise typer.Exit(1)


async def _incident(where: Broker, alarm_id: str) -> Incident:
    found: list[Incident] = []

    def look(record: Any) -> None:
        if record.key == alarm_id.encode():
            found[:] = [decode_incident(record.value)] if record.value is not None else []

    await read(where, "notifications", look)
    if not found:
        raise UsageError(f"{inert(alarm_id)!r}: the notifier knows no such alarm; take the id from alarms tail")
    return found[0]


def _meant(incident: Incident, routes: Routes, channel: str | None) -> list[Delivery]:
    """The newest delivery of each channel that was sent or failed."""
    newest = {one.channel: one for one in incident.deliveries if one.state in ("sent", "failed")}
    wanted = [one for name, one in newest.items() if channel in (None, name) and name in routes.channels]
    if not wanted:
        names = ", ".join(inert(name, 40) for name in newest if name in routes.channels)
        instead = f"it was meant for {names}" if names else "vigia explain says why nothing was sent"
        raise UsageError(
            f"{inert(incident.alarm.alarm_id)!r}: nothing was sent through "
            f"{'any channel of the routes' if channel is None else repr(inert(channel, 40))}; {instead}"
        )
    return wanted


async def _send(delivery: Delivery, incident: Incident, routes: Routes) -> Outcome:
    settings, now = routes.channels[delivery.channel], Instant(time.time_ns() // 1000)
    try:
        channel = connect(delivery.channel, settings, os.environ)
    except BadSetting as fault:
        return Outcome("refused", str(fault))
    links = routing.links(routes, runtime.read(os.environ))
    composer = Composer(delivery.channel, settings, routes.zone, links, routes.templates)
    return await send_once(composer.again(delivery, incident, now), channel, settings.timeout)


def _note(incident: Incident, by: str, said: str) -> AlarmAction:
    return AlarmAction(
        id=uuid4().hex,
        source=SOURCE,
        time=Instant(time.time_ns() // 1000),
        customer_id=incident.alarm.customer_id,
        alarm_id=incident.alarm.alarm_id,
        action="note",
        by=by,
        reason=f"delivered again through {said}",
    )

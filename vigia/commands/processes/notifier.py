"""`vigia notifier`: tells people of alarms, by the routes."""

import asyncio
import os
from pathlib import Path

import typer

from alerts.pipeline.connect import connect_all
from alerts.pipeline.metrics import NotifierMetrics
from alerts.pipeline.notifier import Notifier
from alerts.pipeline.routes import Routes
from alerts.settings.toml import BadSetting
from vigia.commands.shared import arguments, routing
from vigia.commands.shared.kafka import KAFKA, Host, Kafka, MetricsPort, Prefix, broker, run_until_stopped
from vigia.commands.shared.options import PolicyFile
from vigia.commands.shared.routing import RoutesFile
from vigia.runtime import health
from vigia.runtime.usage_error import UsageError


def notifier(
    routes: RoutesFile = None,
    policy: PolicyFile = None,
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
    host: Host = "127.0.0.1",
    metrics_port: MetricsPort = 9102,
) -> None:
    """Tell people of alarms: mute, deduplicate, route, deliver, and remember what was delivered.

    Ended with SIGTERM it repeats nothing when it is started again; killed, it may repeat a delivery under the same id.
    A second one stands by until the first is gone.
    """
    where, within = broker(kafka, prefix), arguments.policy(policy).time.notify_within
    told, metrics = routed(routes), NotifierMetrics()
    serving = Notifier(where, told, lambda: connect_all(told, os.environ), metrics, within)

    async def serve(stop: asyncio.Event) -> None:
        async with health.serving_health(metrics.registry, metrics_port, host, serving.ready) as port:
            typer.echo(f"notifier: Kafka {kafka}, metrics on http://{host}:{port}/metrics", err=True)
            await serving.run(stop)

    run_until_stopped(serve, kafka)


def routed(routes: Path | None) -> Routes:
    """Who is told of what, with every secret there that it names."""
    told = routing.routes(routes)
    try:
        connect_all(told, os.environ)  # a missing secret is said before anything starts
    except BadSetting as fault:
        raise UsageError(str(fault)) from None
    return told

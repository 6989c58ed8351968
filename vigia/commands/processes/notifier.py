"""`vigia notifier`: sends notifications of alarms by the routes."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import typer

from alerts.pipeline.connect import connect_all
from alerts.pipeline.metrics import NotifierMetrics
from alerts.pipeline.notifier import Notifier
from alerts.pipeline.routes import Routes
from alerts.settings.toml import BadSetting
from scorers.policy.tables import Policy
from vigia.commands.shared import arguments, routing
from vigia.commands.shared.kafka import KAFKA, Host, Kafka, MetricsPort, Prefix, broker, run_until_stopped
from vigia.commands.shared.options import PolicyFile
from vigia.commands.shared.routing import RoutesFile
from vigia.runtime import health, settings
from vigia.runtime.privacy.keyed_hash import keyed_hash
from vigia.runtime.usage_error import UsageError


def notifier(
    routes: RoutesFile = None,
    policy: PolicyFile = None,
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
    host: Host = "127.0.0.1",
    metrics_port: MetricsPort = 9102,
) -> None:
    """Send notifications of alarms: inhibit, deduplicate, route, deliver, and record what was delivered.

    After SIGTERM a restart repeats nothing; after a kill it may repeat a delivery under the same id. A second notifier is
    a standby until the first has ended.
    """
    where, rules = broker(kafka, prefix, "notifier"), arguments.policy(policy)
    within = rules.time.notify_within
    around = {**os.environ, "VIGIA_KAFKA": kafka, "VIGIA_PREFIX": prefix}  # where channels of type kafka write
    loaded, metrics = routed(routes, rules, around), NotifierMetrics()
    config = settings.read(os.environ)
    hashes = keyed_hash(config.privacy_key, config.state)
    links = routing.links(loaded, config)
    serving = Notifier(where, loaded, lambda: connect_all(loaded, around), metrics, hashes, within, links=links)

    async def serve(stop: asyncio.Event) -> None:
        async with health.serving_health(metrics.registry, metrics_port, host, serving.ready) as port:
            typer.echo(f"notifier: Kafka {kafka}, metrics on http://{host}:{port}/metrics", err=True)
            await serving.run(stop)

    run_until_stopped(serve, kafka)


def routed(routes: Path | None, rules: Policy, environment: Mapping[str, str]) -> Routes:
    """The routes in the business's zone, after a check that every secret they name is there."""
    loaded = routing.routes(routes).under(rules)
    try:
        connect_all(loaded, environment)  # report a missing secret before anything starts
    except BadSetting as fault:
        raise UsageError(str(fault)) from None
    return loaded

"""`vigia worker`: folds what happens into alarms."""

import asyncio
import os

import typer

from streams.metrics import WorkerMetrics
from streams.worker.worker import Worker
from vigia.commands.shared import arguments
from vigia.commands.shared.kafka import KAFKA, Host, Kafka, MetricsPort, Prefix, broker, run_until_stopped
from vigia.commands.shared.options import PolicyFile
from vigia.runtime import health, settings
from vigia.runtime.topics import apply


def worker(
    policy: PolicyFile = None,
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
    host: Host = "127.0.0.1",
    metrics_port: MetricsPort = 9101,
) -> None:
    """Fold purchases, contacts, complaints and feedback into alarms and lessons.

    Start as many as there are partitions at most, each with a VIGIA_STATE folder of its own. SIGTERM drains; a killed
    one loses nothing and tells nothing twice under another id.
    """
    where, told, rules = broker(kafka, prefix), settings.read(os.environ), arguments.policy(policy)
    metrics = WorkerMetrics()

    async def serve(stop: asyncio.Event) -> None:
        await apply(where, told.partitions, told.replicas)
        working = Worker(where, told, rules, metrics)
        async with health.serving_health(metrics.registry, metrics_port, host, working.ready) as port:
            typer.echo(f"worker: Kafka {kafka}, metrics on http://{host}:{port}/metrics", err=True)
            await working.serve(stop)

    run_until_stopped(serve, kafka)

"""`vigia worker`: fold events into alarms."""

import asyncio
import os

import typer

from streams.metrics.worker import WorkerMetrics
from streams.worker.worker import Worker
from vigia.commands.shared import arguments
from vigia.commands.shared.kafka import KAFKA, Host, Kafka, MetricsPort, Prefix, broker, run_until_stopped
from vigia.commands.shared.options import PolicyFile
from vigia.commands.shared.seals import with_keys
from vigia.runtime import health, settings
from vigia.runtime.rights.table import PROCESSES
from vigia.runtime.topics import apply


def worker(
    policy: PolicyFile = None,
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
    host: Host = "127.0.0.1",
    metrics_port: MetricsPort = 9101,
) -> None:
    """Turn purchases, contacts, complaints and feedback on Kafka into alarms, and into lessons for the trainer.

    Start at most one for each partition, each with its own VIGIA_STATE folder. After SIGTERM it finishes what it has
    read. A killed worker loses nothing and never repeats an alarm under another id.
    """
    where, rules = broker(kafka, prefix), arguments.policy(policy)
    config = with_keys(settings.read(os.environ), where)
    metrics = WorkerMetrics()

    async def serve(stop: asyncio.Event) -> None:
        await apply(where, config.partitions, config.replicas, needs=PROCESSES["worker"].topics)
        working = Worker(where, config, rules, metrics)
        async with health.serving_health(metrics.registry, metrics_port, host, working.ready) as port:
            typer.echo(f"worker: Kafka {kafka}, metrics on http://{host}:{port}/metrics", err=True)
            await working.serve(stop)

    run_until_stopped(serve, kafka)

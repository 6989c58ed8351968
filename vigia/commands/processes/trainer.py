"""`vigia trainer`: learn from lessons and publish models."""

import asyncio
import os

import typer

from streams.engine.standby import Standby
from streams.metrics.trainer import TrainerMetrics
from streams.trainer.trainer import Trainer
from vigia.commands.shared.kafka import KAFKA, Host, Kafka, MetricsPort, Prefix, broker, run_until_stopped
from vigia.commands.shared.seals import with_keys
from vigia.runtime import health, settings
from vigia.runtime.topics import check


def trainer(
    kafka: Kafka = KAFKA, prefix: Prefix = "", host: Host = "127.0.0.1", metrics_port: MetricsPort = 9103
) -> None:
    """Learn from the lessons of the workers, and put a new model in force each day.

    One trainer serves all workers; a second one is a standby. Models are signed with VIGIA_SEAL, and workers adopt no
    others.
    """
    where = broker(kafka, prefix, "trainer")
    config = with_keys(settings.read(os.environ), where)
    standby, metrics = Standby(where, "trainer", "models"), TrainerMetrics()

    async def learn(stop: asyncio.Event) -> None:
        learning = Trainer(where, config)
        metrics.watch(learning)
        await learning.run(stop)

    async def serve(stop: asyncio.Event) -> None:
        await check(where, config.partitions)
        async with health.serving_health(metrics.registry, metrics_port, host, standby.ready) as port:
            typer.echo(f"trainer: Kafka {kafka}, metrics on http://{host}:{port}/metrics", err=True)
            await standby.run(stop, learn)

    run_until_stopped(serve, kafka)

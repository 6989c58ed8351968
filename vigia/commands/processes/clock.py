"""`vigia clock`: tells the partitions that time has passed."""

import asyncio
import os
from typing import Annotated

import typer
from typer import Option

from streams.clock.clock import Clock
from streams.metrics import ClockMetrics
from vigia.commands.shared import arguments
from vigia.commands.shared.kafka import KAFKA, Host, Kafka, MetricsPort, Prefix, broker, run_until_stopped
from vigia.commands.shared.options import PolicyFile
from vigia.runtime import health, settings
from vigia.runtime.topics import check


def clock(
    follow_events: Annotated[
        bool, Option("--follow-events", help="Tell the time of the newest event: for demonstrations and backfills.")
    ] = False,
    every: Annotated[float, Option(metavar="SECONDS", min=0.05, help="How long to wait between two looks.")] = 5.0,
    policy: PolicyFile = None,
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
    host: Host = "127.0.0.1",
    metrics_port: MetricsPort = 9104,
) -> None:
    """Let time pass: without it nobody ever falls silent.

    A partition is ticked once its worker has committed everything that was written before. One clock serves all
    workers; a second one does no harm.
    """
    where, told, rules = broker(kafka, prefix), settings.read(os.environ), arguments.policy(policy)
    text = arguments.policy_text(policy)
    telling = Clock(where, told, rules, follows=follow_events, every=every)

    metrics = ClockMetrics(telling)
    time = "the time of events" if follow_events else "the time of the world"

    async def serve(stop: asyncio.Event) -> None:
        await check(where, told.partitions)
        async with health.serving_health(metrics.registry, metrics_port, host, telling.ready) as port:
            typer.echo(f"clock: Kafka {kafka}, {time}, metrics on http://{host}:{port}/metrics", err=True)
            await telling.run(stop, text)

    run_until_stopped(serve, kafka)

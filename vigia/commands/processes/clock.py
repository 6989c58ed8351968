"""`vigia clock`: send ticks, figures and the policy to every partition."""

import asyncio
import os
import signal
from typing import Annotated

import typer
from typer import Option

from streams.clock.clock import Clock
from streams.clock.policy_file import WatchedPolicy
from streams.metrics.clock import ClockMetrics
from vigia.commands.shared import arguments
from vigia.commands.shared.kafka import KAFKA, Host, Kafka, MetricsPort, Prefix, broker, run_until_stopped
from vigia.commands.shared.options import PolicyFile
from vigia.commands.shared.seals import with_keys
from vigia.runtime import health, settings
from vigia.runtime.topics import check


def clock(
    follow_events: Annotated[
        bool,
        Option(
            "--follow-events",
            help="Use the time of the newest event instead of the wall clock, for demos and backfills.",
        ),
    ] = False,
    every: Annotated[float, Option(metavar="SECONDS", min=0.05, help="Seconds between two rounds.")] = 5.0,
    policy: PolicyFile = None,
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
    host: Host = "127.0.0.1",
    metrics_port: MetricsPort = 9104,
) -> None:
    """Send ticks, so that workers notice silence and passed deadlines.

    A partition gets a tick once its worker has committed everything written before. One clock serves all workers; a
    second one does no harm. A policy file that changes is put in force on all workers at one instant, at the next round or
    on SIGHUP; one with an error is refused, and the former stays.
    """
    where, rules = broker(kafka, prefix, "clock"), arguments.policy(policy)
    config = with_keys(settings.read(os.environ), where)
    text = arguments.policy_text(policy)
    file = None if policy is None else WatchedPolicy(policy, text)
    clock_loop = Clock(where, config, rules, follows=follow_events, every=every, file=file)

    metrics = ClockMetrics(clock_loop)
    time = "event time" if follow_events else "wall-clock time"

    async def serve(stop: asyncio.Event) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, clock_loop.look_at_policy)
        await check(where, config.partitions)
        async with health.serving_health(metrics.registry, metrics_port, host, clock_loop.ready) as port:
            typer.echo(f"clock: Kafka {kafka}, {time}, metrics on http://{host}:{port}/metrics", err=True)
            await clock_loop.run(stop, text)

    run_until_stopped(serve, kafka)

"""`vigia up`: run all of Vigía in one process."""

import asyncio
import logging
import os
import signal
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry
from typer import Option

from alerts.pipeline.connect import connect_all
from alerts.pipeline.metrics import NotifierMetrics
from alerts.pipeline.notifier import Notifier
from streams.clock.clock import Clock
from streams.clock.policy_file import WatchedPolicy
from streams.engine.standby import Standby
from streams.gateway.intake import Intake
from streams.metrics.clock import ClockMetrics
from streams.metrics.trainer import TrainerMetrics
from streams.metrics.worker import WorkerMetrics
from streams.trainer.trainer import Trainer
from streams.worker.worker import Worker
from vigia.commands.processes.console import read_model, set_up
from vigia.commands.processes.gateway import ConfigFile, gate, senders
from vigia.commands.processes.notifier import routed
from vigia.commands.shared import arguments, routing
from vigia.commands.shared.kafka import KAFKA, Host, Kafka, Prefix, broker, exit_unavailable, run_until_stopped
from vigia.commands.shared.options import PolicyFile
from vigia.commands.shared.routing import RoutesFile
from vigia.commands.shared.seals import FILE, generated
from vigia.console import config as configuration
from vigia.console.config import check_exposure
from vigia.console.running import live
from vigia.readmodel import redis_address
from vigia.readmodel.store.model import ReadModel
from vigia.runtime import health, settings
from vigia.runtime.privacy.keyed_hash import keyed_hash
from vigia.runtime.settings import Settings
from vigia.runtime.supervisor import Part, PartEnded, run_together
from vigia.runtime.topics import TopicsWrong, apply
from vigia.runtime.usage_error import UsageError

LOGGER = logging.getLogger("vigia.up")


def up(
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
    policy: PolicyFile = None,
    routes: RoutesFile = None,
    host: Host = "127.0.0.1",
    port: Annotated[int, Option(min=0, max=65535, help="The port of the gateway; 0 picks a free one.")] = 8080,
    metrics_port: Annotated[
        int,
        Option(metavar="PORT", min=0, max=65535, help="Port of metrics and health of all parts; 0 picks a free one."),
    ] = 9100,
    redis: Annotated[
        str,
        Option(
            metavar="URL", envvar="VIGIA_REDIS", help="The Redis for customer cards, the at-risk board and the console."
        ),
    ] = "",
    gateway: ConfigFile = None,
    open_to_all: Annotated[
        bool, Option("--no-token", help="Require no token from senders; on this machine only.")
    ] = False,
    follow_events: Annotated[
        bool,
        Option(
            "--follow-events",
            help="Use the time of the newest event instead of the wall clock, for demos and backfills.",
        ),
    ] = False,
    every: Annotated[float, Option(metavar="SECONDS", min=0.05, help="Seconds between two rounds of the clock.")] = 5.0,
    console_port: Annotated[
        int, Option(metavar="PORT", min=0, max=65535, help="The port of the console; 0 picks a free one.")
    ] = 8090,
    console_host: Annotated[
        str, Option(metavar="ADDRESS", help="Address of the console; another than loopback needs users and TLS.")
    ] = "127.0.0.1",
    console: Annotated[
        Path | None, Option("--console", metavar="FILE", help="The settings of the console: deploy/console.toml.")
    ] = None,
) -> None:
    """Run worker, trainer, clock, notifier, gateway and console in one process, for a business that fits on one machine.

    Creates missing topics first. If one part ends, all end, and its name is printed. On SIGTERM the gateway stops first,
    then everything read is folded and its alarms are sent. For a larger business start the parts as separate processes:
    they share nothing but Kafka.
    """
    where, rules, who = broker(kafka, prefix), arguments.policy(policy), senders(gateway, host, open_to_all)
    text = arguments.policy_text(policy)
    config = with_signing_secret(settings.read(os.environ))
    hashes = keyed_hash(config.privacy_key, config.state)
    around = {**os.environ, "VIGIA_KAFKA": kafka, "VIGIA_PREFIX": prefix}  # where channels of type kafka write
    known, cards = routed(routes, rules, around), redis_address.read(os.environ, redis)
    file = None if policy is None else WatchedPolicy(policy, text)
    clock = Clock(where, config, rules, follows=follow_events, every=every, file=file)
    standby, learning = Standby(where, "trainer", "models"), TrainerMetrics()
    folding, notifying, taking = WorkerMetrics(), NotifierMetrics(), CollectorRegistry()
    notifier = Notifier(
        where, known, lambda: connect_all(known, around), notifying, hashes, rules.time.notify_within,
        links=routing.links(known, config),
    )  # fmt: skip
    figures = health.merged(
        folding.registry, learning.registry, ClockMetrics(clock).registry, notifying.registry, taking
    )

    shown = set_up(config, configuration.read(console), policy)
    check_exposure(shown.config, console_host, bool(shown.accounts.users))
    model, showing = ReadModel(read_model(config, cards, prefix)), CollectorRegistry()
    figures = health.merged(figures, showing)

    async def show(stop: asyncio.Event) -> None:
        async with live(shown, model, where, hashes, showing, console_host, console_port, stop) as bound:
            typer.echo(f"up: console on http://{console_host}:{bound}/", err=True)
            await stop.wait()

    async def learn(stop: asyncio.Event) -> None:
        trainer = Trainer(where, config)
        learning.watch(trainer)
        await trainer.run(stop)

    async def take_events(stop: asyncio.Event) -> None:
        async with gate(where, Intake(where), who, cards, host, port, hashes, taking) as bound:
            typer.echo(f"up: http://{host}:{bound}/v1/events -> Kafka {kafka}", err=True)
            await stop.wait()

    async def serve(stop: asyncio.Event) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, clock.look_at_policy)
        await apply(where, config.partitions, config.replicas)
        worker = Worker(where, config, rules, folding)
        parts = (  # in the order in which they are stopped
            Part("gateway", take_events),
            Part("clock", lambda stop: clock.run(stop, text)),
            Part("worker", worker.serve),
            Part("trainer", lambda stop: standby.run(stop, learn)),
            Part("notifier", notifier.run),
            Part("console", show),
        )

        async def ready() -> str:
            asked = (("worker", worker.ready), ("clock", clock.ready), ("trainer", standby.ready))
            why = {name: await ask() for name, ask in (*asked, ("notifier", notifier.ready))}
            return "; ".join(f"{name}: {reason}" for name, reason in why.items() if reason)

        async with health.serving_health(figures, metrics_port, host, ready, shown.config.tls_certificate) as bound:
            typer.echo(f"up: metrics of all on http://{host}:{bound}/metrics", err=True)
            if shown.config.processes == configuration.PROCESSES:
                shown.config = msgspec.structs.replace(shown.config, processes={"all": f"http://{host}:{bound}"})
            await run_together(parts, stop, config.drain + 10)

    try:
        run_until_stopped(serve, kafka)
    except PartEnded as ended:
        _explain(ended, kafka)


def _explain(ended: PartEnded, kafka: str) -> NoReturn:
    """Print which part ended the others, and exit with its status."""
    why = ended.__cause__
    if isinstance(why, UsageError | TopicsWrong):
        raise UsageError(str(ended)) from None
    if isinstance(why, KafkaError):
        LOGGER.error("the %s has ended, so all parts are stopped", ended.name)
        exit_unavailable(kafka, why)
    LOGGER.error("the %s has ended, so all parts are stopped", ended.name, exc_info=why)
    raise typer.Exit(1) from None


def with_signing_secret(config: Settings) -> Settings:
    """Return the settings with keys: the given ones, or those of a secret that is kept in the state folder.

    All that signs runs in this process, so nobody else needs it; after a restart its own records must verify.
    """
    if config.seal or config.seal_trust:
        return config
    return msgspec.structs.replace(config, seal=generated(config.state / FILE))

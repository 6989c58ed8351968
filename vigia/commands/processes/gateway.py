"""`vigia gateway`: accept events over HTTP."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer
from prometheus_client import CollectorRegistry
from typer import Option

from streams.gateway.garbage import collect_rarely
from streams.gateway.gateway import accepting
from streams.gateway.intake import Intake
from streams.gateway.seen_in_redis import shared
from streams.gateway.settings import Settings, read, text_of
from streams.gateway.tokens import Token, Tokens, is_digest, new_token
from streams.hooks.catalogue import Hook, ready
from streams.hooks.erasures import follow
from streams.hooks.settings import read_hooks
from streams.hooks.taking import Hooks
from vigia.commands.shared.kafka import KAFKA, Host, Kafka, MetricsPort, Prefix, broker, run_until_stopped
from vigia.readmodel import redis_address
from vigia.readmodel.redis_address import RedisAddress
from vigia.readmodel.redis_board import Board
from vigia.runtime import health, settings
from vigia.runtime.broker import Broker
from vigia.runtime.privacy.keyed_hash import KeyedHash, keyed_hash
from vigia.runtime.usage_error import UsageError

ConfigFile = Annotated[
    Path | None,
    Option(metavar="FILE", help="The file of tokens, hooks and limits, as deploy/gateway.toml shows."),
]
LOGGER = logging.getLogger("vigia.gateway")
TOKENS = "VIGIA_GATEWAY_TOKENS"
RELOAD = 1.0  # seconds between two looks at the file of tokens
LOCAL = ("127.0.0.1", "::1", "localhost")


def gateway(
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
    host: Host = "127.0.0.1",
    port: Annotated[int, Option(min=0, max=65535, help="The port; 0 picks a free one.")] = 8080,
    metrics_port: MetricsPort = 9105,
    config: ConfigFile = None,
    redis: Annotated[
        str,
        Option(
            metavar="URL",
            envvar="VIGIA_REDIS",
            help="The Redis for customer cards, the at-risk board, and what gateways accepted.",
        ),
    ] = "",
    open_to_all: Annotated[bool, Option("--no-token", help="Require no token; on this machine only.")] = False,
    make_token: Annotated[
        bool, Option("--new-token", help="Create a token, print it with its digest, and exit.")
    ] = False,
) -> None:
    """Accept events over HTTP: POST /v1/events with one JSON event, an array or NDJSON lines; 202 means that Kafka has them.

    Senders need a token. The file of --config names each token, with its digest and what it may send, and is read again when
    it changes; digests without a scope may also stand in the environment variable VIGIA_GATEWAY_TOKENS, separated by blanks.
    With a Redis it also keeps the customer cards up to date, and several gateways remember together what they accepted.
    """
    if make_token:
        token, digest = new_token()
        typer.echo(
            f'for the sender:   Authorization: Bearer {token}\nfor the gateway:  digest = "{digest}", in a table [token.NAME] of the file of --config (or {TOKENS}={digest})'
        )
        return
    who, where = senders(config, host, open_to_all), broker(kafka, prefix, "gateway")
    cards = redis_address.read(os.environ, redis)
    kept = settings.read(os.environ)
    hashes = keyed_hash(kept.privacy_key, kept.state) if cards is not None else None
    intake, registry = Intake(where), CollectorRegistry()

    async def serve(stop: asyncio.Event) -> None:
        async with (
            health.serving_health(registry, metrics_port, host, intake.ready) as metrics,
            gate(where, intake, who, cards, host, port, hashes, registry) as bound,
        ):
            typer.echo(
                f"gateway: http://{host}:{bound}/v1/events -> Kafka {kafka}, metrics on http://{host}:{metrics}/metrics",
                err=True,
            )
            collect_rarely()
            await stop.wait()

    run_until_stopped(serve, kafka)


class Senders:
    """Who may send: tokens and hooks of the file, tokens of the environment, and the limits; `watch` follows the file's changes."""

    def __init__(self, path: Path | None, digests: Iterable[str], state: Path, open_to_all: bool = False) -> None:
        self._path, self._digests = path, tuple(digests)
        self._stamp = self._stamped()
        config, hooks = self._read()
        self.limits = config.limits
        self.hooks = Hooks(hooks, state)
        self.tokens = Tokens(self._all(config), required=not open_to_all)

    def _read(self) -> tuple[Settings, dict[str, Hook]]:
        if self._path is None:
            return Settings(), {}
        text, name = text_of(self._path), str(self._path)
        return read(text, name), ready(read_hooks(text, name), os.environ)

    def _all(self, config: Settings) -> list[Token]:
        return [*config.tokens(), *Tokens.of_digests(self._digests)]

    def _stamped(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat() if self._path is not None else None
        except OSError:
            found = None  # it is being replaced
        return None if found is None else (found.st_ino, found.st_mtime_ns, found.st_size)

    async def watch(self) -> None:
        """Put the tokens of a changed file in force; one that cannot be read, or names none, changes nothing."""
        while True:
            await asyncio.sleep(RELOAD)
            stamp = self._stamped()
            if self._path is None or stamp is None or stamp == self._stamp:
                continue
            self._stamp = stamp
            try:
                config, hooks = self._read()
            except UsageError as fault:
                LOGGER.error("tokens and hooks stay as they are: %s", fault)
                continue
            tokens = self._all(config)
            if not tokens and not hooks:
                LOGGER.error("tokens and hooks stay as they are: %s names none, so nobody could send", self._path)
                continue
            self.tokens.replace(tokens)
            self.hooks.replace(hooks)
            LOGGER.info("read again: tokens %s; hooks %s", _listed(one.name for one in tokens), _listed(hooks))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def senders(config: Path | None, host: str, open_to_all: bool) -> Senders:
    """Return who may send, by the file and the environment, or everybody on this machine. Raises `UsageError`."""
    digests = os.environ.get(TOKENS, "").split()
    if not all(map(is_digest, digests)):
        raise UsageError(f"{TOKENS}: a token's digest is 64 hexadecimal digits: vigia gateway --new-token makes one")
    local = open_to_all and host in LOCAL
    found = Senders(config, digests, settings.read(os.environ).state, open_to_all=local)
    if not found.tokens and not found.hooks and not local:
        raise UsageError(
            f"{TOKENS} is not set and --config names no token and no hook; create a token with vigia gateway --new-token, "
            "or give --no-token on this machine only"
        )
    return found


@asynccontextmanager
async def gate(
    where: Broker,
    intake: Intake,
    who: Senders,
    cards: RedisAddress | None,
    host: str,
    port: int,
    hashes: KeyedHash | None = None,
    registry: CollectorRegistry | None = None,
) -> AsyncIterator[int]:
    """Accept events, and keep the cards in Redis if one is given (with `hashes`), while the block runs; yields the port."""
    registry = registry if registry is not None else CollectorRegistry()
    board = asyncio.create_task(Board(cards, where, hashes, registry).run()) if cards and hashes else None
    if board is None:
        LOGGER.info("no Redis is given (--redis): there are no customer cards and no board")
    redis = cards.client() if cards else None
    beside = [asyncio.create_task(work) for work in (who.watch(), follow(where, who.hooks), intake.watch())]
    try:
        from vigia.openapi import document  # this import takes half a second

        async with accepting(
            intake, who.tokens, host, port, registry, who.limits, who.hooks, document(),
            seen=shared(redis, where.prefix) if redis else None,
        ) as bound:  # fmt: skip
            yield bound
    finally:
        beside += [] if board is None else [board]
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        if redis is not None:
            await redis.aclose()

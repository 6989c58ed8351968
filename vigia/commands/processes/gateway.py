"""`vigia gateway`: accept events over HTTP."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import typer
from prometheus_client import CollectorRegistry
from typer import Option

from streams.gateway.gateway import Tokens, accepting, new_token
from vigia.commands.shared.kafka import KAFKA, Host, Kafka, Prefix, broker, run_until_stopped
from vigia.readmodel import redis_address
from vigia.readmodel.redis_address import RedisAddress
from vigia.readmodel.redis_board import Board
from vigia.runtime import settings
from vigia.runtime.broker import Broker
from vigia.runtime.privacy.keyed_hash import KeyedHash, keyed_hash
from vigia.runtime.usage_error import UsageError

LOGGER = logging.getLogger("vigia.gateway")
TOKENS = "VIGIA_GATEWAY_TOKENS"
LOCAL = ("127.0.0.1", "::1", "localhost")


def gateway(
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
    host: Host = "127.0.0.1",
    port: Annotated[int, Option(min=0, max=65535, help="The port; 0 picks a free one.")] = 8080,
    redis: Annotated[
        str, Option(metavar="URL", envvar="VIGIA_REDIS", help="The Redis for customer cards and the at-risk board.")
    ] = "",
    open_to_all: Annotated[bool, Option("--no-token", help="Require no token; on this machine only.")] = False,
    make_token: Annotated[
        bool, Option("--new-token", help="Create a token, print it with its digest, and exit.")
    ] = False,
) -> None:
    """Accept events over HTTP: POST /v1/events with one JSON event or NDJSON lines; 202 means that Kafka has them.

    Senders need a token. The gateway stores only digests, in the environment variable VIGIA_GATEWAY_TOKENS, separated by
    blanks. With a Redis it also keeps the customer cards up to date.
    """
    if make_token:
        token, digest = new_token()
        typer.echo(f"for the sender:   Authorization: Bearer {token}\nfor the gateway:  {TOKENS}={digest}")
        return
    tokens, where, cards = (
        senders(host, open_to_all),
        broker(kafka, prefix, "gateway"),
        redis_address.read(os.environ, redis),
    )
    config = settings.read(os.environ)
    hashes = keyed_hash(config.privacy_key, config.state) if cards is not None else None

    async def serve(stop: asyncio.Event) -> None:
        async with gate(where, tokens, cards, host, port, hashes) as bound:
            typer.echo(f"gateway: http://{host}:{bound}/v1/events -> Kafka {kafka}", err=True)
            await stop.wait()

    run_until_stopped(serve, kafka)


def senders(host: str, open_to_all: bool) -> Tokens:
    """Return the tokens of the environment, or none if everybody on this machine may send."""
    try:
        tokens = Tokens(os.environ.get(TOKENS, "").split())
    except ValueError as fault:
        raise UsageError(f"{TOKENS}: {fault}") from None
    if not tokens and not (open_to_all and host in LOCAL):
        raise UsageError(
            f"{TOKENS} is not set; create one with vigia gateway --new-token, or give --no-token on this machine only"
        )
    return tokens


@asynccontextmanager
async def gate(
    where: Broker,
    tokens: Tokens,
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
    try:
        async with accepting(where, tokens, host, port, registry) as bound:
            yield bound
    finally:
        if board is not None:
            board.cancel()
            await asyncio.gather(board, return_exceptions=True)

"""`vigia console`: pages and an API for people, and who may use them."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from prometheus_client import CollectorRegistry
from typer import Argument, Option

from vigia.commands.shared import arguments
from vigia.commands.shared.arguments import known
from vigia.commands.shared.kafka import KAFKA, Host, Kafka, MetricsPort, Prefix, broker, run_until_stopped
from vigia.commands.shared.options import PolicyFile
from vigia.console import config as configuration
from vigia.console.config import Config, check_exposure
from vigia.console.entry.access import folder_of
from vigia.console.entry.accounts import ROLES, SCOPES, Accounts
from vigia.console.running import FILE, Setup, finished, live
from vigia.readmodel import redis_address
from vigia.readmodel.redis_address import RedisAddress
from vigia.readmodel.store.model import ReadModel
from vigia.readmodel.store.redis_store.store import RedisStore
from vigia.readmodel.store.sqlite.store import SqliteStore
from vigia.readmodel.store.tables import Store
from vigia.runtime import health, settings
from vigia.runtime.answering.links import Links, link_secrets
from vigia.runtime.privacy.keyed_hash import keyed_hash
from vigia.runtime.settings import Settings
from vigia.runtime.usage_error import UsageError

app = typer.Typer(help="Serve the console: pages and an API for people.", no_args_is_help=False)
users = typer.Typer(help="Who may sign in.", no_args_is_help=True)
keys = typer.Typer(help="Keys of the API.", no_args_is_help=True)
app.add_typer(users, name="user")
app.add_typer(keys, name="key")

ConsoleConfig = Annotated[
    Path | None,
    Option("--config", metavar="FILE", help="TLS, proxy, public address: deploy/console.toml explains each."),
]


@app.callback(invoke_without_command=True)
def console(
    context: typer.Context,
    run: Annotated[
        Path | None,
        Option("--run", metavar="DIR", help="Show the folder of a replay or demo instead of the running system."),
    ] = None,
    config: ConsoleConfig = None,
    policy: PolicyFile = None,
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
    host: Host = "127.0.0.1",
    port: Annotated[int, Option(min=0, max=65535, help="The port of the console; 0 picks a free one.")] = 8090,
    metrics_port: MetricsPort = 9106,
    redis: Annotated[
        str, Option(metavar="URL", envvar="VIGIA_REDIS", help="The Redis of the read model; without it a file.")
    ] = "",
    rebuild: Annotated[bool, Option("--rebuild", help="Build the read model again from the topics.")] = False,
) -> None:
    """Serve the console: today's worklist, alarms, customers, and what became of them; with an HTTP API.

    Reads the topics into a read model, in a Redis or in the state folder, and writes only what people do. From this machine nobody needs to sign in
    while no user exists; any other address needs users, and TLS or a proxy with TLS.
    """
    if context.invoked_subcommand is not None:
        return
    state = settings.read(os.environ)
    setup = set_up(state, configuration.read(config), policy)
    check_exposure(setup.config, host, bool(setup.accounts.users))
    if run is not None:
        _show_run(setup, run, host, port)
        return
    where, hashes = broker(kafka, prefix, "console"), keyed_hash(state.privacy_key, state.state)
    registry, model = CollectorRegistry(), ReadModel(read_model(state, redis_address.read(os.environ, redis), prefix))
    if rebuild:
        model.store.remove()

    async def serve(stop: asyncio.Event) -> None:
        async with (
            live(setup, model, where, hashes, registry, host, port, stop) as bound,
            health.serving_health(
                registry, metrics_port, host, ready_of(model), setup.config.tls_certificate
            ) as metrics,
        ):
            typer.echo(f"console: http://{host}:{bound}/, metrics on http://{host}:{metrics}/metrics", err=True)
            await stop.wait()

    run_until_stopped(serve, kafka)


def set_up(state: Settings, conf: Config, policy: Path | None) -> Setup:
    """What a console of this state folder is made of; to read links, their address does not matter."""
    return Setup(
        accounts=Accounts(folder_of(state.state)),
        config=conf,
        policy=arguments.policy(policy),
        policy_text=arguments.policy_text(policy),
        openid_secret=state.openid_secret,
        links=Links(conf.public_url or "http://localhost", link_secrets(state.link_secret, state.state)),
    )


def _show_run(setup: Setup, run: Path, host: str, port: int) -> None:
    async def serve(stop: asyncio.Event) -> None:
        async with finished(setup, run, host, port) as bound:
            typer.echo(f"console: http://{host}:{bound}/ shows {run}", err=True)
            await stop.wait()

    run_until_stopped(serve, "")


def ready_of(model: ReadModel) -> health.Ready:
    """Whether the data of the console are current."""

    async def ready() -> str:
        return (model.problem or "the data are old") if model.is_stale else ""

    return ready


def read_model(state: Settings, redis: RedisAddress | None, prefix: str) -> Store:
    """Where the read model lies: in Redis, or in a file of the state folder."""
    return SqliteStore(folder_of(state.state) / FILE) if redis is None else RedisStore(redis, prefix)


def _accounts() -> Accounts:
    return Accounts(folder_of(settings.read(os.environ).state))


@users.command("add")
def add_user(
    name: Annotated[str, Argument(metavar="NAME", help="The name to sign in with; it is recorded with every action.")],
    role: Annotated[
        str, Option(metavar="ROLE", help="viewer reads, agent also acts, owner also sends records back.")
    ] = "agent",
    password_file: Annotated[
        Path | None,
        Option(metavar="FILE", help="A file with the password; without it, it is read from standard input."),
    ] = None,
) -> None:
    """Add a user, or give one another role and password. The password comes from standard input or a file."""
    known("--role", [role], ROLES)
    _accounts().add_user(name, role, _password(password_file))  # type: ignore[arg-type]
    typer.echo(f"{name} may sign in as {role}", err=True)


@users.command("list")
def list_users() -> None:
    """List the users and their roles."""
    for one in _accounts().users.values():
        typer.echo(f"{one.role:7} {one.name}")


@users.command("remove")
def remove_user(name: Annotated[str, Argument(metavar="NAME", help="The user to remove.")]) -> None:
    """Remove a user; the sessions of that user end at once."""
    if not _accounts().remove("user", name):
        raise UsageError(f"{name!r}: no such user; vigia console user list names them")


@keys.command("add")
def add_key(
    name: Annotated[str, Argument(metavar="NAME", help="The name of the key; it is recorded with every action.")],
    scope: Annotated[str, Option(metavar="SCOPE", help="read; act, which also acts; or admin.")] = "read",
) -> None:
    """Add a key, and print it once; only its digest is kept."""
    known("--scope", [scope], SCOPES)
    typer.echo(_accounts().add_key(name, scope))  # type: ignore[arg-type]


@keys.command("list")
def list_keys() -> None:
    """List the keys and their scopes."""
    for one in _accounts().keys.values():
        typer.echo(f"{one.scope:7} {one.name}")


@keys.command("remove")
def remove_key(name: Annotated[str, Argument(metavar="NAME", help="The key to remove.")]) -> None:
    """Remove a key; it is refused at once."""
    if not _accounts().remove("key", name):
        raise UsageError(f"{name!r}: no such key; vigia console key list names them")


def _password(file: Path | None) -> str:
    if file is not None:
        try:
            return file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as fault:
            raise UsageError(f"--password-file {file}: cannot be read ({type(fault).__name__})") from None
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")

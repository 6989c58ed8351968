"""`vigia channels`: list the channels of the routes, and test them."""

import asyncio
import os
import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from typer import Argument, Option

from alerts.channels import email
from alerts.channels.catalogue import type_of
from alerts.channels.contract import ChannelSettings, change_id
from alerts.channels.testing import Outcome, attempt, send_test_message
from alerts.pipeline.connect import connect
from alerts.pipeline.routes import TIERS, Routes
from alerts.settings.secret import NoSecret
from alerts.settings.toml import BadSetting
from scorers.contract.events import Instant
from scorers.contract.inert import inert
from vigia.commands.shared import routing
from vigia.commands.shared.arguments import known
from vigia.commands.shared.logs import log_lines
from vigia.commands.shared.routing import RoutesFile
from vigia.runtime.usage_error import UsageError

app = typer.Typer(help="List the channels of the routes, and test them.", no_args_is_help=True)
AsJson = Annotated[bool, Option("--json", help="A JSON object a line, for other programs.")]


@app.callback()
def _channels() -> None:
    """List the channels of the routes, and test them."""


@app.command("list")
def show(routes: RoutesFile = None, as_json: AsJson = False) -> None:
    """Show each channel: its type, its target, and which routes and ladders use it."""
    loaded = routing.routes(routes)
    for name, settings in loaded.channels.items():
        kind, target = type_of(settings), inert(settings.target(), 120)
        users = used_by(loaded, name)
        if as_json:
            entry = {"channel": name, "type": kind, "target": target, "used_by": users}
            typer.echo(msgspec.json.encode(entry).decode())
        else:
            typer.echo(f"{inert(name, 40):16} {kind:8} {target:40} {', '.join(users) or 'not used'}")


@app.command("test")
def send_test(
    name: Annotated[str | None, Argument(metavar="[NAME]", help="The channel; without it, all of them.")] = None,
    routes: RoutesFile = None,
    as_json: AsJson = False,
) -> None:
    """Send a test message and show the answer.

    Exit status: 0 all were sent, 1 some were not.
    """
    loaded = routing.routes(routes)
    known("NAME", [name] if name is not None else None, tuple(loaded.channels))
    log_lines(os.environ)
    failed = 0
    for one in [name] if name is not None else list(loaded.channels):
        outcome = _try(one, loaded.channels[one])
        failed += outcome.result != "sent"
        entry = {"channel": one, "outcome": outcome.result, "why": outcome.why}
        why = f": {outcome.why}" if outcome.why else ""
        typer.echo(msgspec.json.encode(entry).decode() if as_json else f"{inert(one, 40):16} {outcome.result}{why}")
    if failed:
        raise typer.Exit(1)


@app.command()
def mail(
    name: Annotated[str, Argument(metavar="NAME", help="A channel of type email.")],
    files: Annotated[
        list[Path], Argument(metavar="FILE...", help="What to attach, such as report.html and customers.xlsx.")
    ],
    subject: Annotated[str, Option(metavar="TEXT", help="The subject of the mail.")] = "Vigía: report",
    routes: RoutesFile = None,
) -> None:
    """Mail files to the addresses of a channel, such as a weekly report with the roster; start it from a timer.

    Exit status: 0 it was sent, 1 it was not.
    """
    loaded = routing.routes(routes)
    known("NAME", [name], tuple(loaded.channels))
    settings = loaded.channels[name]
    if not isinstance(settings, email.Settings):
        raise UsageError(f"NAME {name!r}: is a channel of type {type_of(settings)}; give one of type email")
    now = Instant(time.time_ns() // 1000)
    try:
        attached = [(path.name, path.read_bytes()) for path in files]
        message = email.with_files(settings, subject, attached, now, change_id(name, "report", now))
        channel = settings.connect(os.environ)
    except OSError as fault:
        raise UsageError(f"{fault.filename}: cannot be read ({fault.strerror})") from None
    except (ValueError, NoSecret) as fault:
        raise UsageError(f"channel.{name}: {fault}") from None

    outcome = asyncio.run(attempt(channel.deliver(message), channel, settings.timeout))
    typer.echo(f"{inert(name, 40):16} {outcome.result}" + (f": {outcome.why}" if outcome.why else ""))
    if outcome.result != "sent":
        raise typer.Exit(1)


def _try(name: str, settings: ChannelSettings) -> Outcome:
    try:
        channel = connect(name, settings, os.environ)
    except BadSetting as fault:
        return Outcome("refused", str(fault))
    return asyncio.run(send_test_message(name, channel, settings.timeout, Instant(time.time_ns() // 1000)))


def used_by(loaded: Routes, name: str) -> list[str]:
    """The routes and ladders that send through a channel."""
    routes = [f"route {inert(route.name, 40)!r}" for route in loaded.routes if name in route.to]
    return routes + [
        f"ladder {tier}" for tier in TIERS if any(name in rung.to for rung in loaded.ladders.of(tier).rungs)
    ]

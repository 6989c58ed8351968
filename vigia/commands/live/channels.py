"""`vigia channels`: which ways out there are, and whether they work."""

import asyncio
import os
import time
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
import typer
from typer import Argument, Option

from alerts.channels import email, log, webhook
from alerts.channels.testing import Outcome, trial
from alerts.pipeline.connect import connect
from alerts.pipeline.routes import ChannelSettings, Routes
from alerts.settings.secret import spoken
from alerts.settings.toml import BadSetting
from scorers.contract.events import Instant
from scorers.contract.inert import inert
from vigia.commands.shared import routing
from vigia.commands.shared.arguments import known
from vigia.commands.shared.kafka import log_lines
from vigia.commands.shared.routing import RoutesFile

app = typer.Typer(help="Look at the channels of the routes, and test them.", no_args_is_help=True)
AsJson = Annotated[bool, Option("--json", help="A JSON object a line, for other programs.")]


@app.callback()
def _channels() -> None:
    """Look at the channels of the routes, and test them."""


@app.command("list")
def show(routes: RoutesFile = None, as_json: AsJson = False) -> None:
    """Show each channel: its sort, where it goes, and which routes and ladders use it."""
    told = routing.routes(routes)
    for name, settings in told.channels.items():
        kind, goes = str(settings.__struct_config__.tag), target(settings)
        users = used_by(told, name)
        if as_json:
            said = {"channel": name, "type": kind, "target": goes, "used_by": users}
            typer.echo(msgspec.json.encode(said).decode())
        else:
            typer.echo(f"{inert(name, 40):16} {kind:8} {goes:40} {', '.join(users) or 'used by nobody'}")


@app.command("test")
def send_test(
    name: Annotated[str | None, Argument(metavar="[NAME]", help="The channel; without it, all of them.")] = None,
    routes: RoutesFile = None,
    as_json: AsJson = False,
) -> None:
    """Send a message that says that it is a test, and tell what the other side answered.

    Exit status: 0 all were sent, 1 some were not.
    """
    told = routing.routes(routes)
    known("NAME", [name] if name is not None else None, tuple(told.channels))
    log_lines()
    failed = 0
    for one in [name] if name is not None else list(told.channels):
        outcome = _try(one, told.channels[one])
        failed += outcome.word != "sent"
        said = {"channel": one, "outcome": outcome.word, "why": outcome.why}
        why = f": {outcome.why}" if outcome.why else ""
        typer.echo(msgspec.json.encode(said).decode() if as_json else f"{inert(one, 40):16} {outcome.word}{why}")
    if failed:
        raise typer.Exit(1)


def _try(name: str, settings: ChannelSettings) -> Outcome:
    try:
        channel = connect(name, settings, os.environ)
    except BadSetting as fault:
        return Outcome("refused", str(fault))
    return asyncio.run(trial(name, channel, settings, Instant(time.time_ns() // 1000)))


_TARGETS: dict[type, Callable[[Any], str]] = {
    log.Settings: lambda one: "this machine's log" + (", with names" if one.names else ""),
    webhook.Settings: lambda one: urlsplit(one.url).hostname or f"the URL in {spoken(one.url_env)}",
    email.Settings: lambda one: f"{', '.join(one.to)} by {one.host}",
}


def target(settings: ChannelSettings) -> str:
    """Where a channel goes, without any word that may be a secret: of a URL the host alone."""
    return inert(_TARGETS[type(settings)](settings), 120)


def used_by(told: Routes, name: str) -> list[str]:
    """The routes and ladders that send through a channel."""
    routes = [f"route {inert(route.name, 40)!r}" for route in told.routes if name in route.to]
    return routes + [
        f"ladder {tier}" for tier, ladder in told.ladders.items() if any(name in rung.to for rung in ladder.rungs)
    ]

"""The option `--routes`, and the routes that it names."""

from pathlib import Path
from typing import Annotated

from typer import Option

from alerts.pipeline.routes import Routes, load, read
from alerts.settings.toml import BadSetting
from vigia.runtime.answering.links import Links, link_secrets
from vigia.runtime.distribution import shipped_text
from vigia.runtime.settings import Settings
from vigia.runtime.usage_error import UsageError

SHIPPED = "routes.toml"
RoutesFile = Annotated[
    Path | None,
    Option(
        "--routes",
        metavar="FILE",
        envvar="VIGIA_ROUTES",
        help="The routes, as TOML; without it the file that ships with Vigía, which sends to the log.",
    ),
]


def routes(path: Path | None) -> Routes:
    """The routes of a file, or the shipped ones; `UsageError` if they are wrong."""
    try:
        return load(path) if path is not None else read(shipped_text(SHIPPED), f"the shipped {SHIPPED}")
    except BadSetting as fault:
        raise UsageError(str(fault)) from None


def links(routes: Routes, config: Settings) -> Links | None:
    """What makes the links to the console that the routes name; None if they name none."""
    url = routes.console.public_url
    return Links(url, link_secrets(config.link_secret, config.state)) if url else None

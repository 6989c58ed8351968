"""Arguments and options that several commands share, with their words of help."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

Events = Annotated[
    list[str],
    Argument(metavar="EVENTS...", help="Files of events, one JSON object a line, plain or .gz; '-' is standard input."),
]
Run = Annotated[
    list[str],
    Argument(metavar="EVENTS...", help="Files of events, or the folder that an earlier 'vigia replay' wrote."),
]
PolicyFile = Annotated[
    Path | None, Option("--policy", metavar="FILE", help="Thresholds as TOML; without it the defaults are used.")
]
Horizon = Annotated[
    str | None, Option(metavar="SPAN", help="How far risk looks ahead, like 28d or 12w; overrides the policy's.")
]
Until = Annotated[
    str | None,
    Option(metavar="TIME", help="Where the run ends; without it, at the last event. Like 2024-05-06T00:00:00Z."),
]

"""Arguments and options that several commands share, with their help texts."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

Events = Annotated[
    list[str],
    Argument(metavar="EVENTS...", help="Files of events, one JSON object a line, plain or .gz; '-' is standard input."),
]
Run = Annotated[
    list[str] | None,
    Argument(metavar="[EVENTS...]", help="Files of events, or the folder of an earlier 'vigia replay'."),
]
Live = Annotated[
    str | None,
    Option(
        "--kafka",
        metavar="[HOST:PORT]",
        help="Ask the running system instead; without an address the one of VIGIA_KAFKA.",
    ),
]
PolicyFile = Annotated[
    Path | None,
    Option("--policy", metavar="FILE", help="The policy (thresholds) as TOML; the default policy if left out."),
]
Horizon = Annotated[
    str | None, Option(metavar="SPAN", help="The horizon of the risk, like 28d or 12w; overrides the policy.")
]
Until = Annotated[
    str | None,
    Option(metavar="TIME", help="The end of the run, like 2024-05-06T00:00:00Z; the last event if left out."),
]
AlarmsFrom = Annotated[
    str | None,
    Option(
        metavar="TIME", help="Alarms that became true before this instant are recorded as history and sent to nobody."
    ),
]
AllowLate = Annotated[
    bool,
    Option(
        "--allow-late",
        help="Go on although many events come too late to count, because the files are in the wrong order.",
    ),
]

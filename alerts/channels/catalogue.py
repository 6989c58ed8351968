"""The list of channels: a new one is a file in this folder with a class `Settings`, and its name in `NAMES`.

The routes, `vigia channels`, the documents and the shared checks of the tests read this list.
"""

from collections.abc import Mapping
from importlib import import_module

from alerts.channels.contract import ChannelSettings

NAMES = (
    "log",
    "email",
    "webhook",
    "kafka",
    "slack",
    "teams",
    "telegram",
    "pagerduty",
    "alertmanager",
    "apprise",
)

CHANNELS: Mapping[str, type[ChannelSettings]] = {
    name: import_module(f"alerts.channels.{name}").Settings for name in NAMES
}
"""By the `type` of a channel's table in the routes."""


def type_of(settings: ChannelSettings) -> str:
    """The `type` under which the routes name this channel.

    >>> type_of(CHANNELS["log"]())
    'log'
    """
    return str(settings.__struct_config__.tag)


def table() -> str:
    """The table of channels in docs/operations.md, as Markdown."""
    rows = [f"| `{name}` | {(kind.__doc__ or '').splitlines()[0]} |" for name, kind in CHANNELS.items()]
    return "\n".join(["| `type` | sends notifications |", "|---|---|", *rows])


if __name__ == "__main__":
    print(table())  # noqa: T201  (what a contributor pastes into the document)

"""The command line: the table of commands, and the exit status of a run that cannot continue.

Exit status: 0 done, 2 for arguments, settings or files that cannot be used, 130 after Ctrl-C.
"""

import sys
from collections.abc import Sequence
from importlib import import_module

import typer

from vigia.runtime.usage_error import UsageError

COMMANDS = {
    "demo": "files.demo",
    "replay": "files.replay",
    "roster": "files.roster",
    "compare": "files.compare",
    "simulate": "files.simulate",
    "schema": "files.schema",
    "up": "processes.up",
    "worker": "processes.worker",
    "clock": "processes.clock",
    "trainer": "processes.trainer",
    "gateway": "processes.gateway",
    "notifier": "processes.notifier",
    "publish": "files.publish",
    "import": "files.import_events",
    "explain": "live.explain",
    "doctor": "live.doctor",
    "customer": "files.customer",
    "policy": "files.policy",
    "topics": "live.topics",
    "control": "live.control",
    "alarms": "live.alarms",
    "dead-letters": "live.dead_letters",
    "channels": "live.channels",
    "routes": "live.routes",
    "lessons": "files.lessons",
    "privacy": "live.privacy",
}
"""Each command and its module in `vigia.commands`.

The module has `app`, a group of commands, or else a function with the module's name.
"""

app = typer.Typer(
    name="vigia",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for name, path in COMMANDS.items():
    module = import_module(f"vigia.commands.{path}")
    if hasattr(module, "app"):
        app.add_typer(module.app, name=name)
    else:
        app.command(name)(getattr(module, path.rpartition(".")[2]))


@app.callback()
def vigia() -> None:
    """Tell a business which customers are about to leave, why, what that would cost and what to do about it."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its status."""
    try:
        app(args=arguments, prog_name="vigia")
    except UsageError as error:
        _exit(str(error))
    except OSError as error:
        if error.filename is None:
            raise
        _exit(f"{error.filename}: {(error.strerror or 'cannot be used').lower()}")


def _exit(message: str) -> None:
    print(f"vigia: {message}", file=sys.stderr)  # noqa: T201
    sys.exit(2)

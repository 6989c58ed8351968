"""The command line: which commands there are, and how a run that cannot go on says so.

Exit status: 0 done, 2 arguments or files that cannot be used, 130 stopped by Ctrl-C (typer sees to that, and to readers
that go away).
"""

import sys
from collections.abc import Sequence

import typer

from vigia.commands.files import customer, lessons, policy
from vigia.commands.files.compare import compare
from vigia.commands.files.demo import demo
from vigia.commands.files.publish import publish
from vigia.commands.files.replay import replay
from vigia.commands.files.roster import roster
from vigia.commands.files.schema import schema
from vigia.commands.files.simulate import simulate
from vigia.commands.live import alarms, channels, control, dead_letters, routes, topics
from vigia.commands.live.doctor import doctor
from vigia.commands.live.explain import explain
from vigia.commands.processes.clock import clock
from vigia.commands.processes.gateway import gateway
from vigia.commands.processes.notifier import notifier
from vigia.commands.processes.trainer import trainer
from vigia.commands.processes.up import up
from vigia.commands.processes.worker import worker
from vigia.runtime.usage_error import UsageError

app = typer.Typer(
    name="vigia",
    help="A lookout for businesses: who is about to leave, why, what it costs and what to do, while there is time.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for one in (demo, replay, roster, compare, simulate, schema):
    app.command()(one)
for part in (up, worker, clock, trainer, gateway, notifier, publish):
    app.command()(part)
app.command()(explain)
app.command()(doctor)
app.add_typer(customer.app, name="customer")
app.add_typer(policy.app, name="policy")
app.add_typer(topics.app, name="topics")
app.add_typer(control.app, name="control")
app.add_typer(alarms.app, name="alarms")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(channels.app, name="channels")
app.add_typer(routes.app, name="routes")
app.add_typer(lessons.app, name="lessons")


@app.callback()
def vigia() -> None:
    """A lookout for businesses: who is about to leave, why, what it costs and what to do, while there is time."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit status."""
    try:
        app(args=arguments, prog_name="vigia")
    except UsageError as error:
        _leave(str(error))
    except OSError as error:
        if error.filename is None:
            raise
        _leave(f"{error.filename}: {(error.strerror or 'cannot be used').lower()}")


def _leave(message: str) -> None:
    print(f"vigia: {message}", file=sys.stderr)  # noqa: T201
    sys.exit(2)

"""The command line: the table of commands, and the exit status of a run that cannot continue.

Exit status: 0 done, 2 for arguments, settings or files that cannot be used, 130 after Ctrl-C.
"""

import ast
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from vigia.runtime.usage_error import UsageError

HELP = {"help_option_names": ["-h", "--help"]}
ASK_LIVE = ("roster", "customer", "import", "policy", "shadow")  # commands whose --kafka may stand without an address

COMMANDS = {
    "demo": "files.demo",
    "replay": "files.replay",
    "worklist": "files.worklist",
    "roster": "files.roster",
    "compare": "files.compare",
    "report": "files.report",
    "simulate": "files.simulate",
    "schema": "files.schema",
    "up": "processes.up",
    "worker": "processes.worker",
    "clock": "processes.clock",
    "trainer": "processes.trainer",
    "gateway": "processes.gateway",
    "notifier": "processes.notifier",
    "console": "processes.console",
    "publish": "files.publish",
    "import": "files.import_events",
    "hooks": "files.hooks",
    "explain": "live.explain",
    "doctor": "live.doctor",
    "customer": "files.customer",
    "policy": "files.policy",
    "shadow": "live.shadow",
    "topics": "live.topics",
    "control": "live.control",
    "seal": "files.seal",
    "alarms": "live.alarms",
    "dead-letters": "live.dead_letters",
    "channels": "live.channels",
    "routes": "live.routes",
    "lessons": "files.lessons",
    "privacy": "live.privacy",
    "backup": "live.backup",
    "restore": "live.restore",
    "partitions": "live.partitions",
}
"""Each command and its module in `vigia.commands`.

The module has `app`, a group of commands, or else a function with the module's name.
"""


class _Lazy(dict[str, Any]):
    """The commands by name, each imported when it is asked for."""

    def __getitem__(self, name: str) -> Any:
        if super().__getitem__(name) is None:
            self[name] = _load(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else default  # noqa: SIM401  # `dict.get` would not import it

    def items(self) -> Any:
        return [(name, self[name]) for name in self]

    def values(self) -> Any:
        return [self[name] for name in self]


def _load(name: str) -> Any:
    module = import_module(f"vigia.commands.{COMMANDS[name]}")
    group = getattr(module, "app", None)
    if group is None:
        group = typer.Typer(add_completion=False, context_settings=HELP)
        group.command(name)(getattr(module, COMMANDS[name].rpartition(".")[2]))
    command: Any = get_command(group)
    command.name = name
    return command


def _first_words(name: str) -> str:
    """What a command does, from its source: `vigia --help` names all commands and imports none."""
    spec = find_spec(f"vigia.commands.{COMMANDS[name]}")
    assert spec is not None
    assert spec.origin is not None
    for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="app")], value=ast.Call(keywords=words)):
                return str(next(ast.literal_eval(word.value) for word in words if word.arg == "help"))
            case ast.FunctionDef(name=function) if function == COMMANDS[name].rpartition(".")[2]:
                return (ast.get_docstring(node) or "").partition("\n\n")[0]
    return ""


class _Group(TyperGroup):
    """The commands of `vigia`."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Lazy(dict.fromkeys(COMMANDS))
        self._is_listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if self._is_listing and cmd_name in COMMANDS:
            return TyperCommand(cmd_name, help=_first_words(cmd_name))
        return super().get_command(ctx, cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self._is_listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._is_listing = False


app = typer.Typer(
    name="vigia",
    cls=_Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings=HELP,
)


@app.callback()
def vigia() -> None:
    """Tell a business which customers are about to leave, why, what that would cost and what to do about it."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        app(args=with_address(words) if words and words[0] in ASK_LIVE else words, prog_name="vigia")
    except UsageError as error:
        _exit(str(error))
    except OSError as error:
        if error.filename is None:
            raise
        _exit(f"{error.filename}: {(error.strerror or 'cannot be used').lower()}")


def with_address(words: Sequence[str]) -> list[str]:
    """The words of a command with an address after each `--kafka` that has none.

    >>> with_address(["roster", "--kafka", "--out", "a.csv"])[:3]
    ['roster', '--kafka', '127.0.0.1:9092']
    >>> with_address(["customer", "show", "--kafka", "kafka:9092", "ana"])[3]
    'kafka:9092'
    """
    found: list[str] = []
    for n, word in enumerate(words):
        found.append(word)
        following = words[n + 1] if n + 1 < len(words) else ""
        if word == "--kafka" and not following.rpartition(":")[2].strip().isdigit():
            found.append(os.environ.get("VIGIA_KAFKA", "").strip() or "127.0.0.1:9092")
    return found


def _exit(message: str) -> None:
    print(f"vigia: {message}", file=sys.stderr)  # noqa: T201
    sys.exit(2)

"""`vigia policy`: check, show and compare policies (A12)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec import Struct
from typer import Argument

from scorers.policy.spans import Span, format_span
from scorers.policy.tables import Policy
from vigia.commands.shared import arguments
from vigia.readmodel.amounts import counted

app = typer.Typer(help="Check, show and compare the thresholds (policies).", no_args_is_help=True)
File = Annotated[Path, Argument(metavar="FILE", help="The policy, as TOML.")]
Other = Annotated[
    Path | None, Argument(metavar="[OTHER]", help="The policy to compare with; the defaults if left out.")
]


@app.command()
def check(file: File) -> None:
    """Check a policy; an error names the line and the fix."""
    policy = arguments.policy(file)
    changed = sum(1 for _ in differences(Policy(), policy))
    typer.echo(f"{file}: valid, version {policy.version}; {counted(changed, 'value')} changed from the defaults")


@app.command()
def show(
    file: Annotated[Path | None, Argument(metavar="[FILE]", help="The policy; the defaults if left out.")] = None,
) -> None:
    """Print the default policy with its comments, or every value in force under a policy of your own."""
    if file is None:
        typer.echo(arguments.policy_text(None), nl=False)
        return
    policy = arguments.policy(file)
    typer.echo(f"# {file}, version {policy.version}: every value in force")
    for key, value in leaves(policy):
        typer.echo(f"{key} = {written(value)}")


@app.command()
def diff(file: File, other: Other = None) -> None:
    """Print the values that differ from the defaults or from another policy."""
    before, after = (
        (Policy(), arguments.policy(file)) if other is None else (arguments.policy(file), arguments.policy(other))
    )
    for key, old, new in differences(before, after):
        typer.echo(f"{key}: {written(old)} -> {written(new)}")


def leaves(table: Struct, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every key of a policy with its value.

    >>> dict(leaves(Policy()))["tiers.platinum_share"]
    0.05
    """
    for name in table.__struct_fields__:
        value = getattr(table, name)
        if isinstance(value, Struct):
            yield from leaves(value, f"{before}{name}.")
        else:
            yield before + name, value


def differences(before: Policy, after: Policy) -> Iterator[tuple[str, Any, Any]]:
    """Yield each key whose values differ, with both values."""
    for (key, old), (_, new) in zip(leaves(before), leaves(after), strict=True):
        if old != new:
            yield key, old, new


def written(value: Any) -> str:
    """Format a value as in the file.

    >>> written(Span(36 * 3600 * 1_000_000)), written(("09:00-13:00",))
    ('"1d 12h"', '["09:00-13:00"]')
    """
    if isinstance(value, Span):
        return f'"{format_span(value)}"'
    if isinstance(value, tuple):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, Struct):
        value = {name: stated for name in value.__struct_fields__ if (stated := getattr(value, name)) is not None}
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{name}" = {written(one)}' for name, one in value.items()) + "}"
    return f'"{value}"' if isinstance(value, str) else str(value)

"""`vigia policy`: check, show and compare policies (A12)."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from scorers.policy.reading import PolicyError, parse_policy
from scorers.policy.tables import Policy
from streams.records import control_log
from streams.records.signing import keyring
from vigia.commands.shared import arguments
from vigia.commands.shared.kafka import Prefix, broker, run_once
from vigia.commands.shared.seals import with_keys
from vigia.policies.guide import guide
from vigia.policies.values import differences, leaves, written
from vigia.readmodel.amounts import counted
from vigia.runtime import settings
from vigia.runtime.usage_error import UsageError

app = typer.Typer(help="Check, show and compare the thresholds (policies).", no_args_is_help=True)
File = Annotated[Path, Argument(metavar="FILE", help="The policy, as TOML.")]
Other = Annotated[
    Path | None, Argument(metavar="[OTHER]", help="The policy to compare with; the defaults if left out.")
]
InForce = Annotated[
    str | None,
    Option(
        "--kafka",
        metavar="[HOST:PORT]",
        help="Take the policy in force on Kafka; without an address that of VIGIA_KAFKA.",
    ),
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
    kafka: InForce = None,
    prefix: Prefix = "",
) -> None:
    """Print the default policy with its comments; or every value of a policy of your own, or in force, and what is changed in it."""
    if file is not None and kafka is not None:
        raise UsageError(f"--kafka shows the policy in force: leave {str(file)!r} out, or --kafka")
    if file is None and kafka is None:
        typer.echo(arguments.policy_text(None), nl=False)
        return
    name, policy = ("in force", in_force(kafka, prefix)) if kafka else (str(file), arguments.policy(file))
    changed = {key: written(default) for key, default, _ in differences(Policy(), policy)}
    typer.echo(f"# {name}, version {policy.version}: every value, {len(changed)} changed from the defaults")
    for key, value in leaves(policy):
        note = f"  # changed; the default is {changed[key]}" if key in changed else ""
        typer.echo(f"{key} = {written(value)}{note}")


@app.command()
def diff(file: File, other: Other = None, kafka: InForce = None, prefix: Prefix = "") -> None:
    """Print the values that differ from the defaults, from another policy (which is then the newer one), or from the one in force.

    Each comes with what it means and the rules that it serves; the meaning shows the newer values.
    """
    if other is not None and kafka is not None:
        raise UsageError(f"--kafka compares with the policy in force: leave {str(other)!r} out, or --kafka")
    policy = arguments.policy(file)
    if other is not None:
        before, after = policy, arguments.policy(other)
    else:
        before, after = in_force(kafka, prefix) if kafka else Policy(), policy
    for line in told(before, after):
        typer.echo(line)


def told(before: Policy, after: Policy) -> Iterator[str]:
    """The lines that tell people what differs between two policies; one line if nothing does.

    >>> from scorers.policy.reading import parse_policy
    >>> list(told(Policy(), parse_policy("[tiers]\\ndwell = '28d'")))
    ['tiers.dwell: "14d" -> "28d"', '    a fall that lasts this long is a tier-drop (28d) [T2]']
    """
    values = {key: written(value).strip('"') for key, value in leaves(after)}
    found = list(differences(before, after))
    for key, old, new in found:
        meaning = guide()[key]
        yield f"{key}: {written(old)} -> {written(new)}"
        yield f"    {meaning.told(values)} [{' '.join(meaning.rules)}]"
    if not found:
        yield f"no difference: version {after.version}"


def in_force(kafka: str, prefix: str) -> Policy:
    """The newest policy that the clock of the running system has sent."""
    where = broker(kafka, prefix, "control dump")
    config = with_keys(settings.read(os.environ), where)
    keys = keyring(config.seal, config.seal_trust).require()
    found: list[str] = []

    async def work() -> None:
        found.extend((await control_log.policy_texts(where, keys)).values())

    run_once(work(), kafka)
    if not found:
        raise UsageError(f"--kafka {kafka}: no policy is in force; start 'vigia clock', which sends it")
    try:
        return parse_policy(found[-1], "the policy in force")
    except PolicyError as error:
        raise UsageError(str(error)) from None

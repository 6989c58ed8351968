"""`vigia roster`: all customers in alphabetical order, for Excel or as CSV (A11)."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from vigia.commands.shared import arguments
from vigia.commands.shared.options import Horizon, PolicyFile, Run, Until
from vigia.readmodel.alarm_summary import read_customers
from vigia.readmodel.amounts import counted
from vigia.readmodel.roster import check_ending, write_roster
from vigia.readmodel.run_folder import run_folder
from vigia.runtime.files.event_files import not_over_inputs


def roster(
    events: Run,
    out: Annotated[Path, Option(metavar="FILE", help="The file to write: customers.xlsx or customers.csv.")],
    policy: PolicyFile = None,
    horizon: Horizon = None,
    until: Until = None,
) -> None:
    """Write every customer in alphabetical order with stage, tier, type, risk and value at risk."""
    check_ending(out)
    not_over_inputs(f"--out {out}", [out], events)
    with run_folder(events, arguments.policy(policy, horizon), arguments.optional_instant(until, "--until")) as folder:
        count = write_roster(read_customers(folder), out)
    typer.echo(f"{counted(count, 'customer')} -> {out}")

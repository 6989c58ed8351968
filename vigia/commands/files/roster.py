"""`vigia roster`: all customers in alphabetical order, for Excel or as CSV (A11)."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from alerts.wording.languages import TONGUES
from scorers.policy.business_zone import business_zone
from vigia.commands.shared import arguments, live
from vigia.commands.shared.kafka import Prefix
from vigia.commands.shared.options import Horizon, Live, PolicyFile, Run, Until
from vigia.readmodel.alarm_summary import read_alarms, read_customers
from vigia.readmodel.amounts import counted
from vigia.readmodel.roster import check_ending, write_roster
from vigia.readmodel.run_folder import run_folder
from vigia.runtime.files.event_files import not_over_inputs


def roster(
    out: Annotated[Path, Option(metavar="FILE", help="The file to write: customers.xlsx or customers.csv.")],
    events: Run = None,
    kafka: Live = None,
    prefix: Prefix = "",
    policy: PolicyFile = None,
    horizon: Horizon = None,
    until: Until = None,
    language: Annotated[
        str, Option(metavar="CODE", help="The language of reasons, actions and order: en or es.")
    ] = "en",
) -> None:
    """Write every customer in alphabetical order with stage, tier, type, risk, value at risk, and reason and action of the gravest alarm.

    From files of events, from the folder of a replay, or from the running system with --kafka.
    """
    check_ending(out)
    arguments.known("--language", [language], sorted(TONGUES))
    where = live.chosen(events, kafka, prefix, policy, horizon, until)
    if where is not None:
        count = write_roster(live.rows(where), out, alarms=live.alarms(where), language=language)
    else:
        files = events or []
        not_over_inputs(f"--out {out}", [out], files)
        rules, end = arguments.policy(policy, horizon), arguments.optional_instant(until, "--until")
        with run_folder(files, rules, end) as folder:
            count = write_roster(
                read_customers(folder), out, business_zone(rules.time.zone), read_alarms(folder), language
            )
    typer.echo(f"{counted(count, 'customer')} -> {out}")

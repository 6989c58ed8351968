"""`vigia doctor`: what is wrong although nothing has failed, and how to mend it."""

import os
from typing import Annotated

import msgspec
import typer
from typer import Option

from scorers.contract.inert import inert
from vigia.commands.shared.kafka import KAFKA, Kafka, Prefix, broker, run_once
from vigia.operations.diagnosis import Finding, diagnose
from vigia.operations.inspection import inspect
from vigia.runtime import settings

MARKS = {"fine": "ok", "note": "note", "fault": "WRONG", "unknown": "?"}


def doctor(
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
    apart: Annotated[
        float, Option(metavar="SECONDS", min=0, help="How long the groups are watched, to see whether they move.")
    ] = 5.0,
    as_json: Annotated[bool, Option("--json", help="A JSON object a line, for other programs.")] = False,
) -> None:
    """Look for what fails in silence: topics, partitions, partitioners, brokers, clocks, groups, seals, who is missing.

    Looks only, changes nothing. VIGIA_PARTITIONS and VIGIA_SEAL are compared with what is there. Exit status: 0
    nothing is wrong, 1 something is, 3 Kafka does not answer.
    """
    where, told = broker(kafka, prefix), settings.read(os.environ)
    found: list[Finding] = []

    async def work() -> None:
        found.extend(diagnose(await inspect(where, told.partitions, told.seal, apart)))

    run_once(work(), kafka)
    for one in found:
        typer.echo(msgspec.json.encode(one._asdict()).decode() if as_json else line(one))
    if any(one.state == "fault" for one in found):
        raise typer.Exit(1)


def line(one: Finding) -> str:
    """A finding, and its mend under it."""
    mend = f"\n{'':7}{'':19}mend: {inert(one.mend, 400)}" if one.mend else ""
    return f"{MARKS[one.state]:7}{one.check:19}{inert(one.says, 400)}{mend}"

"""`vigia doctor`: find faults that cause no error, with their fixes."""

import os
from typing import Annotated

import msgspec
import typer
from typer import Option

from scorers.contract.inert import inert
from streams.records.signing import keyring
from vigia.commands.shared.kafka import KAFKA, Kafka, Prefix, broker, run_once
from vigia.commands.shared.seals import found
from vigia.operations.diagnosis import Finding, diagnose
from vigia.operations.inspection import inspect
from vigia.runtime import settings

MARKS = {"fine": "ok", "note": "note", "fault": "WRONG", "unknown": "?"}


def doctor(
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
    apart: Annotated[
        float, Option(metavar="SECONDS", min=0, help="Seconds between the two looks at the consumer groups.")
    ] = 5.0,
    as_json: Annotated[bool, Option("--json", help="One JSON object a line, for programs.")] = False,
) -> None:
    """Find faults that cause no error: topics, partitions, partitioners, brokers, clocks, groups, signatures, missing processes.

    Changes nothing. Compares VIGIA_PARTITIONS and VIGIA_SEAL, or the secret generated on this machine, with the running system. Exit status: 0 no fault, 1 a
    fault, 3 Kafka does not answer.
    """
    where, config = broker(kafka, prefix, "doctor"), found(settings.read(os.environ))
    keys = keyring(config.seal, config.seal_trust)
    findings: list[Finding] = []

    async def work() -> None:
        findings.extend(diagnose(await inspect(where, config.partitions, keys, apart)))

    run_once(work(), kafka)
    for one in findings:
        typer.echo(msgspec.json.encode(one._asdict()).decode() if as_json else line(one))
    if any(one.state == "fault" for one in findings):
        raise typer.Exit(1)


def line(one: Finding) -> str:
    """Format a finding, with its fix on the next line."""
    mend = f"\n{'':7}{'':19}fix: {inert(one.mend, 400)}" if one.mend else ""
    return f"{MARKS[one.state]:7}{one.check:19}{inert(one.says, 400)}{mend}"

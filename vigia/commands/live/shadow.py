"""`vigia shadow`: judge the live events by a second policy beside the one in force, and send nothing."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from typer import Option

from scorers.contract.events import MINUTE, SECOND
from vigia.commands.files.compare import compared, show
from vigia.commands.files.policy import in_force
from vigia.commands.shared import arguments
from vigia.commands.shared.kafka import KAFKA, Kafka, Prefix, broker, run_once
from vigia.operations.input_copy import InputCopy
from vigia.readmodel.amounts import counted
from vigia.runtime import settings


def shadow(
    policy: Annotated[Path, Option(metavar="FILE", help="The second policy, as TOML.")],
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
    every: Annotated[
        str | None,
        Option(metavar="SPAN", help="Judge again after this time, like 1h, until it is stopped; once if left out."),
    ] = None,
    folder: Annotated[
        Path | None,
        Option(metavar="DIR", help="Where the copy of the events lies meanwhile; it is removed at the end."),
    ] = None,
    json: Annotated[bool, Option("--json", help="Print one JSON object each time.")] = False,
) -> None:
    """Judge the events of the running system by the policy in force and by a second one, and compare, as 'vigia compare' does.

    Reads the committed records of the inputs and of the clock, and writes nothing to Kafka. Both policies are judged by replays
    of the same events on this machine: disk for a copy of the topics, memory as a replay needs.
    """
    rules = arguments.policy(policy)
    pause = None if every is None else arguments.span(every, "--every", MINUTE)
    where = broker(kafka, prefix, "shadow")
    partitions = settings.read(os.environ).partitions
    with _folder(folder) as lies:
        copy = InputCopy(where, partitions, lies)
        while True:
            files: list[str] = []

            async def extend(found: list[str] = files) -> None:
                found += await copy.extend()

            run_once(extend(), kafka)
            typer.echo(f"{counted(copy.records, 'event')} of {where.address}; nothing is sent", err=True)
            if files:
                show(compared(files, in_force(kafka, prefix), rules), json, as_csv=False)
            if pause is None:
                return
            asyncio.run(asyncio.sleep(pause / SECOND))


@contextmanager
def _folder(parent: Path | None) -> Iterator[Path]:
    if parent is not None:
        parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="vigia-shadow-", dir=parent) as folder:
        yield Path(folder)

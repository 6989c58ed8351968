"""`vigia publish`: send files of events to Kafka."""

import time
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from scorers.contract.events import Instant
from scorers.contract.wire import Rejection
from scorers.policy.spans import format_span
from scorers.policy.tables import Policy
from streams.files.publish import Line, Published, lines
from streams.files.publish import publish as send
from streams.gateway.intake import Intake, KafkaAway
from vigia.commands.shared.history import ToldOfHistory
from vigia.commands.shared.kafka import KAFKA, Kafka, Prefix, broker, exit_unavailable, run_once
from vigia.commands.shared.options import AllowLate
from vigia.commands.shared.spooling import keep_and_send
from vigia.readmodel.amounts import counted
from vigia.readmodel.run_folder import SORT, late_by, no_event
from vigia.runtime import progress
from vigia.runtime.files.event_files import checked, damage_named
from vigia.runtime.files.event_lines import WINDOW, Lateness, Order, lateness_of, wrong_order
from vigia.runtime.usage_error import UsageError

LATENESS = Policy().time.allowed_lateness  # of the default policy: publish does not know the workers'


def publish(
    events: Annotated[
        list[str] | None,
        Argument(
            metavar="FILE...", help="Files of events, one JSON object a line, plain or .gz; '-' is standard input."
        ),
    ] = None,
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
    allow_late: AllowLate = False,
    spool: Annotated[
        Path | None,
        Option(
            metavar="DIR",
            help="Keep the events in this folder until they are acknowledged; without files, send what waits there.",
        ),
    ] = None,
    gateway: Annotated[
        str | None,
        Option(metavar="URL", help="With --spool: send to a gateway instead of Kafka, with the token of VIGIA_TOKEN."),
    ] = None,
) -> None:
    """Send events to Kafka, each to the topic of its type, and wait until all are acknowledged.

    Files in the wrong order are sorted within 100,000 lines; a pipe is sent as it comes. A line that is not an event is
    reported on standard error and left out. Exit status: 0 all acknowledged, 1 some lines
    are not events, 2 a file cannot be used, or no line is an event, 3 Kafka did not acknowledge: send the files again,
    duplicates count once. With --spool it is 0 once the events are on disk, whether or not they could be sent.
    """
    if spool is not None:
        keep_and_send(checked(events or []), spool, kafka, prefix, gateway)
        return
    if gateway is not None:
        raise UsageError("--gateway is for --spool DIR: name the folder where events wait until they are acknowledged")
    if not events:
        raise UsageError("name files of events, or --spool DIR to send what waits there")
    files, where, done, before = checked(events), broker(kafka, prefix, "publish"), Published(), Instant(0)
    order, sent = Order(lateness=LATENESS), Lateness(LATENESS)
    if progress.size(files) is None:
        typer.echo(f"note: a pipe is sent as it comes, not put in the order of time; for that, first {SORT}", err=True)
    else:
        order = Order(WINDOW, LATENESS)
        with progress.of_bytes("Checking", progress.size(files)) as advance, damage_named(files):
            checked_first = lateness_of(files, order, advance)
        before = checked_first.history
        if not allow_late and wrong_order(checked_first.late, checked_first.facts):
            raise UsageError(
                f"{_late(checked_first)}: the files are in the wrong order, and nothing was sent; {SORT}, "
                "or go on without those facts (--allow-late)"
            )

    told = ToldOfHistory(where, before) if before else None

    def reject(line: Line, fault: Rejection) -> None:
        typer.echo(f"{line.file}:{line.number}: {fault.code}: {fault.detail}", err=True)

    async def work() -> None:
        nonlocal done
        if told is not None:
            await told.tell()
        intake = Intake(where)
        with progress.of_bytes("Sending", progress.size(files)) as advance, damage_named(files):
            try:
                done = await send(intake, lines(files, advance, order, sent, sent.begin if before else None), reject)
            finally:
                await intake.close()

    try:
        run_once(work(), kafka)
    except KafkaAway as fault:
        exit_unavailable(kafka, fault)
    for topic, count in sorted(done.topics.items()):
        typer.echo(f"{counted(count, 'event')} -> {where.name(topic)}")
    _say_what_is_late(sent)
    if left := done.rejected.total():
        codes = ", ".join(f"{count:,} {code}" for code, count in sorted(done.rejected.items()))
        typer.echo(f"left out: {counted(left, 'line')} rejected ({codes})", err=True)
        if not done.events:
            raise UsageError(no_event(files))
        raise typer.Exit(1)


def _late(found: Lateness) -> str:
    return f"{found.late:,} of {found.facts:,} facts come too late, {late_by(LATENESS)}"


def _say_what_is_late(sent: Lateness) -> None:
    """Say which of the events that were sent will not count, or may not."""
    if sent.late:
        typer.echo(f"left out by the workers: {_late(sent)}; mend: {SORT}", err=True)
    elif sent.newest and sent.newest < time.time_ns() // 1000 - LATENESS:
        typer.echo(
            f"note: all of this is older than {format_span(LATENESS)}. Customers of whom newer events were read before count "
            "it as too late: publish all files of a history in one command, before anything newer",
            err=True,
        )

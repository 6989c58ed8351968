"""Publishing by way of a spool: events are on disk before anything is sent, and what cannot be sent waits there."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import typer

from scorers.contract.wire import Rejection
from streams.files.publish import Line, lines
from vigia.client.publisher import Publisher
from vigia.client.spool import Spool, SpoolFull
from vigia.readmodel.amounts import counted
from vigia.readmodel.run_folder import no_event
from vigia.runtime import progress
from vigia.runtime.files.event_files import damage_named
from vigia.runtime.files.event_lines import Order
from vigia.runtime.usage_error import UsageError

AT_ONCE = 500  # lines that are written with one sync
PATIENCE = 5.0  # seconds without an acknowledgement after which the rest waits for the next time


def keep_and_send(files: Sequence[str], folder: Path, kafka: str, prefix: str, gateway: str | None) -> None:
    """Append the events of files to a spool, then send what waits there, as far as that is possible now."""
    kept = _keep(files, folder) if files else 0
    to = {"gateway": gateway} if gateway else {"kafka": kafka, "prefix": prefix}
    with Publisher(spool=folder, **to) as publisher:
        before = publisher.waiting
        left = publisher.flush(PATIENCE)
        problem, refused = publisher.problem, publisher.refused
    if files:
        typer.echo(f"{counted(kept, 'event')} -> {folder}")
    typer.echo(f"{counted(before - left, 'event')} -> {gateway or kafka}")
    if left:
        why = f" ({problem})" if problem else ""
        typer.echo(
            f"{counted(left, 'event')} wait{'s' if left == 1 else ''} in {folder}{why}; send them later: vigia publish --spool {folder}"
        )
    if refused:
        typer.echo(
            f"left out: {counted(len(refused), 'event')} of the spool refused; the last: {refused[-1][1]}", err=True
        )


def _keep(files: Sequence[str], folder: Path) -> int:
    """Append the events of files; returns how many. A line that is no event is told and left out."""
    spool, kept = Spool(folder), 0
    try:
        with progress.of_bytes("Keeping", progress.size(files)) as advance, damage_named(files):
            read = lines(files, advance, Order())
            while chunk := list(islice(read, AT_ONCE)):
                events = list(_events(chunk))
                spool.add(events)
                kept += len(events)
    except SpoolFull as full:
        raise UsageError(f"{folder}: {full}") from None
    finally:
        spool.close()
    if not kept:
        raise UsageError(no_event(files))
    return kept


def _events(chunk: Sequence[Line]) -> Iterator[bytes]:
    for line in chunk:
        content = line.content
        if isinstance(content, Rejection):
            typer.echo(f"{line.file}:{line.number}: {content.code}: {content.detail}", err=True)
        else:
            yield content.raw

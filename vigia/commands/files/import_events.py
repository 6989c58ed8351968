"""`vigia import`: put files of events in the order of time."""

from pathlib import Path
from typing import IO, Annotated

import msgspec
import typer
from typer import Option

from scorers.contract.wire import Rejection
from streams.files.external_sort import sort_events
from vigia.commands.shared.options import Events
from vigia.readmodel.amounts import counted
from vigia.readmodel.run_folder import no_event
from vigia.runtime import progress
from vigia.runtime.files.event_files import checked, damage_named, not_over_inputs
from vigia.runtime.files.lines import Line
from vigia.runtime.usage_error import UsageError


def import_events(
    events: Events,
    out: Annotated[Path, Option(metavar="FILE", help="The file to write; packed if its name ends in .gz.")],
    sort: Annotated[bool, Option("--sort", help="Put the events of all files in the order of time.")] = False,
    rejects: Annotated[
        Path | None, Option(metavar="FILE", help="Write the lines that are no events here: file, line, code, detail.")
    ] = None,
) -> None:
    """Put the events of files of any size in the order of time, into one file, with bounded memory.

    Lines stay as they are; those that are no events are left out. Exit status: 0 done, although lines were left out;
    2 a file cannot be used, or no line is an event. Only files with one JSON object a line can be read so far.
    """
    if not sort:
        raise UsageError("--sort is missing: sorting is all that import can do so far")
    files = checked(events)
    if not out.parent.is_dir():
        raise UsageError(f"--out {out}: there is no folder {out.parent}; make it first")
    not_over_inputs(f"--out {out}", [out], files)
    not_over_inputs("--rejects", [rejects] if rejects else [], files)
    file = rejects.open("wb") if rejects else None
    try:
        with progress.of_bytes("Sorting", progress.size(files)) as advance, damage_named(files):
            done = sort_events(files, out, _into(file), advance)
    finally:
        if file is not None:
            file.close()
    typer.echo(f"{counted(done.events, 'event')} -> {out}")
    if left := done.rejected.total():
        codes = ", ".join(f"{count:,} {code}" for code, count in sorted(done.rejected.items()))
        where = f"{rejects} has file, line and reason" if rejects else "--rejects FILE writes file, line and reason"
        typer.echo(f"left out: {counted(left, 'line')} rejected ({codes}); {where}")
        if not done.events:
            raise UsageError(no_event(files))


class _into:
    """Writes a rejected line to a file, if there is one."""

    def __init__(self, file: IO[bytes] | None) -> None:
        self._file = file

    def __call__(self, line: Line, fault: Rejection) -> None:
        if self._file is not None:
            row = {"file": line.file, "line": line.number, "code": fault.code, "detail": fault.detail}
            self._file.write(msgspec.json.encode(row) + b"\n")

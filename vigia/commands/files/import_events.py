"""`vigia import`: tables into events by a map, and files of events into the order of time."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import msgspec
import typer
from typer import Argument, Option

from scorers.contract.events import Instant
from scorers.contract.wire import Rejection
from streams.files import publish
from streams.files.external_sort import sort_events, writer
from streams.files.resumable import ResumableSending, content_name
from streams.gateway.intake import Fact, KafkaAway
from streams.tables.importing import Import
from streams.tables.map_file import FileMap, read_map
from streams.tables.propose import propose as proposal
from vigia.commands.shared import arguments
from vigia.commands.shared.history import ToldOfHistory
from vigia.commands.shared.kafka import KAFKA, Prefix, broker, exit_unavailable, run_once
from vigia.commands.shared.options import AlarmsFrom
from vigia.commands.shared.rebuilding import rebuild as rebuilt
from vigia.readmodel.amounts import counted
from vigia.readmodel.run_folder import no_event
from vigia.runtime import progress
from vigia.runtime.files.event_files import checked, damage_named, not_over_inputs
from vigia.runtime.files.history_line import history_line
from vigia.runtime.files.lines import Line
from vigia.runtime.usage_error import UsageError

SHOWN = 3  # events and rejected rows that a dry run prints
STEPS = "name a map (--map MAP.toml) for a table; --propose writes one, and --sort puts files of events in the order of time"


def import_events(
    files: Annotated[
        list[str],
        Argument(metavar="FILE...", help="CSV, JSONL, parquet or Excel; of events JSONL only. '-' is standard input."),
    ],
    map: Annotated[
        Path | None, Option(metavar="MAP.toml", help="Which column becomes which field; docs/import.md explains it.")
    ] = None,
    out: Annotated[
        Path | None, Option(metavar="FILE", help="Write the events to this file; packed if its name ends in .gz.")
    ] = None,
    kafka: Annotated[
        str | None,
        Option(metavar="[HOST:PORT]", help="Send the events to Kafka; without an address to the one of VIGIA_KAFKA."),
    ] = None,
    prefix: Prefix = "",
    sort: Annotated[bool, Option("--sort", help="Put the events of all files in the order of time.")] = False,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Write nothing: show the first events, and what would be left out and why.")
    ] = False,
    rejects: Annotated[
        Path | None, Option(metavar="FILE", help="Write the rows that are left out here: file, line, code, detail.")
    ] = None,
    alarms_from: AlarmsFrom = None,
    rebuild: Annotated[
        bool,
        Option(
            "--rebuild",
            help="Fold these rows and the live topics together under a new prefix, beside the running system; repeated, cut over to it.",
        ),
    ] = False,
    to: Annotated[
        str | None,
        Option(
            "--to",
            metavar="PREFIX",
            help="With --rebuild: the new prefix; 'rebuilt-' after the present one if left out.",
        ),
    ] = None,
    again: Annotated[
        bool,
        Option(
            "--again", help="With --kafka: begin anew although an import of the same files and map has begun or ended."
        ),
    ] = False,
    propose: Annotated[
        bool, Option("--propose", help="Print a map for the first file, guessed from its columns, and stop.")
    ] = False,
) -> None:
    """Turn the rows of tables into events, by a map, into a file or to Kafka.

    Without a map, files of events are put in the order of time (--sort). To Kafka events go in the order of time. Memory is bounded
    whatever the size. An import to Kafka that was interrupted continues where it was if it is started again. Exit status: 0 done,
    although rows were left out; 2 a file or the map cannot be used, or no row is an event; 3 Kafka did not acknowledge: import again.
    """
    sources = checked(files)
    if propose:
        with damage_named(sources):
            typer.echo(proposal(sources[0]), nl=False)
        return
    if map is None and not sort:
        raise UsageError(f"--map is missing: {STEPS}")
    if rebuild and map is not None and kafka is None and out is None and not dry_run:
        kafka = os.environ.get("VIGIA_KAFKA", "").strip() or KAFKA
    if rebuild and kafka is None:
        raise UsageError(
            "--rebuild is for Kafka and needs a map: leave --out and --dry-run out, and name the map with --map"
        )
    if sum((out is not None, kafka is not None, dry_run)) != 1:
        raise UsageError("choose one of --out FILE, --kafka and --dry-run")
    if map is None and out is None:
        raise UsageError(
            "without a map events are sorted into a file: name it with --out; 'vigia publish' sends events"
        )
    written = [path for path in (out, rejects) if path is not None]
    for path in written:
        if not path.parent.is_dir():
            raise UsageError(f"{path}: there is no folder {path.parent}; make it first")
        option = f"--out {path}" if path == out else f"--rejects {path}"
        not_over_inputs(option, [path], [*sources, *([map] if map else [])])
    before = arguments.optional_instant(alarms_from, "--alarms-from") or Instant(0)
    with ExitStack() as stack:
        report = _Report(rejects, stack, verbose=dry_run)
        if map is None:
            assert out is not None
            _sort(sources, out, before, report)
        else:
            map_text = arguments.text(map)
            form = read_map(map_text, str(map))
            if out is not None:
                _to_file(sources, form, out, sort, before, report)
            elif kafka is not None and rebuild:
                _rebuild(sources, map_text, form, kafka, prefix, to, before, report)
            elif kafka is not None:
                _to_kafka(sources, map_text, form, kafka, prefix, before, again, report)
            else:
                _show(sources, form, report)
    if not rebuild or report.rows:  # a build that is done reads no rows
        report.say(sources)


class _Report:
    """Counts events and rejected rows, and writes the latter to a file, if there is one."""

    def __init__(self, rejects: Path | None, stack: ExitStack, verbose: bool) -> None:
        self.types = Counter[str]()
        self.rejected = Counter[str]()
        self.rows = 0
        self._path, self._verbose = rejects, verbose
        self._file = None if rejects is None else stack.enter_context(rejects.open("wb"))

    def reject(self, line: Line) -> None:
        """A row is left out."""
        fault = line.event
        assert isinstance(fault, Rejection)
        self.rejected[fault.code] += 1
        if self._file is not None:
            row = {"file": line.file, "line": line.number, "code": fault.code, "detail": fault.detail}
            self._file.write(msgspec.json.encode(row) + b"\n")
        elif self._verbose and self.rejected.total() <= SHOWN:
            typer.echo(f"{line.file}:{line.number}: {fault.code}: {fault.detail}", err=True)

    def read(self, work: Import) -> None:
        """All rows were read."""
        self.types, self.rows = work.types, work.rows

    def say(self, sources: list[str]) -> None:
        """Say what was left out; raises `UsageError` if nothing was taken."""
        if left := self.rejected.total():
            codes = ", ".join(f"{count:,} {code}" for code, count in sorted(self.rejected.items()))
            where = f"{self._path} has file, line and reason"
            typer.echo(
                f"left out: {counted(left, 'row')} rejected ({codes}); "
                f"{where if self._path else '--rejects FILE writes file, line and reason'}"
            )
        if not self.types:
            raise UsageError("no row is an event" if self.rows else no_event(sources))


def _sort(sources: list[str], out: Path, before: Instant, report: _Report) -> None:
    def reject(line: Line, fault: Rejection) -> None:
        report.reject(line)

    with progress.of_bytes("Sorting", progress.size(sources)) as advance, damage_named(sources):
        done = sort_events(sources, out, reject, advance, history=before)
    if done.events:
        report.types["events"] = done.events
        typer.echo(f"{counted(done.events, 'event')} -> {out}")


def _events(work: Import, folder: str, report: _Report) -> Iterator[Line]:
    yield from work.lines(Path(folder), by_time=True)
    report.read(work)


def _to_file(sources: list[str], form: FileMap, out: Path, sort: bool, before: Instant, report: _Report) -> None:
    with (
        TemporaryDirectory(prefix=".vigia-", dir=out.parent, ignore_cleanup_errors=True) as folder,
        progress.of_bytes("Importing", progress.size(sources)) as advance,
        damage_named(sources),
    ):
        complete = Path(folder) / "complete"
        with writer(complete, packed=out.suffix == ".gz") as file:
            if before:
                file.write(history_line(before))
            work = Import(sources, form, report.reject, advance)
            file.writelines(work.raw_lines(Path(folder), sort))
            report.read(work)
        if report.types:
            complete.replace(out)
    _say_types(report, str(out))


def _to_kafka(
    sources: list[str],
    map_text: str,
    form: FileMap,
    kafka: str,
    prefix: str,
    before: Instant,
    again: bool,
    report: _Report,
) -> None:
    where = broker(kafka, prefix, "import")
    told = ToldOfHistory(where, before) if before else None
    sending = ResumableSending(where, "" if again else content_name(sources, map_text))

    async def work(events: Iterator[Line]) -> None:
        if told is not None:
            await told.tell()
        async with sending:
            if sending.before:
                typer.echo(f"continues after {counted(sending.before, 'event')} that an earlier run has sent", err=True)
            await sending.send(publish.Line(one.file, one.number, _fact(one)) for one in events)

    with (
        TemporaryDirectory(prefix="vigia-", ignore_cleanup_errors=True) as folder,
        progress.of_bytes("Importing", progress.size(sources)) as advance,
        damage_named(sources),
    ):
        events = _events(Import(sources, form, report.reject, advance), folder, report)
        try:
            run_once(work(events), kafka)
        except KafkaAway as fault:
            exit_unavailable(kafka, fault)
    for topic, count in sorted(sending.topics.items()):
        typer.echo(f"{counted(count, 'event')} -> {where.name(topic)}")
    if sending.before and not sending.topics:
        typer.echo("all events were sent by an earlier import of the same files and map; --again sends them again")


def _rebuild(
    sources: list[str],
    map_text: str,
    form: FileMap,
    kafka: str,
    prefix: str,
    to: str | None,
    before: Instant,
    report: _Report,
) -> None:
    with (
        TemporaryDirectory(prefix="vigia-", ignore_cleanup_errors=True) as folder,
        progress.of_bytes("Rebuilding", progress.size(sources)) as advance,
        damage_named(sources),
    ):
        events = _events(Import(sources, form, report.reject, advance), folder, report)
        try:
            what = content_name(sources, map_text)
            run_once(rebuilt(map(_fact, events), what, kafka, prefix, to, before, Path(folder)), kafka)
        except KafkaAway as fault:
            exit_unavailable(kafka, fault)


def _fact(line: Line) -> Fact:
    assert not isinstance(line.event, Rejection)
    return Fact(line.event, line.raw)


def _show(sources: list[str], form: FileMap, report: _Report) -> None:
    with (
        TemporaryDirectory(prefix="vigia-", ignore_cleanup_errors=True) as folder,
        progress.of_bytes("Reading", progress.size(sources)) as advance,
        damage_named(sources),
    ):
        work = Import(sources, form, report.reject, advance)
        for number, raw in enumerate(work.raw_lines(Path(folder), by_time=False)):
            if number < SHOWN:
                typer.echo(raw.decode(), nl=False)
        report.read(work)
    _say_types(report, "nothing was written")


def _say_types(report: _Report, where: str) -> None:
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(report.types.items()))
    if kinds:
        typer.echo(f"{counted(report.rows, 'row')}: {counted(report.types.total(), 'event')} ({kinds}) -> {where}")

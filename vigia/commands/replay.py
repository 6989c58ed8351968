"""`vigia replay`: files of events in, alarms, scores and customers out."""

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from gzip import BadGzipFile, GzipFile
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from streams.replay import Asked, Summary
from streams.replay import replay as fold
from vigia import progress, typed
from vigia.typed import Unusable

Events = Annotated[
    list[str],
    Argument(metavar="EVENTS...", help="Files of events, one JSON object a line, plain or .gz; '-' is standard input."),
]
PolicyFile = Annotated[
    Path | None, Option("--policy", metavar="FILE", help="Thresholds as TOML; without it the defaults are used.")
]
Horizon = Annotated[
    str | None, Option(metavar="SPAN", help="How far risk looks ahead, like 28d or 12w; overrides the policy's.")
]
Until = Annotated[
    str | None,
    Option(metavar="TIME", help="Where the run ends; without it, at the last event. Like 2024-05-06T00:00:00Z."),
]


def replay(
    events: Events,
    out: Annotated[Path, Option(metavar="DIR", help="The folder to write into; it is made if need be.")],
    policy: PolicyFile = None,
    horizon: Horizon = None,
    score_at: Annotated[
        list[str] | None,
        Option(metavar="TIME", help="Score every customer at this instant; may stand several times."),
    ] = None,
    score_every: Annotated[
        str | None, Option(metavar="SPAN", help="Score every customer again and again after so long, like 28d.")
    ] = None,
    until: Until = None,
) -> None:
    """Fold files of events in this process and write what follows: no broker needed.

    Writes alarms.jsonl, scores.csv, customers.jsonl, rejected.jsonl and summary.json into DIR. The same files give the
    same bytes. A line that cannot be read is written to rejected.jsonl with its reason and does not stop the run.
    """
    asked = Asked(
        at=tuple(typed.instant(text, "--score-at") for text in score_at or ()),
        every=typed.span(score_every, "--score-every", 1_000_000) if score_every else 0,
        until=typed.instant(until, "--until") if until else None,
    )
    rules, files = typed.policy(policy, horizon), typed.sources(events)
    with progress.of_bytes("Folding", progress.size(files)) as told, damage_named(files):
        summary = fold(files, out, rules, asked, progress=told)
    for line in lines(summary, out):
        typer.echo(line)


def lines(summary: Summary, out: Path) -> list[str]:
    """What came of a run, for people."""
    raised = sum(summary.alarms.values())
    told = [f"{summary.events:,} events of {summary.customers:,} customers, {raised:,} alarms and changes -> {out}"]
    if summary.rejected:
        told.append(f"{summary.rejected:,} lines could not be used; {out / 'rejected.jsonl'} says why")
    return told


@contextmanager
def damage_named(files: Sequence[str]) -> Iterator[None]:
    """Says which file is damaged, should unpacking fail."""
    try:
        yield
    except (EOFError, zlib.error, BadGzipFile):
        names = [name for name in files if name != "-" and not _whole(Path(name))]
        raise Unusable(f"{', '.join(names) or 'the input'}: damaged or cut short; fetch or pack it again") from None


def _whole(path: Path) -> bool:
    with path.open("rb") as file:
        if file.peek(2)[:2] != b"\x1f\x8b":
            return True
        try:
            with GzipFile(fileobj=file) as packed:
                while packed.read(1 << 20):
                    pass
        except (EOFError, zlib.error, BadGzipFile):
            return False
    return True

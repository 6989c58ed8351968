"""`vigia replay`: files of events in, alarms, scores and customers out."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from streams.replay import Asked, Summary
from streams.replay import replay as fold
from vigia import progress, typed
from vigia.commands.options import Events, Horizon, PolicyFile, Until
from vigia.packed import damage_named


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

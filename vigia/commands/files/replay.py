"""`vigia replay`: files of events in, alarms, scores and customers out."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from scorers.in_force.control import Control
from scorers.policy.reading import PolicyError, parse_policy
from scorers.policy.tables import Policy
from scorers.timeline.timeline import Step
from streams.records import control_log
from streams.records.control_log import ControlsWrong
from streams.records.lessons import encode_lesson
from streams.replay.replay import Asked, Summary
from streams.replay.replay import replay as fold
from vigia.commands.shared import arguments
from vigia.commands.shared.options import Events, Horizon, PolicyFile, Until
from vigia.runtime import progress
from vigia.runtime.event_files import checked, damage_named
from vigia.runtime.usage_error import UsageError


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
    lessons: Annotated[
        Path | None,
        Option(
            metavar="FILE", help="Also write what the model learned from, a lesson a line, for 'vigia lessons export'."
        ),
    ] = None,
    control: Annotated[
        Path | None,
        Option(
            metavar="FILE", help="Judge by the figures, models and policy of a worker: what 'vigia control dump' wrote."
        ),
    ] = None,
) -> None:
    """Fold files of events in this process and write what follows: no broker needed.

    Writes alarms.jsonl, scores.csv, customers.jsonl, rejected.jsonl and summary.json into DIR. The same files give the
    same bytes. A line that cannot be read is written to rejected.jsonl with its reason and does not stop the run.
    """
    asked = Asked(
        at=tuple(arguments.instant(text, "--score-at") for text in score_at or ()),
        every=arguments.span(score_every, "--score-every", 1_000_000) if score_every else 0,
        until=arguments.optional_instant(until, "--until"),
    )
    rules, told, files = arguments.policy(policy, horizon), None, checked(events)
    if control is not None:
        rules, told = _as_the_worker(control, rules, policy is None and horizon is None)
    with progress.of_bytes("Folding", progress.size(files)) as seen, damage_named(files), _writing(lessons) as watch:
        summary = fold(files, out, rules, asked, progress=seen, controls=told, watch=watch)
    for line in lines(summary, out):
        typer.echo(line)


def _as_the_worker(control: Path, rules: Policy, own: bool) -> tuple[Policy, list[Control]]:
    """The worker's policy, where no other was asked for, and what it was told."""
    try:
        told = list(control_log.read(control))
        if own and (text := control_log.policy_text(control)) is not None:
            rules = parse_policy(text, str(control))
    except (ControlsWrong, PolicyError) as error:
        raise UsageError(str(error)) from None
    return rules, told


@contextmanager
def _writing(lessons: Path | None) -> Iterator[Callable[[Step], None] | None]:
    """Writes the lessons of each step, if they are wanted."""
    if lessons is None:
        yield None
        return
    with lessons.open("wb") as file:
        yield lambda step: file.writelines(encode_lesson(lesson) + b"\n" for lesson in step.lessons)


def lines(summary: Summary, out: Path) -> list[str]:
    """What came of a run, for people."""
    raised = sum(summary.alarms.values())
    told = [f"{summary.events:,} events of {summary.customers:,} customers, {raised:,} alarms and changes -> {out}"]
    if summary.rejected:
        told.append(f"{summary.rejected:,} lines could not be used; {out / 'rejected.jsonl'} says why")
    return told

"""`vigia replay`: fold files of events into alarms, scores and customers."""

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
from streams.replay.replay import ScoreSchedule, Summary
from streams.replay.replay import replay as fold
from vigia.commands.shared import arguments
from vigia.commands.shared.options import Events, Horizon, PolicyFile, Until
from vigia.readmodel.amounts import counted
from vigia.runtime import progress
from vigia.runtime.event_files import checked, damage_named
from vigia.runtime.usage_error import UsageError


def replay(
    events: Events,
    out: Annotated[Path, Option(metavar="DIR", help="The folder to write to; it is created if missing.")],
    policy: PolicyFile = None,
    horizon: Horizon = None,
    score_at: Annotated[
        list[str] | None,
        Option(metavar="TIME", help="Score every customer at this instant; may be repeated."),
    ] = None,
    score_every: Annotated[
        str | None, Option(metavar="SPAN", help="Score every customer at this interval, like 28d.")
    ] = None,
    until: Until = None,
    lessons: Annotated[
        Path | None,
        Option(metavar="FILE", help="Also write the lessons of the model, one a line, for 'vigia lessons export'."),
    ] = None,
    control: Annotated[
        Path | None,
        Option(metavar="FILE", help="Use the figures, models and policy of a worker, from 'vigia control dump'."),
    ] = None,
) -> None:
    """Fold files of events in this process and write alarms, scores and customers; needs no broker.

    Writes alarms.jsonl, scores.csv, customers.jsonl, rejected.jsonl and summary.json to DIR. The same files give the
    same bytes. A line that cannot be read goes to rejected.jsonl with its reason and does not stop the run.
    """
    asked = ScoreSchedule(
        at=tuple(arguments.instant(text, "--score-at") for text in score_at or ()),
        every=arguments.span(score_every, "--score-every", 1_000_000) if score_every else 0,
        until=arguments.optional_instant(until, "--until"),
    )
    rules, controls, files = arguments.policy(policy, horizon), None, checked(events)
    if control is not None:
        rules, controls = _as_the_worker(control, rules, policy is None and horizon is None)
    with progress.of_bytes("Folding", progress.size(files)) as advance, damage_named(files), _writing(lessons) as watch:
        summary = fold(files, out, rules, asked, progress=advance, controls=controls, watch=watch)
    for line in lines(summary, out):
        typer.echo(line)


def _as_the_worker(control: Path, rules: Policy, own: bool) -> tuple[Policy, list[Control]]:
    """Return the worker's policy, unless another is given, and its control records."""
    try:
        controls = list(control_log.read(control))
        if own and (text := control_log.policy_text(control)) is not None:
            rules = parse_policy(text, str(control))
    except (ControlsWrong, PolicyError) as error:
        raise UsageError(str(error)) from None
    return rules, controls


@contextmanager
def _writing(lessons: Path | None) -> Iterator[Callable[[Step], None] | None]:
    """Yield a function that writes the lessons of a step, or None if they are not wanted."""
    if lessons is None:
        yield None
        return
    with lessons.open("wb") as file:
        yield lambda step: file.writelines(encode_lesson(lesson) + b"\n" for lesson in step.lessons)


def lines(summary: Summary, out: Path) -> list[str]:
    """Summarise a run for people."""
    raised = sum(summary.alarms.values())
    found = [
        f"{counted(summary.events, 'event')} of {counted(summary.customers, 'customer')}, {raised:,} alarms and changes -> {out}"
    ]
    if summary.rejected:
        found.append(f"{summary.rejected:,} lines could not be used; {out / 'rejected.jsonl'} has the reasons")
    return found

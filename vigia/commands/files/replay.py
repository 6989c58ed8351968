"""`vigia replay`: fold files of events into alarms, scores and customers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from scorers.contract.events import Duration
from scorers.in_force.control import Control, PolicyInForce
from scorers.in_force.live_quality import LEAVING, Quality
from scorers.in_force.uplift import Uplift
from scorers.policy.reading import PolicyError, parse_policy
from scorers.policy.tables import Policy
from scorers.timeline.emitter import Step
from streams.records import control_log
from streams.records.by_source import as_text
from streams.records.control_log import ControlsWrong
from streams.records.lessons import encode_lesson
from streams.replay.replay import OUTPUTS
from streams.replay.replay import replay as fold
from streams.replay.scores import ScoreSchedule
from streams.replay.summary import Summary
from vigia.commands.shared import arguments
from vigia.commands.shared.options import AlarmsFrom, AllowLate, Events, Horizon, PolicyFile, Until
from vigia.readmodel.amounts import counted, without_cents
from vigia.readmodel.run_folder import SORT, late_by, no_event, order_named
from vigia.runtime import progress
from vigia.runtime.files.event_files import checked, damage_named, not_over_inputs
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
    allow_late: AllowLate = False,
    trust_times: Annotated[
        bool,
        Option("--trust-times", help="Take every time as it is, also one that is 30 days ahead of its neighbours."),
    ] = False,
    alarms_from: AlarmsFrom = None,
) -> None:
    """Compute alarms, scores and customers from files of events; needs no broker.

    Writes alarms.jsonl, worklist.jsonl, scores.csv, customers.jsonl, losses.jsonl, stores.jsonl, rejected.jsonl, summary.json and base.json to DIR. The same
    files give the same bytes. A line that cannot be read goes to rejected.jsonl with its reason and does not stop the run; the last
    lines say what was left out. Exit status: 0 done, 2 an argument or a file cannot be used, or no line is an event.
    """
    asked = ScoreSchedule(
        at=tuple(arguments.instant(text, "--score-at") for text in score_at or ()),
        every=arguments.span(score_every, "--score-every", 1_000_000) if score_every else 0,
        until=arguments.optional_instant(until, "--until"),
    )
    rules, controls, files = arguments.policy(policy, horizon), None, checked(events)
    not_over_inputs(f"--out {out}", [out / name for name in OUTPUTS], files)
    not_over_inputs("--lessons", [lessons] if lessons else [], files)
    if control is not None:
        rules, controls = _as_the_worker(control, rules, policy is None and horizon is None)
    with (
        progress.of_bytes("Folding", progress.size(files)) as advance,
        damage_named(files),
        order_named(),
        _writing(lessons) as watch,
    ):
        summary = fold(
            files,
            out,
            rules,
            asked,
            progress=advance,
            controls=controls,
            watch=watch,
            in_order=True,
            allow_late=allow_late,
            trust_times=trust_times,
            history_before=arguments.optional_instant(alarms_from, "--alarms-from") or 0,
        )
    for line in lines(summary, out, rules.time.allowed_lateness):
        typer.echo(line)
    if summary.rejected and not summary.events:
        raise UsageError(no_event(files))


def _as_the_worker(control: Path, rules: Policy, own: bool) -> tuple[Policy, list[Control]]:
    """Return the worker's policy, unless another is given, and its control records."""
    try:
        controls = list(control_log.read(control))
        if not own:
            controls = [one for one in controls if not isinstance(one, PolicyInForce)]
        elif (text := control_log.policy_text(control)) is not None:
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
    part = lessons.with_name(f".{lessons.name}.part")
    try:
        with part.open("wb") as file:
            yield lambda step: file.writelines(encode_lesson(lesson) + b"\n" for lesson in step.lessons)
        part.replace(lessons)
    finally:
        part.unlink(missing_ok=True)


def lines(summary: Summary, out: Path, lateness: Duration) -> list[str]:
    """Summarise a run for people: what it gave, and what was left out, with the mend."""
    raised = sum(summary.alarms.values())
    found = [
        f"{counted(summary.events, 'event')} of {counted(summary.customers, 'customer')}, {raised:,} alarms and changes -> {out}"
    ]
    found += quality(summary.quality)
    if summary.rejected:
        codes = ", ".join(f"{count:,} {code}" for code, count in summary.rejected_codes.items())
        where = out / "rejected.jsonl"
        way_on = "; --trust-times takes times as they are" if "bad_time" in summary.rejected_codes else ""
        found.append(
            f"left out: {counted(summary.rejected, 'line')} rejected ({codes}); {where} has file, line and reason{way_on}"
        )
    if summary.too_late:
        found.append(f"left out: {counted(summary.too_late, 'event')} too late, {late_by(lateness)}; mend: {SORT}")
    if conflicts := summary.conflicts:
        found.append(
            f"left out: {counted(conflicts, 'conflict')}, another event under the source and id of an earlier one; "
            f"mend: give each event an id of its own (by source: {as_text(summary.conflicts_by_source)})"
        )
    if duplicates := summary.duplicates - conflicts:
        found.append(f"left out: {counted(duplicates, 'duplicate')} of events that were read before")
    return found


def quality(measured: Quality) -> list[str]:
    """Say how good the alarms about leaving were, as far as their answers are known; nothing before that."""
    left, found = measured.leavers, []
    if left.by_silence:
        lead = f", {left.lead_days:g} days before (median)" if left.lead_days is not None else ""
        found.append(
            f"{counted(left.by_silence, 'customer')} left by silence, {left.told_before:,} of them told before{lead}"
        )
    right = [
        f"{kind} {one.all.hits:,} of {one.all.answered:,}"
        for kind in LEAVING
        if (one := measured.kinds.get(kind)) is not None
    ]
    if right:
        found.append(f"bought nothing within the alarm's horizon: {', '.join(right)} (summary.json: quality)")
        found.append(f"came back because of alarms: {kept(measured.uplift.all)}")
    return found


def kept(one: Uplift) -> str:
    """Say what telling people of alarms has brought, as far as a hold-out has measured it."""
    if one.difference is None or one.interval is None:
        why = f"{one.held_out:,} answers of customers held out" if one.held_out else "no customer is held out"
        return f"not measured ({why}; policy: hold_out)"
    low, high = one.interval
    money = "".join(
        f", {without_cents(middle, name)} kept ({without_cents(least, name)} to {without_cents(most, name)})"
        for name, (middle, least, most) in one.kept_minor.items()
    )
    return (
        f"{one.difference:+.1%} ({low:+.1%} to {high:+.1%}) of {counted(one.told, 'alarm')} told, "
        f"against {one.held_out:,} held out{money}"
    )

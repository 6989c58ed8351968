"""Provide the folder of a replay: an existing one, or a temporary one made from events. Say which files cannot be used."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from scorers.contract.events import Duration, Instant
from scorers.policy.spans import format_span
from scorers.policy.tables import Policy
from streams.replay.replay import WrongOrder, replay
from streams.replay.scores import ScoreSchedule
from vigia.runtime import progress
from vigia.runtime.files import event_files
from vigia.runtime.usage_error import UsageError

SORT = "sort them first (vigia import FILE... --sort --out sorted.jsonl)"


@contextmanager
def run_folder(events: Sequence[str], policy: Policy, until: Instant | None = None) -> Iterator[Path]:
    """Yield the folder of a run over these files of events; the folder of an earlier run is used as it is."""
    if len(events) == 1 and (Path(events[0]) / "customers.jsonl").is_file():
        yield Path(events[0])
        return
    files = event_files.checked(events)
    with TemporaryDirectory(prefix="vigia-") as folder:
        with (
            progress.of_bytes("Folding", progress.size(files)) as advance,
            event_files.damage_named(files),
            order_named("; 'vigia replay' has --allow-late"),
        ):
            asked = ScoreSchedule(until=until)
            summary = replay(files, Path(folder), policy, asked, progress=advance, in_order=True, trust_times=False)
        if summary.rejected and not summary.events:
            raise UsageError(no_event(files))
        yield Path(folder)


@contextmanager
def order_named(way_on: str = ", or go on without those facts (--allow-late)") -> Iterator[None]:
    """Turn a `WrongOrder` of the block into a `UsageError` with the mend and how to go on."""
    try:
        yield
    except WrongOrder as wrong:
        raise UsageError(f"{wrong}; {SORT}{way_on}") from None


def late_by(lateness: Duration) -> str:
    """What too late means."""
    return f"more than {format_span(lateness)} before a newer event of the customer that was read earlier"


def no_event(files: Sequence[str]) -> str:
    """Why files give no event at all: what they seem to be."""
    guesses = [f"{name} looks like {what}" for name in files if (what := event_files.looks_like(name))]
    return "; ".join(["no line is an event of the contract", *guesses])

"""Provide the folder of a replay: an existing one, or a temporary one made from events."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from scorers.contract.events import Instant
from scorers.policy.tables import Policy
from streams.replay.replay import ScoreSchedule, replay
from vigia.runtime import event_files, progress


@contextmanager
def run_folder(events: Sequence[str], policy: Policy, until: Instant | None = None) -> Iterator[Path]:
    """Yield the folder of a run over these files of events; the folder of an earlier run is used as it is."""
    if len(events) == 1 and (Path(events[0]) / "customers.jsonl").is_file():
        yield Path(events[0])
        return
    files = event_files.checked(events)
    with TemporaryDirectory(prefix="vigia-") as folder:
        with progress.of_bytes("Folding", progress.size(files)) as advance, event_files.damage_named(files):
            replay(files, Path(folder), policy, ScoreSchedule(until=until), progress=advance)
        yield Path(folder)

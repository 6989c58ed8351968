"""A finished run to look at: a folder that `vigia replay` wrote, or one made for the moment from events."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from scorers.policy.tables import Policy
from streams.replay.replay import Asked, replay
from vigia.runtime import arguments, progress
from vigia.runtime.packed import damage_named


@contextmanager
def played(events: Sequence[str], policy: Policy, until: str | None = None) -> Iterator[Path]:
    """The folder of a run over these events; a folder of an earlier run is taken as it is."""
    if len(events) == 1 and (Path(events[0]) / "customers.jsonl").is_file():
        yield Path(events[0])
        return
    files = arguments.sources(events)
    asked = Asked(until=arguments.instant(until, "--until") if until else None)
    with TemporaryDirectory(prefix="vigia-") as folder:
        with progress.of_bytes("Folding", progress.size(files)) as told, damage_named(files):
            replay(files, Path(folder), policy, asked, progress=told)
        yield Path(folder)

"""Progress bars on standard error, if it is a terminal."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


def size(sources: Sequence[str]) -> int | None:
    """Return the total size of the files in bytes, or None if one is not a regular file."""
    paths = [Path(name) for name in sources]
    return sum(path.stat().st_size for path in paths) if all(path.is_file() for path in paths) else None


@contextmanager
def of_bytes(what: str, total: int | None) -> Iterator[Callable[[int], None] | None]:
    """Show a bar of bytes; yields a function that adds the bytes read, or None without a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda more: bar.advance(task, more)


@contextmanager
def of_steps(what: str, total: int) -> Iterator[Callable[[int, int], None] | None]:
    """Show a bar of steps; yields a function that sets the steps done (the total is ignored), or None without a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done, _: bar.update(task, completed=done)

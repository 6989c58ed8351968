"""Check files of events before a run, and name the damaged one if unpacking fails."""

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from gzip import BadGzipFile, GzipFile
from pathlib import Path

from vigia.runtime.usage_error import UsageError

_BROKEN = (EOFError, zlib.error, BadGzipFile)


def checked(files: Sequence[str]) -> list[str]:
    """Return the files after opening each once, so that a missing one fails before output is written.

    `-` is standard input and may be given once. Raises `OSError` for a file that cannot be opened.
    """
    if files.count("-") > 1:
        raise UsageError("'-' is given twice: standard input can be read only once")
    for name in files:
        if name != "-":
            Path(name).open("rb").close()
    return list(files)


@contextmanager
def damage_named(files: Sequence[str]) -> Iterator[None]:
    """Turn a decompression error of the block into a `UsageError` that names the damaged files."""
    try:
        yield
    except _BROKEN:
        names = [name for name in files if name != "-" and not _intact(Path(name))]
        raise UsageError(
            f"{', '.join(names) or 'the input'}: damaged or cut short; download or compress it again"
        ) from None


def _intact(path: Path) -> bool:
    with path.open("rb") as file:
        if file.peek(2)[:2] != b"\x1f\x8b":
            return True
        try:
            with GzipFile(fileobj=file) as packed:
                while packed.read(1 << 20):
                    pass
        except _BROKEN:
            return False
    return True

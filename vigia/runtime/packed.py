"""Names the file when unpacking one fails: a reader of several files learns only that some bytes are wrong."""

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from gzip import BadGzipFile, GzipFile
from pathlib import Path

from vigia.runtime.arguments import Unusable

_BROKEN = (EOFError, zlib.error, BadGzipFile)


@contextmanager
def damage_named(files: Sequence[str]) -> Iterator[None]:
    """Says which of the files is damaged, should unpacking fail within."""
    try:
        yield
    except _BROKEN:
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
        except _BROKEN:
            return False
    return True

"""Check files of events before a run: that each can be read and none would be written over; say what a wrong one is."""

import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from gzip import BadGzipFile, GzipFile
from pathlib import Path

from vigia.runtime.usage_error import UsageError

_BROKEN = (EOFError, zlib.error, BadGzipFile)
_HEAD = 4096  # bytes that show what a file is

TABLE = "turn its rows into events (vigia import FILE --propose writes a map to start from)"
SIGNATURES = (
    (b"PK\x03\x04", f"an Excel or zip file: {TABLE}"),
    (b"PAR1", f"a parquet file: {TABLE}"),
    (b"SQLite format 3", "a database of SQLite: export its events as JSONL"),
    (b"\xff\xfe", "text in UTF-16: save it as UTF-8"),
    (b"\xfe\xff", "text in UTF-16: save it as UTF-8"),
    (b"BZh", "packed with bzip2: unpack it (bunzip2)"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd: unpack it (unzstd)"),
    (b"\xfd7zXZ\x00", "packed with xz: unpack it (unxz)"),
    (b"[", "a JSON array: write one object a line (jq -c '.[]' FILE)"),
    (b"<", "XML or HTML: write one JSON object a line"),
)
"""How files begin that are no events, and what they are, with the mend."""


def checked(files: Sequence[str]) -> list[str]:
    """Return the files after opening each once, so that a missing one fails before output is written.

    `-` is standard input and may be given once. Raises `OSError` for a file that cannot be opened.
    """
    if files.count("-") > 1:
        raise UsageError("'-' is given twice: standard input can be read only once")
    for name in files:
        if name != "-" and not Path(name).is_fifo():  # whoever opens a pipe and closes it ends its writer
            Path(name).open("rb").close()
    return list(files)


def not_over_inputs(option: str, outputs: Iterable[Path], inputs: Iterable[str | Path]) -> None:
    """Raise `UsageError` if an output would be written over an input, whatever the paths look like."""
    there = [Path(name) for name in inputs if str(name) != "-"]
    for output in outputs:
        for name in there:
            with suppress(OSError):  # an output that is not there yet is written over nothing
                if output.samefile(name):
                    raise UsageError(f"{option}: would write over the input {name}; choose another place")


def looks_like(source: str) -> str:
    """What a file without any event seems to be, with the mend; empty if that is unknown or it was standard input."""
    if source == "-" or not Path(source).is_file():
        return ""
    with Path(source).open("rb") as file:
        packed = file.peek(2)[:2] == b"\x1f\x8b"
        head = (GzipFile(fileobj=file) if packed else file).read(_HEAD)
    bare = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for signature, what in SIGNATURES:
        if bare.startswith(signature):
            return what
    first = bare.split(b"\n", 1)[0].strip().decode("utf-8", "replace")
    if first.startswith("{"):
        try:
            json.loads(first)
        except ValueError:
            return "JSON over several lines: write one object a line (jq -c . FILE)"
        return "JSON lines that are no events of the contract: 'vigia schema --out DIR' writes their schema"
    if max(first.count(mark) for mark in ",;\t|"):
        return f"CSV: {TABLE}"
    return ""


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
    if not path.is_file():
        return True
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

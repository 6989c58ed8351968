"""Files that hold a generated secret."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its user may read, whole or not at all; a file that is there already stays."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # with mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was quicker
            os.link(temporary, path)
    finally:
        os.unlink(temporary)

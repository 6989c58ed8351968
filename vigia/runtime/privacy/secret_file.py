"""Files that hold a generated secret."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from vigia.runtime.usage_error import UsageError

LEAST = 32  # characters of a secret: 128 bits in hexadecimal


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


def generated_secret(path: Path, variable: str, of: str) -> str:
    """The secret in a file that only this user may read, made on first use; two processes that start at once agree on one.

    `variable` is the setting in whose place it stands, `of` says for whom it must be the same.
    """
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_secret(path, secrets.token_hex(LEAST))
        found = path.read_text(encoding="ascii").strip()
    except OSError as fault:
        raise UsageError(
            f"{variable} is not set, and {path} cannot be made ({fault.strerror}): set it, {of}, "
            "or VIGIA_STATE to a folder that can be written"
        ) from None
    if len(found) < LEAST:
        raise UsageError(f"{path}: the secret is incomplete; restore the file, or set {variable}")
    return found

"""The sessions that were ended before their time, so that a copy of the cookie opens nothing after signing out.

A session is a signed cookie, so nothing else remembers it. A line of the file is the instant until which it would have
been valid and the hash of the cookie; lines of the past are left out when the console starts.
"""

import hashlib
import logging
import os
import time
from pathlib import Path

LOGGER = logging.getLogger("vigia.console")
FILE = "ended-sessions"


class EndedSessions:
    """The file of one console; consoles that share a folder see each other's endings."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._until: dict[str, int] = {}
        self._read_to = 0
        self._tidy()

    def end(self, session: str, until: int) -> None:
        """Remember that a session is over; `until` is when it would have ended, in seconds since 1970."""
        self._until[_digest(session)] = until
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(handle, "a", encoding="ascii") as file:
                file.write(f"{until} {_digest(session)}\n")
        except OSError as fault:
            LOGGER.error(
                "%s cannot be written (%s): a session that was ended is valid again after a restart",
                self._path,
                fault.strerror,
            )

    def __contains__(self, session: str) -> bool:
        self._read()
        return _digest(session) in self._until

    def _read(self) -> None:
        """Read what was added since the last time; a last line that is not whole yet is left for the next time."""
        try:
            size = self._path.stat().st_size
            if size == self._read_to:
                return
            with self._path.open("rb") as file:
                file.seek(self._read_to if size > self._read_to else 0)
                added = file.read()
                whole = added[: added.rfind(b"\n") + 1]
                self._read_to = file.tell() - len(added) + len(whole)
        except FileNotFoundError:
            self._read_to = 0
            return
        now = int(time.time())
        self._until = {one: until for one, until in self._until.items() if until > now}
        for line in whole.decode("ascii", "replace").splitlines():
            until, _, digest = line.partition(" ")
            if until.isdecimal() and int(until) > now:
                self._until[digest] = int(until)

    def _tidy(self) -> None:
        """Delete the file if every session in it would be over by now."""
        self._read()
        if not self._until:
            self._path.unlink(missing_ok=True)
            self._read_to = 0


def _digest(session: str) -> str:
    return hashlib.sha256(session.encode()).hexdigest()

"""The users and keys of the console: two files in the state folder, which may change while it runs.

A password is kept as an Argon2 hash, a key as its SHA-256: keys are random, so no slow hash is needed for them.
"""

import fcntl
import hashlib
import json
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from msgspec import Struct

from vigia.runtime.usage_error import UsageError

Role = Literal["viewer", "agent", "owner"]
Scope = Literal["read", "act", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
SCOPES: tuple[Scope, ...] = get_args(Scope)
GRANTS: dict[str, frozenset[Scope]] = {
    "viewer": frozenset({"read"}),
    "agent": frozenset({"read", "act"}),
    "owner": frozenset({"read", "act", "admin"}),
    "read": frozenset({"read"}),
    "act": frozenset({"read", "act"}),
    "admin": frozenset({"read", "act", "admin"}),
}
"""What each role of a user and each scope of a key may do."""
NAME = re.compile(r"[^\W_](?:[\w .@'-]{0,62}[\w.])?")
LEAST = 10  # characters of a password
LONGEST = 1_024  # characters of a password that is tried
PREFIX = "vigia_"

_hasher = PasswordHasher()
_nobody = _hasher.hash(secrets.token_hex(16))


class User(Struct, frozen=True):
    """Somebody who signs in."""

    name: str
    role: Role
    password: str  # its hash


class Key(Struct, frozen=True):
    """A key of the API."""

    name: str
    scope: Scope
    digest: str


class Accounts:
    """The users and keys of a folder, read again when a file has changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._users = _File(folder / "users.json", lambda name, one: User(name, one["role"], one["password"]))
        self._keys = _File(folder / "keys.json", lambda name, one: Key(name, one["scope"], one["digest"]))

    @property
    def users(self) -> dict[str, User]:
        """The users by name."""
        return self._users.read()

    @property
    def keys(self) -> dict[str, Key]:
        """The keys by name."""
        return self._keys.read()

    def user(self, name: str, password: str) -> User | None:
        """The user whose password this is; takes equally long for names that do not exist."""
        found = self.users.get(name)
        try:
            _hasher.verify(_nobody if found is None else found.password, password[:LONGEST])
        except (VerificationError, InvalidHashError):
            return None
        return found

    def key(self, token: str) -> Key | None:
        """The key with this token."""
        digest = _digest(token)
        return next((one for one in self.keys.values() if secrets.compare_digest(one.digest, digest)), None)

    def add_user(self, name: str, role: Role, password: str) -> None:
        """Add a user, or give one another role and password. Raises `UsageError`."""
        _checked(name)
        if not LEAST <= len(password) <= LONGEST:
            raise UsageError(f"the password has {len(password)} characters: give {LEAST} to {LONGEST}")
        self._users.change(lambda all_: all_.update({name: {"role": role, "password": _hasher.hash(password)}}))

    def add_key(self, name: str, scope: Scope) -> str:
        """Add a key, and return its token, which is kept nowhere. Raises `UsageError` for a name that exists."""
        _checked(name)
        if name in self.keys:
            raise UsageError(f"{name!r}: there is a key of that name; remove it first, or choose another name")
        token = PREFIX + secrets.token_urlsafe(32)
        self._keys.change(lambda all_: all_.update({name: {"scope": scope, "digest": _digest(token)}}))
        return token

    def remove(self, what: Literal["user", "key"], name: str) -> bool:
        """Remove a user or key; False if there is none of that name."""
        file = self._users if what == "user" else self._keys
        if name not in file.read():
            return False
        file.change(lambda all_: all_.pop(name, None))
        return True


class _File:
    """A file of named things, written whole or not at all."""

    def __init__(self, path: Path, made: Callable[[str, dict[str, Any]], Any]) -> None:
        self._path, self._made = path, made
        self._stamp: tuple[int, int] | None = None
        self._found: dict[str, Any] = {}

    def read(self) -> dict[str, Any]:
        """All of them by name. Raises `UsageError` if the file cannot be read: nobody gets in, and nobody is forgotten."""
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            self._stamp, self._found = None, {}
            return self._found
        stamp = (stat.st_mtime_ns, stat.st_ino)
        if stamp != self._stamp:
            try:
                found = json.loads(self._path.read_text(encoding="utf-8"))
                self._found = {name: self._made(name, one) for name, one in found.items()}
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                raise UsageError(f"{self._path}: cannot be read; restore the file, or remove it") from None
            self._stamp = stamp
        return self._found

    def change(self, edit: Callable[[dict[str, Any]], object]) -> None:
        """Change the file, one process at a time."""
        with self._locked():
            text = self._path.read_text(encoding="utf-8") if self._path.exists() else "{}"
            found = json.loads(text)
            edit(found)
            handle, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(found, file, ensure_ascii=False, indent=1)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._path.parent / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _checked(name: str) -> None:
    if not NAME.fullmatch(name):
        raise UsageError(
            f"{name!r}: a name has 1 to 64 letters, digits, blanks and . @ ' -, and begins with a letter or digit"
        )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

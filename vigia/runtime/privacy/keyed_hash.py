"""Keyed hashes of customers' ids: what is stored of an erased customer, so that its facts and alarms stay out, and in lessons.

An id is often a short number, so a plain hash of it can be reversed by trying all of them. With a key that lies elsewhere it
cannot. The key comes from VIGIA_PRIVACY_KEY (or a file, VIGIA_PRIVACY_KEY_FILE), or is generated once in the state folder.
Every process that stores such hashes needs the same key. Of two keys, separated by a blank, the first is used for what is
written, and both are looked for.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from vigia.runtime.privacy.secret_file import LEAST, generated_secret
from vigia.runtime.usage_error import UsageError

FILE = "privacy.key"


class KeyedHash:
    """Hashes under one key, or under two while one replaces the other.

    >>> KeyedHash("0" * 32).of("C1")
    '312d7ec9:848bc474d0a0c64bfb587b03f3c3134b'
    """

    def __init__(self, keys: str) -> None:
        self._keys = [key.encode() for key in keys.split()]
        self.names = tuple(hashlib.sha256(b"vigia privacy key " + key).hexdigest()[:8] for key in self._keys)

    def of(self, text: str) -> str:
        """The hash under the first key, preceded by the name of the key."""
        return next(self.all(text))

    def all(self, text: str) -> Iterator[str]:
        """The hash under each key, the first key first."""
        for name, key in zip(self.names, self._keys, strict=True):
            yield f"{name}:{hashlib.blake2b(text.encode(), key=key[:64], digest_size=16).hexdigest()}"

    def __repr__(self) -> str:
        return f"KeyedHash({', '.join(self.names)})"  # never the keys


def keyed_hash(keys: str, state: Path) -> KeyedHash:
    """The hashes under the keys of a setting; without one, under the key in the state folder, which is generated once.

    >>> keyed_hash("short", Path())
    Traceback (most recent call last):
    vigia.runtime.usage_error.UsageError: VIGIA_PRIVACY_KEY: a key has at least 32 characters; make one with 'openssl rand -hex 32'
    """
    if not keys.strip():
        return KeyedHash(
            generated_secret(state / FILE, "VIGIA_PRIVACY_KEY", "the same for workers, notifiers and gateways")
        )
    if len(keys.split()) > 2 or min(map(len, keys.split())) < LEAST:
        raise UsageError(
            "VIGIA_PRIVACY_KEY: a key has at least 32 characters; make one with 'openssl rand -hex 32'"
            if len(keys.split()) <= 2
            else "VIGIA_PRIVACY_KEY: more than two keys; leave the oldest out"
        )
    return KeyedHash(keys)


def known_hash(keys: str, state: Path) -> KeyedHash | None:
    """As `keyed_hash`, but without a key that is set or was generated here before it is None: nothing is generated."""
    return keyed_hash(keys, state) if keys.strip() or (state / FILE).exists() else None

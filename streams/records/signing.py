"""Keys that sign what is in force: ticks, policies, figures, reports of groups, models, and the trainer's state.

Signing is apart from verifying (Ed25519), and each role has a key of its own, so a process that only verifies can put
nothing in force. Keys are given as text: a shared secret, from which the keys of all roles are derived, or single keys
as `vigia seal new` makes them. Two keys of a role may be trusted at once, so that keys can be replaced while all runs.
"""

import base64
import binascii
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from vigia.runtime.usage_error import UsageError

Role = Literal["clock", "trainer", "worker"]
ROLES: tuple[Role, ...] = get_args(Role)
HEADER = "seal"  # of a record: the name of the key and the signature
LEAST = 16  # characters of a shared secret
ACCEPTED = 2  # keys of a role: the one in use, and the one before or after it
SEED = 32  # bytes
_TOKEN = re.compile(r"(sign|trust):([a-z]+):([A-Za-z0-9_-]{43})=?")
_SEAL = re.compile(rb"([0-9a-f]{16}):([A-Za-z0-9_-]{86})")


class _Key(NamedTuple):
    """A key that signatures are verified with; `name` stands in each signature that was made with its other half."""

    role: Role
    name: bytes
    public: Ed25519PublicKey


class Keyring:
    """The keys that this process signs with, and those that it trusts."""

    def __init__(self, signing: Iterable[tuple[Role, Ed25519PrivateKey]], trusted: Iterable[_Key]) -> None:
        self._signing: dict[Role, tuple[bytes, Ed25519PrivateKey]] = {}
        for role, private in signing:
            self._signing.setdefault(role, (_name(private.public_key()), private))
        self._trusted = {key.name: key for key in trusted}

    def __repr__(self) -> str:
        return f"Keyring({len(self._trusted)} trusted)"  # never a key

    def fault(self, role: Role | None = None) -> str:
        """Why these keys do not suffice for a process that signs as `role` and verifies the others; empty if they do."""
        if role is not None and role not in self._signing:
            return (
                f"the {role} signs what it puts in force: set VIGIA_SEAL to its key, or to a secret of the deployment"
            )
        trusted = {key.role for key in self._trusted.values()}
        if lacking := [name for name in ROLES if name not in trusted]:
            return f"no key of the {' and the '.join(lacking)} is trusted: set VIGIA_SEAL_TRUST"
        return ""

    def require(self, role: Role | None = None) -> "Keyring":
        """These keys. Raises `UsageError` where they do not suffice."""
        if fault := self.fault(role):
            raise UsageError(fault)
        return self

    def sign(self, role: Role, data: bytes) -> bytes:
        """The seal of some bytes by the key of a role; raises `UsageError` without that key."""
        if role not in self._signing:
            raise UsageError(self.fault(role))
        name, private = self._signing[role]
        return name + b":" + _encoded(private.sign(data))

    def signer(self, data: bytes, seal: bytes | None) -> Role | None:
        """The role whose trusted key made this seal of these bytes; None if none did."""
        found = _SEAL.fullmatch(seal or b"")
        key = self._trusted.get(found[1]) if found else None
        if found is None or key is None:
            return None
        try:
            key.public.verify(_decoded(found[2]), data)
        except InvalidSignature:
            return None
        return key.role


def new_keys() -> tuple[dict[Role, str], str]:
    """New keys: the secret one of each role, and the public ones as VIGIA_SEAL_TRUST takes them."""
    private = {role: Ed25519PrivateKey.generate() for role in ROLES}
    secret = {role: f"sign:{role}:{_encoded(key.private_bytes_raw()).decode()}" for role, key in private.items()}
    public = (f"trust:{role}:{_encoded(key.public_key().public_bytes_raw()).decode()}" for role, key in private.items())
    return secret, "\n".join(public)


@lru_cache(maxsize=16)
def keyring(seal: str, trust: str = "") -> Keyring:
    """The keys of the settings VIGIA_SEAL and VIGIA_SEAL_TRUST; an error never repeats a secret.

    >>> keyring("too short")
    Traceback (most recent call last):
    vigia.runtime.usage_error.UsageError: VIGIA_SEAL: a secret has at least 16 characters, this one has 9; 'openssl rand -hex 32' makes one, 'vigia seal new' makes keys
    """
    signing = [pair for entry in _entries(seal) for pair in _private(entry)]
    trusted = [_key(role, private.public_key()) for role, private in signing]
    trusted += [_public(entry) for entry in _entries(trust)]
    names = defaultdict[Role, set[bytes]](set)
    for key in trusted:
        names[key.role].add(key.name)
    for role, known in names.items():
        if len(known) > ACCEPTED:
            raise UsageError(
                f"VIGIA_SEAL and VIGIA_SEAL_TRUST: {len(known)} keys of the {role}, {ACCEPTED} are accepted: leave the oldest out"
            )
    return Keyring(signing, trusted)


def _entries(text: str) -> Iterator[str]:
    return (entry for part in re.split(r"[,\r\n]", text) if (entry := part.strip()))


def _private(entry: str) -> Iterator[tuple[Role, Ed25519PrivateKey]]:
    """The keys of a single entry of VIGIA_SEAL."""
    if entry.startswith(("sign:", "trust:")):
        role, data = _token(entry, "sign", "VIGIA_SEAL")
        yield role, Ed25519PrivateKey.from_private_bytes(data)
        return
    if len(entry) < LEAST:
        raise UsageError(
            f"VIGIA_SEAL: a secret has at least {LEAST} characters, this one has {len(entry)}; "
            f"'openssl rand -hex 32' makes one, 'vigia seal new' makes keys"
        )
    seeds = hashlib.scrypt(entry.encode(), salt=b"vigia seal", n=1 << 14, r=8, p=1, dklen=SEED * len(ROLES))
    for at, role in enumerate(ROLES):
        yield role, Ed25519PrivateKey.from_private_bytes(seeds[at * SEED : (at + 1) * SEED])


def _public(entry: str) -> _Key:
    """The key of a single entry of VIGIA_SEAL_TRUST."""
    role, data = _token(entry, "trust", "VIGIA_SEAL_TRUST")
    return _key(role, Ed25519PublicKey.from_public_bytes(data))


def _token(entry: str, kind: str, variable: str) -> tuple[Role, bytes]:
    found = _TOKEN.fullmatch(entry)
    if found is None or found[1] != kind or found[2] not in ROLES:
        raise UsageError(
            f"{variable}: an entry is no key of the form {kind}:ROLE:KEY, with the role {', '.join(ROLES[:-1])} or {ROLES[-1]}, "
            f"as 'vigia seal new' writes it"
        )
    role: Role = found[2]
    try:
        return role, _decoded(found[3].encode())
    except binascii.Error:
        raise UsageError(f"{variable}: the key of the {role} is damaged") from None


def _key(role: Role, public: Ed25519PublicKey) -> _Key:
    return _Key(role, _name(public), public)


def _name(public: Ed25519PublicKey) -> bytes:
    return hashlib.sha256(public.public_bytes_raw()).hexdigest()[:16].encode()


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _decoded(data: bytes) -> bytes:
    return base64.urlsafe_b64decode(data + b"=" * (-len(data) % 4))

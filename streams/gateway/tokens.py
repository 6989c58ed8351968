"""Who may send what: named tokens, stored as SHA-256 only, each with its scope of sources and event types.

The list may change while the gateway runs: `Tokens.replace` puts another one in force for the next request.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Iterator
from typing import Literal

from msgspec import Struct

from scorers.contract.events import AnyEvent, CustomerDescribed
from streams.gateway.intake import TYPES

ONLY_WHERE_NAMED = frozenset({"customer.erased", "customer.merged"})
Refusal = Literal["missing", "malformed", "unknown"]
"""Why a request has no token: no header, not `Bearer` and a word, or a token that is not in the list."""

_DIGEST = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)


def is_digest(text: str) -> bool:
    """Whether a text is a SHA-256 in hexadecimal digits."""
    return _DIGEST.fullmatch(text) is not None


def new_token() -> tuple[str, str]:
    """A token for a sender, and its digest for the gateway.

    >>> token, digest = new_token()
    >>> tokens = Tokens([Token("till", digest)])
    >>> tokens.find(f"Bearer {token}").name, tokens.find("Bearer x"), tokens.find("")
    ('till', 'unknown', 'missing')
    """
    token = f"vigia_{secrets.token_urlsafe(32)}"
    return token, hashlib.sha256(token.encode()).hexdigest()


class Token(Struct, frozen=True):
    """A token: its name, its digest, and the sources and types that it may send; None allows all but erasure and merging."""

    name: str
    digest: str
    sources: tuple[str, ...] | None = None
    types: tuple[str, ...] | None = None

    def allows(self, event: AnyEvent) -> str:
        """What of the event is outside the scope; empty if nothing is."""
        if self.sources is not None and event.source not in self.sources:
            return "source"
        kind = TYPES[type(event)]
        if kind in ONLY_WHERE_NAMED if self.types is None else kind not in self.types:
            return "type"
        if type(event) is CustomerDescribed and event.aliases and "customer.merged" not in (self.types or ()):
            return "type"  # an alias is merged into the customer
        return ""


class _Everybody(Token, frozen=True):
    """Stands for all senders where no token is required."""

    def allows(self, event: AnyEvent) -> str:
        """Anything."""
        return ""


EVERYBODY = _Everybody("-", "")


class Tokens:
    """The accepted tokens; several may be in force for one sender while one is being replaced.

    Without any, everybody may send, or nobody if one is `required`.
    """

    def __init__(self, tokens: Iterable[Token], *, required: bool = False) -> None:
        self.required = required
        self._tokens: tuple[Token, ...] = ()
        self.replace(tokens)

    def replace(self, tokens: Iterable[Token]) -> None:
        """Put another list in force. Raises ValueError if a digest is none."""
        tokens = tuple(tokens)
        if not all(is_digest(token.digest) for token in tokens):
            raise ValueError("a token's digest is 64 hexadecimal digits: vigia gateway --new-token makes one")
        self._tokens = tokens

    @classmethod
    def of_digests(cls, digests: Iterable[str]) -> "Tokens":
        """Tokens without a scope of their own, named by their place in the list."""
        return cls(Token(f"token-{place}", digest.strip().lower()) for place, digest in enumerate(digests, 1))

    def __bool__(self) -> bool:
        return bool(self._tokens)

    def __iter__(self) -> Iterator[Token]:
        return iter(self._tokens)

    def find(self, header: str) -> Token | Refusal:
        """The token of an Authorization header; takes equally long for any wrong one."""
        if not self._tokens and not self.required:
            return EVERYBODY
        if not header:
            return "missing"
        scheme, _, given = header.partition(" ")
        digest = hashlib.sha256(given.strip().encode(errors="replace")).hexdigest()
        found = [token for token in self._tokens if hmac.compare_digest(digest, token.digest)]
        if scheme.lower() != "bearer" or not given.strip():
            return "malformed"
        return found[0] if found else "unknown"

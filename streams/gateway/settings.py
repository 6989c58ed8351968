"""The settings of the gateway, `gateway.toml`: who may send what, and how much at once.

An error names the file, the line, the key and the correction.
"""

import tomllib
from pathlib import Path
from typing import TypeVar, get_type_hints

import msgspec
from msgspec import Struct

from scorers.contract.wire import EVENT_TYPES
from scorers.policy.toml_errors import Path as Place
from scorers.policy.toml_errors import TomlText, did_you_mean, split, unknown_key
from streams.gateway.tokens import Token, Tokens, is_digest
from vigia.runtime.usage_error import UsageError

T = TypeVar("T")


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Bounds on what senders may use. The first two hold for each token, the others for all together."""

    requests_per_second: float = 500.0
    bytes_in_flight: int = 16 * 1024 * 1024  # of bodies that are being read or sent to Kafka
    connections: int = 1000
    header_seconds: float = 10.0
    body_seconds: float = 30.0


class _Scope(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    digest: str
    sources: tuple[str, ...] | None = None
    types: tuple[str, ...] | None = None


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file says."""

    token: dict[str, _Scope] = {}
    limits: Limits = Limits()

    def tokens(self) -> Tokens:
        """The tokens with their names."""
        return Tokens(Token(name, one.digest.lower(), one.sources, one.types) for name, one in self.token.items())


def read(text: str, name: str) -> Settings:
    """The settings in the text of the file `name`. Raises `UsageError`.

    >>> read("[limits]\\nconnection = 5\\n", "gateway.toml")
    Traceback (most recent call last):
    vigia.runtime.usage_error.UsageError: gateway.toml, line 2: limits.connection is not a known key; did you mean 'connections'?
    """
    source = TomlText(text, name)
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise UsageError(source.syntax_error(fault)) from None
    tables = raw.get("token", {})
    for token, table in tables.items() if isinstance(tables, dict) else ():
        _convert(source, table, _Scope, ("token", token))
    settings = _convert(source, raw, Settings, ())
    for token, scope in settings.token.items():
        if not is_digest(scope.digest):
            why = "is not 64 hexadecimal digits; vigia gateway --new-token prints one"
            raise UsageError(source.error(("token", token, "digest"), why))
        for kind in scope.types or ():
            if kind not in EVENT_TYPES:
                why = f"names {kind!r}, which is not an event type; {did_you_mean(kind, sorted(EVENT_TYPES))}"
                raise UsageError(source.error(("token", token, "types"), why))
    for key in Limits.__struct_fields__:
        if getattr(settings.limits, key) <= 0:
            raise UsageError(source.error(("limits", key), "is not above 0; write a number above 0"))
    return settings


def _convert(source: TomlText, raw: object, kind: type[T], path: Place) -> T:
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as fault:
        problem, inner = split(fault)
        if key := unknown_key(problem):
            known = Limits if inner == ("limits",) else kind
            why = f"is not a known key; {did_you_mean(key, get_type_hints(known))}"
            raise UsageError(source.error((*path, *inner, key), why)) from None
        raise UsageError(source.error((*path, *inner), f"{problem}; see deploy/gateway.toml")) from None


def read_file(path: Path) -> Settings:
    """The settings in a file. Raises `UsageError`."""
    try:
        return read(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as fault:
        raise UsageError(
            f"{path} cannot be read ({type(fault).__name__}); name a readable file of UTF-8 text"
        ) from None

"""The settings of the gateway, `gateway.toml`: who may send what, and how much at once.

An error names the file, the line, the key and the correction.
"""

from pathlib import Path
from typing import Any

from msgspec import Struct

from scorers.contract.wire import EVENT_TYPES
from scorers.policy.toml_errors import TomlText, did_you_mean
from streams.gateway.tokens import Token, Tokens, is_digest
from vigia.runtime.usage_error import UsageError


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
    hook: dict[str, Any] = {}  # `streams.hooks` reads it

    def tokens(self) -> Tokens:
        """The tokens with their names."""
        return Tokens(Token(name, one.digest.lower(), one.sources, one.types) for name, one in self.token.items())


class SettingsText(TomlText, frozen=True):
    """The text of `gateway.toml`."""

    fault = UsageError


def read(text: str, name: str) -> Settings:
    """The settings in the text of the file `name`. Raises `UsageError`.

    >>> read("[limits]\\nconnection = 5\\n", "gateway.toml")
    Traceback (most recent call last):
    vigia.runtime.usage_error.UsageError: gateway.toml, line 2: limits.connection is not a known key; did you mean 'connections'?
    """
    source = SettingsText(text, name)
    settings = source.convert(source.parse(), Settings)
    for token, scope in settings.token.items():
        if not is_digest(scope.digest):
            why = "is not 64 hexadecimal digits; vigia gateway --new-token prints one"
            raise source.wrong(("token", token, "digest"), why)
        for kind in scope.types or ():
            if kind not in EVENT_TYPES:
                why = f"names {kind!r}, which is not an event type; {did_you_mean(kind, sorted(EVENT_TYPES))}"
                raise source.wrong(("token", token, "types"), why)
    for key in Limits.__struct_fields__:
        if getattr(settings.limits, key) <= 0:
            raise source.wrong(("limits", key), "is not above 0; write a number above 0")
    return settings


def text_of(path: Path) -> str:
    """The text of a file of settings. Raises `UsageError`."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise UsageError(
            f"{path} cannot be read ({type(fault).__name__}); name a readable file of UTF-8 text"
        ) from None

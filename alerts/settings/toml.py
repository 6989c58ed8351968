"""Converts the tables of a settings file, so that each error names the file, the line, the key and the correction."""

from typing import Any, TypeVar, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from alerts.settings.hours import Minutes
from scorers.contract.events import DAY
from scorers.policy.spans import Span, format_span, parse_span
from scorers.policy.toml_errors import Path, TomlText, did_you_mean, not_listed, split, unknown_key

T = TypeVar("T")
LONGEST = Span(3650 * DAY)


class BadSetting(ValueError):
    """A setting cannot be used; the message names the file, the line, the key and the correction."""


class SettingsText(TomlText, frozen=True):
    """The text of a settings file."""

    def wrong(self, path: Path, why: str) -> BadSetting:
        """The error for this key: what is wrong, a semicolon, and the correction."""
        return BadSetting(self.error(path, why))

    def convert(self, raw: object, kind: type[T], path: Path) -> T:
        """The value as that type."""
        try:
            return msgspec.convert(raw, kind, dec_hook=_read)
        except msgspec.ValidationError as fault:
            problem, inner = split(fault)
            here = (*path, *inner)
            if key := unknown_key(problem):
                why = f"is not a known key; {did_you_mean(key, _keys_at(kind, inner))}"
                raise self.wrong((*here, key), why) from None
            if "missing required field" in problem:
                raise self.wrong((*here, problem.split("`")[1]), "is missing; add it to this table") from None
            if listed := not_listed(problem, kind, inner):
                raise self.wrong(here, listed) from None
            raise self.wrong(here, problem if "; " in problem else f"{problem}; write a value of that type") from None


def _keys_at(kind: Any, path: Path) -> list[str]:
    """The keys that a type has at a path inside it."""
    for step in path:
        fields = () if isinstance(step, int) else msgspec.structs.fields(kind)
        kind = next((field.type for field in fields if field.encode_name == step), None) or get_args(kind)[0]
    return [field.encode_name for field in msgspec.structs.fields(kind)]


def _read(kind: type, raw: object) -> object:
    if not isinstance(raw, str):
        raise ValueError(f"expected text, got {raw!r}; put it in quotes")
    if kind is Span:
        span = parse_span(raw)
        if span > LONGEST:
            raise ValueError(f"{raw!r} is out of range; write at most {format_span(LONGEST)!r}")
        return span
    if kind is Minutes:
        return Minutes.read(raw)
    if kind is ZoneInfo:
        try:
            return ZoneInfo(raw)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{raw!r} is not a time zone; write one like 'Europe/Madrid'") from None
    raise NotImplementedError(kind)

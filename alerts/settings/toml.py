"""The text of a settings file of the notifier, and the types of value in it."""

from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alerts.settings.hours import Minutes
from scorers.contract.events import DAY
from scorers.policy.spans import Span, format_span, parse_span
from scorers.policy.toml_errors import TomlText

LONGEST = Span(3650 * DAY)


class BadSetting(ValueError):
    """A setting cannot be used; the message names the file, the line, the key and the correction."""


class SettingsText(TomlText, frozen=True):
    """The text of a settings file."""

    fault = BadSetting

    @staticmethod
    def hook(kind: type, value: Any) -> Any:
        """The value as a length of time, a time of day or a time zone."""
        if not isinstance(value, str):
            raise ValueError(f"expected text, got {value!r}; put it in quotes")
        if kind is Span:
            span = parse_span(value)
            if span > LONGEST:
                raise ValueError(f"{value!r} is out of range; write at most {format_span(LONGEST)!r}")
            return span
        if kind is Minutes:
            return Minutes.read(value)
        if kind is ZoneInfo:
            try:
                return ZoneInfo(value)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                raise ValueError(f"{value!r} is not a time zone; write one like 'Europe/Madrid'") from None
        raise NotImplementedError(kind)

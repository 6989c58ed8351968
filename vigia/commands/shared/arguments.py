"""Convert command-line arguments to instants, spans and policies.

A value that cannot be used raises `UsageError`, whose message names the option and says how to fix it.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from scorers.contract.events import DAY, Duration, Instant
from scorers.contract.rfc3339 import parse_instant
from scorers.policy.reading import PolicyError, parse_policy
from scorers.policy.spans import Span, format_span, parse_span
from scorers.policy.tables import Policy
from vigia.runtime.distribution import shipped_text
from vigia.runtime.usage_error import UsageError

LONGEST = 3650 * DAY


def instant(text: str, option: str) -> Instant:
    """Parse an RFC 3339 instant with a zone.

    >>> instant("yesterday", "--until")
    Traceback (most recent call last):
    vigia.runtime.usage_error.UsageError: --until 'yesterday': not an instant; write it with its zone, like 2024-05-06T07:08:09Z
    """
    try:
        return parse_instant(text)
    except ValueError as error:
        why = str(error) if str(error).startswith("lies") else "not an instant"
        raise UsageError(f"{option} {text!r}: {why}; write it with its zone, like 2024-05-06T07:08:09Z") from None


def optional_instant(text: str | None, option: str) -> Instant | None:
    """Parse an instant if one is given."""
    return instant(text, option) if text else None


def span(text: str, option: str, least: Duration = 1) -> Span:
    """Parse a span of at least `least` and at most ten years.

    >>> span("91d", "--horizon") == 91 * DAY
    True
    """
    try:
        length = parse_span(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None
    if not least <= length <= LONGEST:
        shortest = format_span(least) if least > 1 else "something above 0"
        raise UsageError(f"{option} {text!r}: give {shortest} at least and {format_span(LONGEST)} at most")
    return length


def policy(path: Path | None, horizon: str | None = None) -> Policy:
    """Load the policy of a file, or the defaults, and replace its risk horizon if one is given."""
    try:
        read = Policy() if path is None else parse_policy(text(path), str(path))
    except PolicyError as error:
        raise UsageError(str(error)) from None
    if horizon is None:
        return read
    risk = msgspec.structs.replace(read.risk, horizon=span(horizon, "--horizon", DAY))
    return msgspec.structs.replace(read, risk=risk)


def policy_text(path: Path | None) -> str:
    """Return the text of a policy file, or of the policy that ships with Vigía, comments included."""
    return shipped_text("policy.toml") if path is None else text(path)


def text(path: Path) -> str:
    """Return the text of a settings file; `UsageError` if it is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text; save it as UTF-8") from None


def known(option: str, given: Sequence[str] | None, names: Sequence[str]) -> None:
    """Raise `UsageError` unless every given value is one of the names.

    >>> known("--kind", ["risk-hig"], ["risk-high"])
    Traceback (most recent call last):
    vigia.runtime.usage_error.UsageError: --kind 'risk-hig': not known; known are risk-high
    """
    for one in given or ():
        if one not in names:
            raise UsageError(f"{option} {one!r}: not known; known are {', '.join(names)}")

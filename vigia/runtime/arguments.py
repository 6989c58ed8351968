"""What was typed, made into what is meant: instants, lengths of time, policies, event files.

Whatever cannot be used raises `Unusable`, whose message names the thing and the mend. Knows no command.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from scorers.contract.events import DAY, Duration, Instant
from scorers.contract.rfc3339 import parse_instant
from scorers.policy.reading import PolicyError, parse_policy
from scorers.policy.spans import Span, format_span, parse_span
from scorers.policy.tables import Policy

LONGEST = 3650 * DAY


class Unusable(Exception):
    """Arguments or files that cannot be used; the message is for the one who typed them."""


def instant(text: str, option: str) -> Instant:
    """The instant that a text tells.

    >>> instant("yesterday", "--until")
    Traceback (most recent call last):
    vigia.runtime.arguments.Unusable: --until 'yesterday': not an instant; write it with its zone, like 2024-05-06T07:08:09Z
    """
    try:
        return parse_instant(text)
    except ValueError as error:
        why = str(error) if str(error).startswith("lies") else "not an instant"
        raise Unusable(f"{option} {text!r}: {why}; write it with its zone, like 2024-05-06T07:08:09Z") from None


def span(text: str, option: str, least: Duration = 1) -> Span:
    """The length of time that a text tells.

    >>> span("91d", "--horizon") == 91 * DAY
    True
    """
    try:
        length = parse_span(text)
    except ValueError as error:
        raise Unusable(f"{option}: {error}") from None
    if not least <= length <= LONGEST:
        shortest = format_span(least) if least > 1 else "something above 0"
        raise Unusable(f"{option} {text!r}: give {shortest} at least and {format_span(LONGEST)} at most")
    return length


def policy(path: Path | None, horizon: str | None = None) -> Policy:
    """The policy of a file, or the defaults; with another horizon if one was typed."""
    try:
        read = Policy() if path is None else parse_policy(_text(path), str(path))
    except PolicyError as error:
        raise Unusable(str(error)) from None
    if horizon is None:
        return read
    risk = msgspec.structs.replace(read.risk, horizon=span(horizon, "--horizon", DAY))
    return msgspec.structs.replace(read, risk=risk)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise Unusable(f"{path}: not UTF-8 text; save it as UTF-8") from None


def sources(events: Sequence[str]) -> list[str]:
    """The event files, each of which can be opened; `-` is standard input."""
    if events.count("-") > 1:
        raise Unusable("'-' stands twice: standard input can be read only once")
    for name in events:
        if name != "-":
            Path(name).open("rb").close()  # says which file is missing before anything is written
    return list(events)


def known(option: str, given: Sequence[str] | None, names: Sequence[str]) -> None:
    """What was given is among the names that there are.

    >>> known("--kind", ["risk-hig"], ["risk-high"])
    Traceback (most recent call last):
    vigia.runtime.arguments.Unusable: --kind 'risk-hig': not known; known are risk-high
    """
    for one in given or ():
        if one not in names:
            raise Unusable(f"{option} {one!r}: not known; known are {', '.join(names)}")

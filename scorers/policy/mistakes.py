"""What is wrong with a policy file, told so that its owner can mend it: the key, the line, the mend.

Two kinds of wrong: a value of a shape that no policy has, which the decoder sees, and values that are each fine and
make no sense together, which the table of `SENSE` sees.
"""

import difflib
import math
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from scorers.contract.events import DAY, HOUR, SECOND, Duration
from scorers.risk.champion_challenger import AUTO, LEARNERS

if TYPE_CHECKING:
    from scorers.policy.tables import Policy

Path = tuple[str, ...]
_LONGEST = 3650 * DAY
_LEAST: dict[str, Duration] = {  # any other length of time is a second at least
    "time.allowed_lateness": 0,
    "time.notify_within": 0,
    "prospects.golden_quiet": 0,
    "tiers.dwell": 0,
    "loyalty.apostle_dwell": 0,
    "ledger.quiet_week": 0,
    "risk.horizon": DAY,
    "risk.horizons": DAY,
    "risk.review_at_least": HOUR,
}
_RANKED = ("platinum", "gold", "iron", "lead")
_WANTED = {
    "float": "a number",
    "int": "a whole number",
    "str": "text in quotes",
    "object": "a table with keys of its own",
    "array": "a list in brackets",
}
_HOURS = re.compile(r"\d\d?:\d\d-\d\d?:\d\d")
_WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Sense(Struct, frozen=True):
    """What must hold between the values of some keys, and what to do where it does not."""

    keys: tuple[str, ...]
    holds: Callable[["Policy"], bool]
    mend: str


SENSE = (
    Sense(
        ("tiers.platinum_share", "tiers.gold_share", "tiers.iron_share"),
        lambda p: p.tiers.platinum_share + p.tiers.gold_share + p.tiers.iron_share <= 1 + 1e-9,
        "the shares of platinum, gold and iron are more than 1 together; lower one of them",
    ),
    Sense(
        ("prospects.cooling_share",),
        lambda p: 0 < p.prospects.cooling_share < 1,
        "an alarm at the very start or end of the window helps nobody; give a share between 0 and 1, like 0.67",
    ),
    Sense(
        ("lifecycle.second_purchase_quantile",),
        lambda p: 0 < p.lifecycle.second_purchase_quantile < 1,
        "give a share above 0 and below 1, like 0.75",
    ),
    Sense(
        ("lifecycle.core_occasions",),
        lambda p: p.lifecycle.core_occasions >= 2,
        "one purchase makes nobody a core customer; give 2 at least",
    ),
    Sense(
        ("ledger.debt_settled", "ledger.debt_limit"),
        lambda p: p.ledger.debt_settled <= p.ledger.debt_limit,
        "a debt would be settled above the limit that raises it; give a debt_settled up to debt_limit",
    ),
    Sense(
        ("loyalty.apostle_satisfaction", "loyalty.satisfied_from"),
        lambda p: p.loyalty.apostle_satisfaction >= p.loyalty.satisfied_from,
        "an apostle is not less satisfied than others; give an apostle_satisfaction from satisfied_from on",
    ),
    Sense(
        ("risk.review_at_least", "risk.review_at_most"),
        lambda p: p.risk.review_at_least <= p.risk.review_at_most,
        "the shortest time between reviews is longer than the longest; exchange the two",
    ),
    Sense(
        ("risk.threshold",),
        lambda p: _rising(p.risk.threshold),
        "a better tier is alarmed about earlier; let the thresholds not fall from platinum over gold and iron to lead",
    ),
    Sense(
        ("risk.champion",),
        lambda p: p.risk.champion in (AUTO, *LEARNERS),
        f"nobody of that name learns; give {AUTO!r} or one of {', '.join(map(repr, LEARNERS))}",
    ),
    Sense(
        ("risk.hysteresis", "risk.threshold"),
        lambda p: p.risk.hysteresis < min(p.risk.threshold.of("platinum"), p.risk.threshold.of("none")),
        "a risk could never settle; give a hysteresis under the lowest threshold",
    ),
    *(
        Sense(
            (f"clocks.{clock}",),
            lambda p, clock=clock: _rising(getattr(p.clocks, clock)),  # type: ignore[misc]
            "a better tier waits no longer; let the times not fall from platinum over gold and iron to lead",
        )
        for clock in ("acknowledge", "rectify", "answer")
    ),
)


def explain(error: msgspec.ValidationError, tables: dict[str, Any], text: str, source: str) -> str:
    """One sentence about the first value that has the wrong shape."""
    told, _, place = str(error).partition(" - at `$")
    path = tuple(re.findall(r"[^.\[\]`]+", re.sub(r"\[.*", "", place)))
    unknown = re.search(r"unknown field `([^`]*)`", told)
    if unknown:
        key, known = unknown.group(1), _known(path)
        near = difflib.get_close_matches(key, known, n=1)
        mend = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
        return _sentence(source, text, (*path, key), f"is not a known key; {mend}")
    return _sentence(source, text, path, _mend(told, _value(tables, path)))


def senseless(policy: "Policy", tables: dict[str, Any], text: str, source: str) -> str | None:
    """One sentence about the first values that make no sense, each alone or together."""
    for path, value in _leaves(policy):
        if why := _alone(path, value):
            return _sentence(source, text, path, why)
    for sense in SENSE:
        if not sense.holds(policy):
            paths = [tuple(key.split(".")) for key in sense.keys]
            stated = next((path for path in paths if _value(tables, path) is not None), paths[0])
            return _sentence(source, text, stated, sense.mend)
    for path, why in _calendar(policy):
        return _sentence(source, text, path, why)
    return None


def not_toml(error: str, text: str, source: str) -> str:
    """One sentence about a text that is no TOML at all."""
    what, _, place = error.partition(" (at ")
    found = re.search(r"line (\d+)", place)
    line = int(found.group(1)) if found else len(text.splitlines())
    twice = "a key or a table stands twice" if "overwrite" in what or "twice" in what else what.lower()
    return f"{source}, line {line}: not TOML: {twice}"


def _sentence(source: str, text: str, path: Path, why: str) -> str:
    link = " " if why.startswith("is ") else ": "
    return f"{source}, line {_line(text, path)}: {'.'.join(path)}{link}{why}"


def _mend(told: str, value: Any) -> str:
    shown = _shown(value)
    if bound := re.search(r"Expected `\w+` (<=|>=|<|>) (.+)", told):
        words = {"<=": "at most", ">=": "at least", "<": "less than", ">": "more than"}
        return f"{shown} is out of range; give {words[bound.group(1)]} {bound.group(2)}"
    if "matching regex" in told:
        return f"{shown} is not an offset; write it like '+01:00'"
    if found := re.search(r"Expected `(\w+)`, got `(\w+)`", told):
        wanted = _WANTED.get(found.group(1), found.group(1))
        return f"{shown} is of the wrong type; give {wanted}"
    return told


def _shown(value: Any) -> str:
    return "a table" if isinstance(value, dict) else str(value).lower() if isinstance(value, bool) else repr(value)


def _value(tables: Any, path: Path) -> Any:
    for key in path:
        tables = tables.get(key) if isinstance(tables, dict) else None
    return tables


def _leaves(table: Struct, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    for field in msgspec.structs.fields(table):
        value = getattr(table, field.name)
        if isinstance(value, Struct):
            yield from _leaves(value, (*path, field.name))
        else:
            yield (*path, field.name), value


def _alone(path: Path, value: Any) -> str | None:
    from scorers.policy.tables import Span, format_span  # each of the two needs the other only here

    if isinstance(value, tuple):
        return next((why for one in value if (why := _alone(path, one))), None)
    if isinstance(value, Span):
        least = _LEAST.get(".".join(path), SECOND)
        if not least <= value <= _LONGEST:
            shown, bounds = format_span(value), f"{format_span(least)!r} at least and {format_span(_LONGEST)!r} at most"
            return f"{shown!r} is out of range; give {bounds}"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} is not a number to count with; give a finite one"
    return None


def _rising(table: Any) -> bool:
    values = [table.of(tier) for tier in _RANKED]
    return values == sorted(values)


def _calendar(policy: "Policy") -> Iterator[tuple[Path, str]]:
    from scorers.policy.business_calendar import Calendar
    from scorers.policy.tables import Opening

    hours = policy.calendar
    for name in (*_WEEK, "holidays", "utc_offset"):
        value = getattr(hours, name)
        odd = [text for text in value if name in _WEEK and not _HOURS.fullmatch(text)]
        if odd:
            yield ("calendar", name), f"{odd[0]!r} is not a span of hours; write it like '09:00-13:00'"
        try:
            Calendar(msgspec.structs.replace(Opening(), **{name: value}))
        except ValueError as error:
            yield ("calendar", name), str(error)
    if not any(getattr(hours, day) for day in _WEEK):
        yield ("calendar", "monday"), "no day has an open hour; give at least one a span like '09:00-13:00'"


def _known(path: Path) -> list[str]:
    from scorers.policy.tables import Policy

    wanted: Any = Policy
    for key in path:
        wanted = next(field.type for field in msgspec.structs.fields(wanted) if field.name == key)
    return [field.name for field in msgspec.structs.fields(wanted)]


def _line(text: str, path: Path) -> int:
    """The line of a key, as a reader would look for it: its table first, then the key."""
    best, depth, table = 1, 0, ()  # type: tuple[int, int, Path]
    for number, line in enumerate(text.splitlines(), 1):
        if head := re.match(r"\s*\[+\s*([^\]#]+?)\s*\]", line):
            here = table = _words(head.group(1))
        elif key := re.match(r"\s*([\w.\-\"' ]+?)\s*=", line):
            here = (*table, *_words(key.group(1)))
        else:
            continue
        shared = min(len(here), len(path))
        if shared > depth and here[:shared] == path[:shared]:
            best, depth = number, shared
    return best


def _words(key: str) -> Path:
    return tuple(word.strip(" \"'") for word in key.split("."))

"""A settings file that tells where it is wrong: the file, the line, the key, and how to mend it.

It knows how TOML is written, and no setting.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from alerts.settings.hours import Minutes, Span

T = TypeVar("T")
Path = tuple[str | int, ...]


class BadSetting(ValueError):
    """A setting cannot be used; the message names file, line, key and mend."""


class Source:
    """The text of one settings file, able to point at a key in it."""

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name

    def wrong(self, path: Path, fault: str, mend: str) -> BadSetting:
        """The error for this key."""
        return BadSetting(f"{self.name}:{self.line(path)}: {dotted(path)}: {fault}; {mend}")

    def line(self, path: Path) -> int:
        """The line where the key stands, else the line of the nearest table around it.

        >>> Source("a = 1\\n[[route]]\\nto = []\\n[[route]]\\nto = [2]", "x").line(("route", 1, "to", 0))
        5
        """
        best, depth = 1, 0
        table: Path = ()
        counts: dict[str, int] = {}
        for number, raw in enumerate(self.text.splitlines(), 1):
            if found := re.match(r"\s*\[(\[)?\s*([^\]#]+?)\s*\]", raw):
                words = _words(found[2])
                if found[1]:
                    index = counts[found[2]] = counts.get(found[2], -1) + 1
                    table = (*words, index)
                else:
                    table = words
                here = table
            elif found := re.match(r"\s*([A-Za-z0-9_\-\.\"']+)\s*=", raw):
                here = (*table, *_words(found[1]))
            else:
                continue
            shared = min(len(here), len(path))
            if shared > depth and here[:shared] == path[:shared]:
                best, depth = number, shared
        return best

    def convert(self, raw: object, kind: type[T], path: Path) -> T:
        """The value as that type; a misfit raises with its place and its mend."""
        try:
            return msgspec.convert(raw, kind, dec_hook=_read)
        except msgspec.ValidationError as fault:
            said, _, place = str(fault).partition(" - at `$")
            inner = tuple(int(n) if n else w for w, n in re.findall(r"\.([A-Za-z_]\w*)|\[(\d+)\]", place))
            if found := re.search(r"unknown field `(.+)`", said):
                known = _fields(kind, raw)
                raise self.wrong((*path, *inner, found[1]), "unknown key", mend_name(found[1], known)) from None
            if found := re.search(r"missing required field `(.+)`", said):
                raise self.wrong((*path, *inner, found[1]), "is missing", "add it to this table") from None
            fault_said, _, mend = said.partition("; ")
            raise self.wrong((*path, *inner), fault_said, mend or "write a value of that type") from None


def dotted(path: Path) -> str:
    """The path as people write it.

    >>> dotted(("route", 2, "to"))
    'route[2].to'
    """
    return "".join(f"[{word}]" if isinstance(word, int) else f".{word}" for word in path).lstrip(".")


def mend_name(wrong: str, known: Iterable[str]) -> str:
    """The sentence that leads from a wrong name to a right one.

    >>> mend_name("severty", ["severity", "tier"])
    'did you mean "severity"?'
    """
    names = sorted(known)
    near = difflib.get_close_matches(wrong, names, n=1)
    return f'did you mean "{near[0]}"?' if near else "use one of: " + ", ".join(names)


def _words(key: str) -> tuple[str, ...]:
    return tuple(word.strip(" \"'") for word in key.split("."))


def _fields(kind: Any, raw: object) -> list[str]:
    """The keys that this type takes; of a union, those of the member with the tag that was written."""
    members = getattr(kind, "__args__", (kind,))
    if len(members) > 1 and isinstance(raw, Mapping):
        members = [one for one in members if one.__struct_config__.tag == raw.get("type")] or members
    return ["type"] * (len(members) > 1) + [
        field.encode_name for one in members for field in msgspec.structs.fields(one)
    ]


def _read(kind: type, raw: object) -> object:
    if not isinstance(raw, str):
        raise ValueError(f"expected text, got {raw!r}; put it in quotes")
    if kind in (Span, Minutes):
        return kind.read(raw)
    if kind is ZoneInfo:
        try:
            return ZoneInfo(raw)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f'{raw!r} is no time zone; write one like "Europe/Madrid"') from None
    raise NotImplementedError(kind)

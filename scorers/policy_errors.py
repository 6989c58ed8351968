"""What is wrong with a policy file, told so that its owner can mend it: the key, the line, the mend."""

import difflib
import re
from typing import Any

import msgspec


def explain(error: msgspec.ValidationError, tables: dict[str, Any], text: str, source: str) -> str:
    """One sentence about the first thing that is wrong."""
    told = str(error)
    found = re.search(r"`\$\.?([^`]*)`", told)
    path = found.group(1).split(".") if found and found.group(1) else []
    what = told.split(" - at ")[0]
    unknown = re.search(r"unknown field `([^`]*)`", told)
    if unknown:
        key = unknown.group(1)
        near = difflib.get_close_matches(key, _known(path), n=1)
        mend = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(_known(path))}"
        return f"{source}, line {_line(text, [*path, key])}: {'.'.join([*path, key])} is not a known key{mend}"
    return f"{source}, line {_line(text, path)}: {'.'.join(path)}: {what}"


def _known(path: list[str]) -> list[str]:
    from scorers.policy import Policy  # each of the two needs the other only here

    wanted: Any = Policy
    for key in path:
        wanted = next(field.type for field in msgspec.structs.fields(wanted) if field.name == key)
    return [field.name for field in msgspec.structs.fields(wanted)]


def _line(text: str, path: list[str]) -> int:
    """The line of a key, as a reader would look for it: its table first, then the key."""
    lines = text.splitlines()
    start = 0
    for depth in range(len(path) - 1, 0, -1):
        header = re.compile(r"^\s*\[\s*" + r"\s*\.\s*".join(map(re.escape, path[:depth])) + r"\s*\]")
        at = next((n for n, line in enumerate(lines) if header.match(line)), None)
        if at is not None:
            start = at
            break
    key = re.compile(r"^\s*(?:[\w.]+\.)?[\"']?" + re.escape(path[-1]) + r"[\"']?\s*[=.]" if path else r"^")
    table = re.compile(r"^\s*\[.*" + re.escape(path[-1]) + r"\s*\]" if path else r"^")
    for n in range(start, len(lines)):
        if key.search(lines[n]) or table.match(lines[n]):
            return n + 1
    return start + 1

"""Messages about a wrong TOML file: the file, the line, the key, and the correction.

This module reads TOML syntax and msgspec's error messages; it knows no particular setting.
"""

import difflib
import re
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from scorers.contract.closed_lists import values_at

Path = tuple[str | int, ...]

_TYPES = {
    "float": "a number",
    "int": "a whole number",
    "str": "text in quotes",
    "object": "a table with keys of its own",
    "array": "a list in brackets",
}
_BOUNDS = {"<=": "at most", ">=": "at least", "<": "less than", ">": "more than"}
_TABLE = re.compile(r"\s*\[(\[)?\s*([^\]#]+?)\s*\]")
_KEY = re.compile(r"\s*([\w.\-\"' ]+?)\s*=")


class TomlText(Struct, frozen=True):
    """The text of a TOML file, and the name by which its owner knows it."""

    text: str
    name: str

    def line(self, path: Path) -> int:
        """The line of a key, else of the nearest table around it; 1 if neither is written.

        >>> TomlText("a = 1\\n[[route]]\\nto = []\\n[[route]]\\nto = [2]", "x").line(("route", 1, "to", 0))
        5
        """
        best, depth = 1, 0
        table: Path = ()
        tables_seen: dict[str, int] = {}
        for number, line in enumerate(self.text.splitlines(), 1):
            if head := _TABLE.match(line):
                table = _words(head[2])
                if head[1]:
                    tables_seen[head[2]] = tables_seen.get(head[2], -1) + 1
                    table = (*table, tables_seen[head[2]])
                here = table
            elif key := _KEY.match(line):
                here = (*table, *_words(key[1]))
            else:
                continue
            shared = min(len(here), len(path))
            if shared > depth and here[:shared] == path[:shared]:
                best, depth = number, shared
        return best

    def error(self, path: Path, why: str) -> str:
        """One sentence about the value at a path.

        >>> TomlText("[risk]\\nhorizon = 28", "my.toml").error(("risk", "horizon"), "28 is of the wrong type")
        'my.toml, line 2: risk.horizon: 28 is of the wrong type'
        """
        link = " " if why.startswith("is ") else ": "
        return f"{self.name}, line {self.line(path)}: {dotted(path)}{link}{why}"

    def syntax_error(self, error: ValueError) -> str:
        """One sentence about a text that tomllib cannot parse."""
        what, _, place = str(error).partition(" (at ")
        found = re.search(r"line (\d+)", place)
        line = int(found[1]) if found else len(self.text.splitlines())
        twice = "overwrite" in what or "twice" in what
        return f"{self.name}, line {line}: not TOML: {'a key or a table stands twice' if twice else what.lower()}"


def split(error: msgspec.ValidationError) -> tuple[str, Path]:
    """What msgspec says, and the path of the value that it says it of."""
    said, _, place = str(error).partition(" - at `$")
    return said, tuple(int(n) if n else word for word, n in re.findall(r"([^.\[\]`]+)|\[(\d+)\]", place))


def unknown_key(said: str) -> str | None:
    """The key that msgspec does not know, if that is what it says."""
    found = re.search(r"unknown field `([^`]*)`", said)
    return found[1] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The known name that is most like a wrong one; else all known names.

    >>> did_you_mean("severty", ["severity", "tier"]), did_you_mean("x", ["severity", "tier"])
    ("did you mean 'severity'?", 'known are severity, tier')
    """
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"


def not_listed(said: str, kind: Any, path: Path) -> str | None:
    """What to say of a value that a closed list does not have, with the list; None if msgspec says something else."""
    found = re.search(r"Invalid enum value '(.*)'", said)
    allowed = values_at(kind, path) if found else ()
    return f"{found[1]!r} is not known; known are {', '.join(allowed)}" if found and allowed else None


def wrong_value(said: str, value: Any) -> str:
    """What msgspec says of a value, in the words of TOML: the value, and the type or the bound that is wanted.

    >>> wrong_value("Expected `int`, got `str`", "few"), wrong_value("Expected `float` <= 1.0", 1.5)
    ("'few' is of the wrong type; give a whole number", '1.5 is out of range; give at most 1.0')
    """
    shown = "a table" if isinstance(value, dict) else str(value).lower() if isinstance(value, bool) else repr(value)
    if bound := re.search(r"Expected `\w+` (<=|>=|<|>) (.+)", said):
        return f"{shown} is out of range; give {_BOUNDS[bound[1]]} {bound[2]}"
    if kinds := re.search(r"Expected `(\w+)`, got `\w+`", said):
        return f"{shown} is of the wrong type; give {_TYPES.get(kinds[1], kinds[1])}"
    return said


def value_at(tables: Any, path: Path) -> Any:
    """The value at a path in parsed TOML; None if it is not written."""
    for key in path:
        tables = tables.get(key) if isinstance(tables, dict) else None
    return tables


def dotted(path: Path) -> str:
    """The path as people write it.

    >>> dotted(("route", 2, "to"))
    'route[2].to'
    """
    return "".join(f"[{word}]" if isinstance(word, int) else f".{word}" for word in path).lstrip(".")


def _words(key: str) -> Path:
    return tuple(word.strip(" \"'") for word in key.split("."))

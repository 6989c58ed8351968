"""Reads a TOML file as typed settings; an error names the file, the line, the key, and the correction.

This module reads TOML syntax and msgspec's error messages; it knows no particular setting. Each kind of settings file has a
subclass of `TomlText` with its own error and its own types of value.
"""

import difflib
import re
import tomllib
import types
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Struct

from scorers.contract.closed_lists import values_at

T = TypeVar("T")
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

    fault: ClassVar[type[Exception]] = ValueError
    """The error that is raised for this kind of file."""
    shows_values: ClassVar[bool] = False
    """Whether an error may repeat a value of a wrong type: not where it may be a secret."""

    @staticmethod
    def hook(kind: type, value: Any) -> Any:
        """The value as a type that msgspec does not know; a ValueError says what is wrong with it."""
        raise NotImplementedError(kind)

    def parse(self) -> dict[str, Any]:
        """The tables of the file."""
        try:
            return tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            raise self.fault(f"{self.syntax_error(error)}; correct that line") from None

    def convert(self, raw: Any, kind: type[T], path: Path = ()) -> T:
        """The value `raw`, which stands at a path of the file, as a type."""
        try:
            return msgspec.convert(raw, kind, dec_hook=self.hook)
        except msgspec.ValidationError as error:
            problem, steps = split(error)
            inner = self._named(raw, kind, steps)
            raise self._wrong_value(problem, raw, kind, path, inner) from None

    def wrong(self, path: Path, why: str) -> Exception:
        """The error about the value at a path."""
        return self.fault(self.error(path, why))

    def _named(self, raw: Any, kind: Any, steps: Path) -> Path:
        """The path with the names of entries, where msgspec says only that an entry of a table is wrong."""
        for place, step in enumerate(steps):
            if step != ANY_ENTRY:
                continue
            inside = steps[:place]
            entry = type_at(kind, (*inside, step))
            for name, value in value_at(raw, inside).items():
                try:
                    msgspec.convert(value, entry, dec_hook=self.hook)
                except msgspec.ValidationError as error:
                    return (*inside, name, *self._named(value, entry, split(error)[1]))
        return steps

    def _wrong_value(self, problem: str, raw: Any, kind: Any, path: Path, inner: Path) -> Exception:
        here = (*path, *inner)
        if key := unknown_key(problem):
            return self.wrong((*here, key), f"is not a known key; {did_you_mean(key, keys_of(type_at(kind, inner)))}")
        if "missing required field" in problem:
            return self.wrong((*here, problem.split("`")[1]), "is missing; add it to this table")
        if listed := not_listed(problem, kind, inner):
            return self.wrong(here, listed)
        told = wrong_value(problem, self._shown(value_at(raw, inner)))
        return self.wrong(here, told + other_bound(problem, kind, inner))

    def _shown(self, value: Any) -> str:
        if not self.shows_values:
            return ""
        return "a table" if isinstance(value, dict) else str(value).lower() if isinstance(value, bool) else repr(value)

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


ANY_ENTRY = "..."  # msgspec's step to an entry of a table whose keys are free


def split(error: msgspec.ValidationError) -> tuple[str, Path]:
    """The problem that msgspec states, and the path of the value that it concerns.

    >>> split(msgspec.ValidationError("Expected `int`, got `str` - at `$.stores[...].open[2]`"))
    ('Expected `int`, got `str`', ('stores', '...', 'open', 2))
    """
    problem, _, place = str(error).partition(" - at `$")
    steps = re.findall(r"\[(\d+)\]|\[(\.\.\.)\]|([^.\[\]`]+)", place)
    return problem, tuple(int(number) if number else entry or word for number, entry, word in steps)


def type_at(kind: Any, path: Path) -> Any:
    """The type of the value at a path inside a type.

    >>> type_at(dict[str, list[int]], ("S1", 0))
    <class 'int'>
    """
    for step in path:
        kind = _plain(kind)
        if get_origin(kind) in (dict, list, tuple, set, frozenset):
            kind = get_args(kind)[get_origin(kind) is dict]
        else:
            kind = next(field.type for field in msgspec.structs.fields(kind) if field.encode_name == step)
    return _plain(kind)


def _plain(kind: Any) -> Any:
    """The type without its bounds, and without the None of a key that may be left out."""
    while get_origin(kind) in (Annotated, Union, types.UnionType):
        kind = get_args(kind)[0]
    return kind


def keys_of(kind: Any) -> list[str]:
    """The keys that a table of this type may have."""
    return [field.encode_name for field in msgspec.structs.fields(kind)]


def unknown_key(problem: str) -> str | None:
    """The key that msgspec does not know, if that is the problem."""
    found = re.search(r"unknown field `([^`]*)`", problem)
    return found[1] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The known name that is most like a wrong one; else all known names.

    >>> did_you_mean("severty", ["severity", "tier"]), did_you_mean("x", ["severity", "tier"])
    ("did you mean 'severity'?", 'known are severity, tier')
    """
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"


def not_listed(problem: str, kind: Any, path: Path) -> str | None:
    """The sentence about a value that is not in a closed list, with the list; None if the problem is another one."""
    found = re.search(r"Invalid enum value '(.*)'", problem)
    allowed = values_at(kind, path) if found else ()
    return f"{found[1]!r} is not known; known are {', '.join(allowed)}" if found and allowed else None


def wrong_value(problem: str, shown: str) -> str:
    """The problem that msgspec states, in the words of TOML: the value if it is shown, and the type or the bound that is wanted.

    >>> wrong_value("Expected `int`, got `str`", "'few'"), wrong_value("Expected `float` <= 1.0", "")
    ("'few' is of the wrong type; give a whole number", 'is out of range; give at most 1.0')
    """
    value = f"{shown} " if shown else ""
    if bound := re.search(r"Expected `\w+` (<=|>=|<|>) (.+)", problem):
        return f"{value}is out of range; give {_BOUNDS[bound[1]]} {bound[2]}"
    if kinds := re.search(r"Expected `([\w |]+)`, got `\w+`", problem):
        wanted = [word for word in kinds[1].split(" | ") if word != "null"]
        return f"{value}is of the wrong type; give {' or '.join(_TYPES.get(word, word) for word in wanted)}"
    return problem


def other_bound(problem: str, kind: Any, path: Path) -> str:
    """The bound of a number on the side that it does not break, so that an error states the whole range.

    >>> from msgspec import Meta
    >>> Settings = msgspec.defstruct("Settings", [("share", Annotated[float, Meta(ge=0, le=1)])])
    >>> other_bound("Expected `float` <= 1.0", Settings, ("share",))
    ', and at least 0'
    """
    bound = re.search(r"Expected `\w+` (<=|>=|<|>) ", problem)
    if bound is None or not path:
        return ""
    fields = msgspec.structs.fields(type_at(kind, path[:-1])) if isinstance(path[-1], str) else ()
    declared: Any = next((field.type for field in fields if field.encode_name == path[-1]), None)
    while get_origin(declared) in (Union, types.UnionType):
        declared = get_args(declared)[0]
    metas = declared.__metadata__ if get_origin(declared) is Annotated else ()
    breaks_upper = bound[1].startswith("<")
    for meta in metas:
        sides = {">=": meta.ge, ">": meta.gt} if breaks_upper else {"<=": meta.le, "<": meta.lt}
        for sign, value in sides.items():
            if value is not None:
                return f", and {_BOUNDS[sign]} {value}"
    return ""


def value_at(tables: Any, path: Path) -> Any:
    """The value at a path in parsed TOML; None if it is not written."""
    for key in path:
        if isinstance(tables, dict):
            tables = tables.get(key)
        elif isinstance(tables, list | tuple) and isinstance(key, int) and key < len(tables):
            tables = tables[key]
        else:
            return None
    return tables


def dotted(path: Path) -> str:
    """The path as people write it.

    >>> dotted(("route", 2, "to"))
    'route[2].to'
    """
    return "".join(f"[{word}]" if isinstance(word, int) else f".{word}" for word in path).lstrip(".")


def _words(key: str) -> Path:
    return tuple(word.strip(" \"'") for word in key.split("."))

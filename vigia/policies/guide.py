"""What each key of a policy means and which rules it serves, from the comments of the policy that ships with Vigía.

A sentence of that file may run over the keys of several lines. It is told whole, with the value of each key behind its part.
"""

import re
from collections.abc import Mapping
from functools import cache

from msgspec import Struct, field

from vigia.runtime.distribution import shipped_text

_TABLE = re.compile(r"\[([\w.]+)\]\s*(?:#\s*(.*))?")
_KEY = re.compile(r"(\w+) = .*?\s# ((?:[A-Z]\d+ ?)+)(?::\s*(.*))?")
_RULES = re.compile(r"(?:[A-Z]\d+ ?)+: ")
_GOES_ON = (",", ":", ";")
_CONTINUES = ("and ", "or ", "of ", "is ", "by ", "than ", "that ", "but ", "not ", "ended ", "this quantile ")


class Meaning(Struct, frozen=True):
    """What a key means: the ids of its rules, and the parts of its sentence, each with the key that it speaks of."""

    rules: tuple[str, ...]
    parts: tuple[tuple[str, str], ...]

    def told(self, values: Mapping[str, str]) -> str:
        """The sentence, with the value behind each part where one is given.

        >>> Meaning(("L5",), (("a", "has bought on this many days,"), ("b", "the first this long ago"))).told({"a": "5", "b": "180d"})
        'has bought on this many days (5), the first this long ago (180d)'
        """
        return " ".join(_with_value(text, values.get(key)) for key, text in self.parts)


class _Sentence(Struct):
    parts: list[tuple[str, str]] = field(default_factory=list)


@cache
def guide() -> dict[str, Meaning]:
    """The meaning of every key, by its dotted name.

    >>> guide()["silence.false_a_year"].rules
    ('L1', 'Q6', 'J2')
    """
    found: dict[str, tuple[tuple[str, ...], _Sentence]] = {}
    table, heading, open_sentence = "", "", None
    for line in shipped_text("policy.toml").splitlines():
        if head := _TABLE.fullmatch(line):
            table, heading, open_sentence = head[1], _RULES.sub("", head[2] or "", count=1), None
        elif key := _KEY.fullmatch(line):
            name, rules, text = f"{table}.{key[1]}", tuple(key[2].split()), key[3] or heading
            continues = (
                open_sentence is not None
                and key[3]
                and (open_sentence.parts[-1][1].endswith(_GOES_ON) or text.startswith(_CONTINUES))
            )
            sentence = open_sentence if continues and open_sentence is not None else _Sentence()
            sentence.parts.append((name, text))
            found[name], open_sentence = (rules, sentence), sentence if key[3] else None
    return {name: Meaning(rules, tuple(sentence.parts)) for name, (rules, sentence) in found.items()}


def _with_value(text: str, value: str | None) -> str:
    if value is None:
        return text
    end = text[-1] if text.endswith(_GOES_ON) else ""
    return f"{text.removesuffix(end)} ({value}){end}"

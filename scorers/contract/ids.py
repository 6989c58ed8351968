"""Ids that facts are joined on: one spelling for one id.

An accented letter may be written as one character or as two, so ids are compared in Unicode's composed form (NFC). Blanks and
invisible characters around an id come from spreadsheets and copied text; such an id is rejected, as nobody can see the difference.
"""

import sys
import unicodedata
from itertools import groupby

_INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"  # of other categories, and shown as nothing
_CATEGORIES = ("Zs", "Zl", "Zp", "Cf")  # separators and format characters
_CONTROL = r"\x00-\x1f\x7f-\x9f"


def _blanks() -> str:
    """Every blank or invisible character of the basic plane."""
    plane = map(chr, range(min(sys.maxunicode, 0xFFFF) + 1))
    return "".join(c for c in plane if c.isspace() or unicodedata.category(c) in _CATEGORIES or c in _INVISIBLE)


def _ranges(characters: str) -> str:
    """The characters as the inside of a class of a regular expression."""
    runs = groupby(enumerate(map(ord, characters)), key=lambda pair: pair[1] - pair[0])
    found = [[code for _, code in run] for _, run in runs]
    return "".join(f"\\u{run[0]:04x}" if len(run) == 1 else f"\\u{run[0]:04x}-\\u{run[-1]:04x}" for run in found)


BLANKS = frozenset(_blanks())
BLANK_CLASS = _ranges("".join(sorted(BLANKS)))
"""The inside of a class of a regular expression that matches `BLANKS`."""
TRIMMED = rf"^[^{_CONTROL}{BLANK_CLASS}](?:[^{_CONTROL}]*[^{_CONTROL}{BLANK_CLASS}])?$"
"""The pattern of an id, for the JSON schema."""


def is_trimmed(text: str) -> bool:
    """Whether an id has no blank or invisible character around it.

    >>> is_trimmed("K7"), is_trimmed("K7 "), is_trimmed("\\u200bK7"), is_trimmed("K 7")
    (True, False, False, True)
    """
    return text[0] not in BLANKS and text[-1] not in BLANKS


def canonical(text: str) -> str:
    """The id in its composed form, which is the text itself in nearly all cases."""
    return text if text.isascii() or unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)

"""The order of names, as people look for them.

With PyICU installed this is the root order of the Unicode collation algorithm, as CLDR has it. Without, a letter counts as
the letter that its Unicode name is made of, whatever strokes, hooks or accents it has: `LATIN SMALL LETTER L WITH STROKE`
is an l, `LATIN SMALL LETTER AE` is a and e.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

OWN_NAMES = {"SHARP S": "ss", "DOTLESS I": "i", "ETH": "d", "THORN": "th", "ENG": "n", "KRA": "k"}
"""Letters whose names are not made of the letters by which they are sorted."""
NAMED = re.compile(r"LATIN (?:SMALL|CAPITAL) (?:LETTER|LIGATURE) (.+?)(?: WITH .+)?")


def sort_key() -> Callable[[str], Any]:
    """The key by which names are sorted: ICU's where it is installed, else `plain`."""
    try:
        icu = import_module("icu")
    except ImportError:
        return plain
    key: Callable[[str], Any] = icu.Collator.createInstance(icu.Locale.getRoot()).getSortKey
    return key


def plain(name: str) -> str:
    """A name without accents, strokes and capitals.

    >>> plain("Łukasz"), plain("Ægir"), plain("Đorđe"), plain("Straße")
    ('lukasz', 'aegir', 'dorde', 'strasse')
    """
    apart = unicodedata.normalize("NFKD", name)
    letters = (c if c.isascii() else _letters(c) for c in apart if unicodedata.category(c) not in ("Mn", "Lm"))
    return "".join(letters).casefold()


@cache
def _letters(character: str) -> str:
    """The letters that a Latin letter is made of; any other character stays as it is."""
    found = NAMED.fullmatch(unicodedata.name(character, ""))
    if found is None:
        return character
    name = found[1]
    return OWN_NAMES.get(name) or (name.lower() if len(name) <= 2 else character)

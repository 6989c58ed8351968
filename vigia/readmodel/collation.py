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


def sort_key(language: str = "") -> Callable[[str], Any]:
    """The key by which names are sorted in a language: ICU's where it is installed, else `plain`, with the ñ of Spanish after n."""
    try:
        icu = import_module("icu")
    except ImportError:
        return spanish if language == "es" else plain
    key: Callable[[str], Any] = icu.Collator.createInstance(
        icu.Locale(language) if language else icu.Locale.getRoot()
    ).getSortKey
    return key


def plain(name: str) -> str:
    """A name without accents, strokes and capitals.

    >>> plain("Łukasz"), plain("Ægir"), plain("Đorđe"), plain("Straße")
    ('lukasz', 'aegir', 'dorde', 'strasse')
    """
    apart = unicodedata.normalize("NFKD", name)
    letters = (c if c.isascii() else _letters(c) for c in apart if unicodedata.category(c) not in ("Mn", "Lm"))
    return "".join(letters).casefold()


def spanish(name: str) -> str:
    """A name as Spanish sorts it: ñ is a letter of its own, after n.

    >>> sorted(["Núñez", "Nuria", "Nuñez", "Nuz"], key=spanish)
    ['Núñez', 'Nuñez', 'Nuria', 'Nuz']
    >>> sorted(["Peñas", "Pensa", "Pez"], key=spanish)
    ['Pensa', 'Peñas', 'Pez']
    """
    parts = unicodedata.normalize("NFC", name).casefold().split("ñ")
    return "n\uffff".join(map(plain, parts))


@cache
def _letters(character: str) -> str:
    """The letters that a Latin letter is made of; any other character stays as it is."""
    found = NAMED.fullmatch(unicodedata.name(character, ""))
    if found is None:
        return character
    name = found[1]
    return OWN_NAMES.get(name) or (name.lower() if len(name) <= 2 else character)

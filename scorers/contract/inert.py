"""Text from outside, reduced to one line of visible characters: `inert` for people, `printable` for diagnostics.

Names, reasons and notes come from tills and web forms, so they may hold line breaks that forge a mail header, marks
that turn the reading direction, or pages of text. Markup is not touched: whoever writes HTML must escape it.
"""

import unicodedata

JOINERS = "\u200d"  # joins emoji into one; every other format character only hides something


def inert(text: str, limit: int = 200) -> str:
    """One line of visible text: no control, no direction mark, no lone surrogate, at most `limit` characters.

    >>> inert("Ana\\r\\nBcc: all@example.com")
    'Ana Bcc: all@example.com'
    >>> inert("gold \\u202edlog\\x00")
    'gold dlog'
    >>> inert("a" * 9, limit=5)
    'aaaa…'
    """
    normal = unicodedata.normalize("NFC", text[: limit * 8])
    line = " ".join("".join(_visible(character) for character in normal).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category in ("Zl", "Zp") or character in "\t\n\v\f\r\x85":
        return " "
    if category[0] == "C" and character not in JOINERS:
        return ""
    return character


def printable(text: str, limit: int) -> str:
    r"""The text with `?` for each character that is not printable, so that a diagnosis shows where one was.

    >>> printable("a\r\nb\ud800", 80)
    'a??b?'
    """
    text = text[:limit]
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else "?" for character in text)

"""Text from outside as one cell of a table, in CSV and in Excel's form, which no spreadsheet reads as a formula.

Every writer of tables uses `cell` for each text; a test writes hostile names with all of them. The text is cleaned first
and guarded after, because what is removed or ignored in front of an `=` would make it the first character.
"""

import re
import unicodedata

LONGEST_CELL = 32_767  # Excel's own limit
FORMULA = frozenset("=+-@\t\r\n\u2212")
"""The characters that begin a formula or another line, in their compatibility form: a fullwidth `=` counts as well."""

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/+=@-]*")  # the usual case, which needs nothing
_REMOVED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17))
    + "]"
)  # controls but for blanks and line breaks, surrogates, noncharacters: no table may hold them
_BREAKS = re.compile(r"[\t\n\r]+")
_SPLITS = re.compile(r"[;,|]")  # by which a spreadsheet of another language may split the line, quotes or not
_IGNORED_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")  # letters and a sign that show nothing


def cell(text: str) -> str:
    r"""The text as one line that begins, after what a spreadsheet ignores, with none of `FORMULA`; else a `'` precedes it.

    >>> cell("Ana"), cell("=1+1"), cell("\ufffe\u200b =1+1"), cell("Ana;=1+1")
    ('Ana', "'=1+1", "'\u200b =1+1", "Ana;'=1+1")
    """
    if _PLAIN.fullmatch(text) and len(text) < LONGEST_CELL:
        return text
    line = _BREAKS.sub(" ", _REMOVED.sub("", text))
    pieces, start = [], 0
    for split in _SPLITS.finditer(line):
        pieces.append(_guarded(line[start : split.start()]) + split.group())
        start = split.end()
    return ("".join(pieces) + _guarded(line[start:]))[:LONGEST_CELL]


def _guarded(piece: str) -> str:
    return f"'{piece}" if begins(piece) in FORMULA else piece


def begins(text: str) -> str:
    """The first character that a spreadsheet does not ignore, in its compatibility form; empty if there is none.

    Ignored are blanks, controls, marks without a letter, and everything that shows nothing.
    """
    for character in text:
        if (unicodedata.category(character)[0] in "CMZ" and character not in FORMULA) or character in _IGNORED_LETTERS:
            continue
        return unicodedata.normalize("NFKC", character)[:1]
    return ""

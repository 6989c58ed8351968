"""What a section of the report has."""

from collections.abc import Sequence

from markupsafe import Markup
from msgspec import Struct


class Picture(Struct):
    """A picture with the line above it."""

    head: str
    drawn: Markup


class Section(Struct):
    """A section of the page; `rows` are those of a plain table under `heads`."""

    title: str
    pictures: list[Picture]
    shows: str
    do: str = ""
    heads: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()

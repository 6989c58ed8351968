"""Pictures as SVG, drawn by hand: bars, tables of cells, columns up and down, and a ring of three parts.

Every text is escaped when it is put in. Colours are few, and no meaning rests on a colour alone: each mark has its number.
"""

from collections.abc import Sequence
from math import cos, pi, sin

from markupsafe import Markup
from msgspec import Struct

INK, SOFT, GRID, PAPER = "#22303c", "#5c6b77", "#d9dfe4", "#ffffff"
GOOD, BAD, BLUE, AMBER = "#2f7d4f", "#b3401f", "#2b6ca3", "#b98b1d"
WIDTH = 880


class Bar(Struct, frozen=True):
    """A bar: its label, its length, and the text at its end."""

    label: str
    value: float
    told: str
    colour: str = BLUE


def svg(width: int, height: int, title: str, *marks: Markup) -> Markup:
    """The picture; its title is read to those who do not see it."""
    head = Markup(
        '<svg viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}" xmlns="http://www.w3.org/2000/svg">'
    ).format(width, height, width, height, title)
    return head + Markup("").join(marks) + Markup("</svg>")


def text(
    x: float, y: float, words: str, *, size: int = 13, colour: str = INK, anchor: str = "start", bold: bool = False
) -> Markup:
    """A line of text."""
    return Markup(
        '<text x="{:.1f}" y="{:.1f}" font-size="{}" fill="{}" text-anchor="{}" font-weight="{}">{}</text>'
    ).format(x, y, size, colour, anchor, 600 if bold else 400, words)


def box(
    x: float, y: float, width: float, height: float, colour: str, *, opacity: float = 1.0, round_: float = 2
) -> Markup:
    """A filled rectangle."""
    return Markup(
        '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="{}" fill-opacity="{:.3f}" rx="{}"/>'
    ).format(x, y, max(width, 0), max(height, 0), colour, opacity, round_)


def line(x1: float, y1: float, x2: float, y2: float, colour: str = GRID) -> Markup:
    """A thin line."""
    return Markup('<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" stroke="{}"/>').format(x1, y1, x2, y2, colour)


def bars(title: str, rows: Sequence[Bar], left: int = 190) -> Markup:
    """Bars one below the other, all on one scale from 0."""
    most, step = max((row.value for row in rows), default=0) or 1, 30
    room = WIDTH - left - 230
    marks = []
    for n, row in enumerate(rows):
        y = 8 + n * step
        length = room * row.value / most
        marks += [
            text(left - 12, y + 17, row.label, anchor="end"),
            box(left, y + 3, max(length, 1.5 if row.value else 0), 19, row.colour),
            text(left + length + 9, y + 17, row.told, colour=SOFT),
        ]
    return svg(WIDTH, 14 + step * len(rows), title, *marks)


class Cell(Struct, frozen=True):
    """A cell of a table: how dark it is, from 0 to 1, and one or two lines."""

    shade: float
    first: str
    second: str = ""


def cells(
    title: str,
    rows: Sequence[str],
    columns: Sequence[str],
    table: Sequence[Sequence[Cell]],
    colour: str = BLUE,
    left: int = 170,
    beside: str = "",
    above: str = "",
) -> Markup:
    """A table whose cells are the darker, the more they hold; `beside` names what the rows are, `above` what the columns are."""
    wide = (WIDTH - left - 10) / max(len(columns), 1)
    high = 48 if any(cell.second for row in table for cell in row) else 36
    heads = [_wrapped(name, int(wide / 7)) for name in columns]
    top = (36 if above else 18) + 14 * max(map(len, heads), default=1)
    marks = [text(left, 14, above, size=12, colour=SOFT)] if above else []
    marks += [text(4, top - 9, beside, size=12, colour=SOFT)] if beside else []
    for n, head in enumerate(heads):
        at = left + (n + 0.5) * wide
        marks += [
            text(at, top - 9 - 14 * (len(head) - 1 - k), part, size=12, anchor="middle") for k, part in enumerate(head)
        ]
    for r, (name, row) in enumerate(zip(rows, table, strict=True)):
        y = top + r * high
        marks.append(text(left - 12, y + high / 2 + 4, name, anchor="end"))
        for c, cell in enumerate(row):
            x = left + c * wide
            marks.append(box(x + 1, y + 1, wide - 2, high - 2, colour, opacity=0.06 + 0.84 * cell.shade))
            ink = PAPER if cell.shade > 0.55 else INK
            middle = x + wide / 2
            marks.append(
                text(middle, y + high / 2 + (-2 if cell.second else 5), cell.first, colour=ink, anchor="middle")
            )
            if cell.second:
                marks.append(text(middle, y + high / 2 + 15, cell.second, size=11, colour=ink, anchor="middle"))
    return svg(WIDTH, int(top + high * len(rows) + 6), title, *marks)


def _wrapped(name: str, most: int) -> list[str]:
    """A name in one line, or in two if it is longer.

    >>> _wrapped("early repeat buyer", 14)
    ['early repeat', 'buyer']
    """
    if len(name) <= most or " " not in name:
        return [name]
    cut = min((n for n, letter in enumerate(name) if letter == " "), key=lambda n: (abs(2 * n - len(name)), -n))
    return [name[:cut], name[cut + 1 :]]


class Column(Struct, frozen=True):
    """A column: what stands below it, the parts that go up and down from the line, and the text at its top."""

    label: str
    up: tuple[tuple[float, str], ...]
    down: float = 0
    told: str = ""


def columns(title: str, found: Sequence[Column], legend: Sequence[tuple[str, str]] = (), under: str = "") -> Markup:
    """Columns side by side on one scale; what goes down is drawn under the line."""
    ups = [sum(value for value, _ in one.up) for one in found]
    most_up, most_down = max(ups, default=0), max((one.down for one in found), default=0)
    scale = 170 / ((most_up + most_down) or 1)
    top, left = (40 if legend else 22), 14
    zero = top + most_up * scale
    wide = (WIDTH - 2 * left) / max(len(found), 1)
    marks = []
    for n, (name, colour) in enumerate(legend):
        marks += [box(left + n * 200, 5, 13, 13, colour), text(left + 19 + n * 200, 16, name, size=12)]
    for n, (one, height) in enumerate(zip(found, ups, strict=True)):
        x, y = left + n * wide, zero
        for value, colour in one.up:
            y -= value * scale
            marks.append(box(x + 2, y, wide - 4, value * scale, colour))
        marks.append(box(x + 2, zero, wide - 4, one.down * scale, BAD))
        if one.told:
            marks.append(text(x + wide / 2, zero - height * scale - 5, one.told, size=12, anchor="middle"))
        if one.label:
            marks.append(
                text(x + wide / 2, zero + most_down * scale + 17, one.label, size=11, colour=SOFT, anchor="middle")
            )
    marks.append(line(left, zero, WIDTH - left, zero, SOFT))
    bottom = zero + most_down * scale + 26
    if under:
        marks.append(text(WIDTH / 2, bottom + 12, under, size=12, colour=SOFT, anchor="middle"))
        bottom += 20
    return svg(WIDTH, int(bottom), title, *marks)


class Part(Struct, frozen=True):
    """A part of the wheel: its name and the lines of figures beside it."""

    name: str
    lines: tuple[str, ...]
    colour: str


def wheel(title: str, hub: str, parts: Sequence[Part]) -> Markup:
    """A ring of equal parts, each named inside and told beside it."""
    x, y, outer, inner = 190.0, 190.0, 180.0, 48.0
    marks = []
    turn = 2 * pi / len(parts)
    for n, part in enumerate(parts):
        begin, end = n * turn - pi / 2, (n + 1) * turn - pi / 2
        points = [
            (x + r * cos(a), y + r * sin(a)) for r, a in ((outer, begin), (outer, end), (inner, end), (inner, begin))
        ]
        path = "M{:.1f} {:.1f} A{r} {r} 0 0 1 {:.1f} {:.1f} L{:.1f} {:.1f} A{i} {i} 0 0 0 {:.1f} {:.1f} Z".format(
            *(value for point in points for value in point), r=outer, i=inner
        )
        marks.append(Markup('<path d="{}" fill="{}" stroke="{}" stroke-width="4"/>').format(path, part.colour, PAPER))
        middle, radius = (begin + end) / 2, (outer + inner) / 2 + 4
        marks.append(
            text(
                x + radius * cos(middle),
                y + radius * sin(middle) + 5,
                part.name,
                colour=PAPER,
                anchor="middle",
                bold=True,
            )
        )
    marks.append(text(x, y + 5, hub, anchor="middle", bold=True))
    at = 24.0
    for part in parts:
        marks += [box(400, at - 12, 13, 13, part.colour), text(422, at, part.name, bold=True)]
        for told in part.lines:
            at += 21
            marks.append(text(422, at, told))
        at += 34
    return svg(WIDTH, int(max(y + outer + 14, at)), title, *marks)

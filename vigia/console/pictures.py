"""Pictures as SVG made here: no script draws them, they print, and each says in words what it shows."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

WIDTH = 720
LEFT, RIGHT = 12, 12


class Label(NamedTuple):
    """A place on an axis of time, and what stands there."""

    at: int
    text: str


def rhythm(
    visits: Sequence[int],
    now: int,
    quiet_after: int | None,
    labels: Sequence[Label],
    silence: str,
    limit: str,
    title: str,
) -> Markup:
    """The visits on an axis of time, the silence since the last one, and the instant from which it is longer than usual."""
    height, base = 118, 78
    ends = [*visits, now] if quiet_after is None else [*visits, now, quiet_after]
    start, end = min(ends), max(ends)
    span = max(1, end - start)

    def x(at: int) -> float:
        return LEFT + 8 + (WIDTH - LEFT - RIGHT - 16) * (at - start) / span

    parts = []
    last, until = visits[-1], max(now, visits[-1])
    wide = max(0.0, x(until) - x(last))
    parts.append(f'<rect class="silence" x="{x(last):.1f}" y="34" width="{wide:.1f}" height="{base - 34}"/>')
    parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{base}" y2="{base}"/>')
    parts += [
        f'<rect class="visit" x="{x(at) - 3:.1f}" y="40" width="6" height="{base - 40}" rx="2"/>' for at in visits
    ]
    if wide > 60:
        parts.append(_text((x(last) + x(until)) / 2, 28, silence, "strongtext"))
    if quiet_after is not None:
        parts.append(
            f'<line class="limit" x1="{x(quiet_after):.1f}" x2="{x(quiet_after):.1f}" y1="18" y2="{base + 4}"/>'
        )
        parts.append(_text(x(quiet_after), 13, limit))
    taken = -200.0
    for label in sorted(labels):
        place = x(label.at)
        if place - taken > 120:
            parts.append(_text(place, base + 20, label.text))
            taken = place
    return _picture(height, title, parts)


def curve(points: Sequence[tuple[int, float]], labels: Sequence[Label], title: str) -> Markup:
    """Shares of one over time, as a curve with its points."""
    height, top, base = 150, 14, 118
    start, end = points[0][0], points[-1][0]
    span = max(1, end - start)

    def x(at: int) -> float:
        return 44 + (WIDTH - 44 - RIGHT - 10) * (at - start) / span

    def y(share: float) -> float:
        return base - (base - top) * share

    parts = []
    for share in (0.0, 0.5, 1.0):
        parts.append(f'<line class="axis" x1="40" x2="{WIDTH - RIGHT}" y1="{y(share):.1f}" y2="{y(share):.1f}"/>')
        parts.append(_text(36, y(share) + 4, f"{share:.0%}", anchor="end"))
    path = " ".join(f"{'M' if n == 0 else 'L'}{x(at):.1f},{y(share):.1f}" for n, (at, share) in enumerate(points))
    parts.append(f'<path class="curve" d="{path}"/>')
    parts += [f'<circle class="point" cx="{x(at):.1f}" cy="{y(share):.1f}" r="3"/>' for at, share in points]
    taken = -200.0
    for label in sorted(labels):
        place = x(label.at)
        if place - taken > 120:
            parts.append(_text(min(max(place, 70), WIDTH - 60), base + 22, label.text))
            taken = place
    return _picture(height, title, parts)


DASHES = ("", "7 4", "2 3", "10 3 2 3", "5 2", "1 5")


def over_time(lines: Mapping[str, Sequence[tuple[int, float]]], ends: Sequence[Label], most: str, title: str) -> Markup:
    """Values over time, one line for each name, told apart by dashes; `most` is what the top of the picture stands for."""
    height, top, base = 150 + 18 * ((len(lines) + 2) // 3), 14, 118
    (start, _), (end, _) = ends
    span, highest = max(1, end - start), max(value for points in lines.values() for _, value in points) or 1.0

    def x(at: int) -> float:
        return 70 + (WIDTH - 70 - RIGHT - 10) * (at - start) / span

    parts = []
    for share, said in ((0.0, "0"), (1.0, most)):
        y = base - (base - top) * share
        parts.append(f'<line class="axis" x1="66" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_text(62, y + 4, said, anchor="end"))
    for n, (name, points) in enumerate(lines.items()):
        places = [(x(at), base - (base - top) * value / highest) for at, value in points]
        path = " ".join(f"{'L' if i else 'M'}{across:.1f},{down:.1f}" for i, (across, down) in enumerate(places))
        dashes = f' stroke-dasharray="{DASHES[n % len(DASHES)]}"'
        parts.append(f'<path class="curve"{dashes} d="{path}"/>')
        left, down = 70 + 210 * (n % 3), base + 44 + 18 * (n // 3)
        parts.append(f'<path class="curve"{dashes} d="M{left},{down - 4} h34"/>')
        parts.append(_text(left + 40, down, name, anchor="start"))
    parts += [_text(min(max(x(one.at), 100), WIDTH - 60), base + 20, one.text) for one in ends]
    return _picture(height, title, parts)


def bars(values: Sequence[tuple[str, int, str]], title: str) -> Markup:
    """Horizontal bars: what, how many, and the number as it is said."""
    most = max((value for _, value, _ in values), default=0) or 1
    parts = []
    for n, (name, value, said) in enumerate(values):
        top = 10 + 26 * n
        wide = (WIDTH - 300) * value / most
        parts.append(_text(190, top + 14, name, anchor="end"))
        parts.append(f'<rect class="bar" x="200" y="{top}" width="{wide:.1f}" height="18" rx="2"/>')
        parts.append(_text(206 + wide, top + 14, said, anchor="start"))
    return _picture(20 + 26 * len(values), title, parts)


def share(part: float) -> Markup:
    """A small bar for a share of one; the number stands beside it, so it says nothing to those who hear the page."""
    wide = 96 * min(max(part, 0.0), 1.0)
    drawn = (
        f'<rect class="all" width="96" height="10" rx="2"/><rect class="bar" width="{wide:.1f}" height="10" rx="2"/>'
    )
    return Markup(f'<svg class="share" viewBox="0 0 96 10" aria-hidden="true">{drawn}</svg>')  # noqa: S704  # numbers alone


def _text(x: float, y: float, text: str, style: str = "", anchor: str = "middle") -> str:
    near = "start" if anchor == "middle" and x < 60 else "end" if anchor == "middle" and x > WIDTH - 70 else anchor
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{near}">{escape(text)}</text>'


def _picture(height: int, title: str, parts: Sequence[str]) -> Markup:
    drawn = "".join(parts)
    head = f'<svg class="picture" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">'
    return Markup(f"{head}<title>{escape(title)}</title>{drawn}</svg>")  # noqa: S704  # texts are escaped above

"""Counts by source: how often each sender contradicted itself. Sources are text from outside, so few are kept, inert and short."""

from collections.abc import Mapping

from scorers.contract.inert import inert

KEPT = 50  # sources that are counted by name; the others are counted together
OTHER = "other sources"
SHOWN = 40  # characters of a source
NAMED = 5  # sources in one line of text


class BySource:
    """A count for each source."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def add(self, source: str) -> int:
        """Count one; how many there are from this source now."""
        name = inert(source, SHOWN)
        if name not in self._counts and len(self._counts) >= KEPT:
            name = OTHER
        count = self._counts[name] = self._counts.get(name, 0) + 1
        return count

    def counts(self) -> dict[str, int]:
        """The counts, largest first."""
        return dict(sorted(self._counts.items(), key=lambda one: (-one[1], one[0])))


def as_text(counts: Mapping[str, int]) -> str:
    """The largest counts as text.

    >>> as_text({"till-1": 1200, "crm": 1})
    'till-1 1,200, crm 1'
    """
    listed = ", ".join(f"{name} {count:,}" for name, count in list(counts.items())[:NAMED])
    return listed if len(counts) <= NAMED else f"{listed}, and {len(counts) - NAMED} more sources"

"""Our own outreach and its answers (X8), as counts of the base: what was sent, and what was answered within the time."""

from collections.abc import Mapping

from scorers.contract.events import DAY, Micros

OUTREACH = "outreach"
NAMES = ("sent", "answered")
"""Buckets of the histogram by their place."""
SENT, ANSWERED = range(len(NAMES))

Contribution = tuple[int, str, int, int]


def sent(at: Micros) -> Contribution:
    """A message was sent."""
    return at // DAY, OUTREACH, SENT, 1


def answered(at: Micros, messages: int) -> Contribution:
    """A contact or a purchase answers some messages."""
    return at // DAY, OUTREACH, ANSWERED, messages


def of_outreach(counts: Mapping[str, Mapping[int, int]]) -> dict[str, int]:
    """How many there were.

    >>> of_outreach({"outreach": {0: 7, 1: 2}})
    {'sent': 7, 'answered': 2}
    """
    held = counts.get(OUTREACH, {})
    return {name: held.get(place, 0) for place, name in enumerate(NAMES)}

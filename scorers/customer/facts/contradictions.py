"""Facts that contradict what is known: kept as they are, counted for the customer and for the base, and shown; never a fault.

A late fact that explains one takes its count back, as the customer is folded again.
"""

from collections.abc import Mapping
from itertools import zip_longest

from scorers.contract.events import DAY, Micros
from scorers.customer.state import Customer
from scorers.in_force.figures import Contribution
from scorers.in_force.live_quality import CONTRADICTION_NAMES as NAMES
from scorers.in_force.live_quality import CONTRADICTIONS, Contradiction


def note(c: Customer, what: Contradiction, at: Micros, counts: list[Contribution]) -> None:
    """Count one."""
    place = NAMES.index(what)
    known = c.contradictions or (0,) * len(NAMES)
    c.contradictions = tuple([n + (i == place) for i, n in enumerate(known)])
    counts.append((at // DAY, CONTRADICTIONS, place, 1))


def total(counts: Mapping[str, Mapping[int, int]]) -> dict[str, int]:
    """How often each happened in the base; only those that did.

    >>> total({"contradiction": {0: 3}})
    {'unknown_complaint': 3}
    """
    held = counts.get(CONTRADICTIONS, {})
    return {name: held[place] for place, name in enumerate(NAMES) if held.get(place)}


def combined(own: Customer, other: Customer) -> tuple[int, ...]:
    """Those of two ids of one customer."""
    pairs = zip_longest(own.contradictions, other.contradictions, fillvalue=0)
    return tuple([mine + theirs for mine, theirs in pairs])


def of(c: Customer) -> dict[Contradiction, int]:
    """How often each happened; only those that did.

    >>> of(Customer("c1"))
    {}
    """
    return {name: n for name, n in zip(NAMES, c.contradictions, strict=False) if n}

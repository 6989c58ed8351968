"""The customers of one partition for whom an effort pays, and the best of them when a date of the business ends.

The readings are a table in memory by name, so that the end of a date reads no rows but those of the customers that may be listed.
"""

from collections import Counter, defaultdict
from heapq import nsmallest
from typing import NamedTuple

from scorers.contract.events import DAY, SECOND, Micros
from scorers.customer.parts.effort import Effort
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.policy.hold_out import is_held_out
from scorers.policy.tables import Worklist
from scorers.timeline.packing import decoder, encode
from scorers.worklist.effort import reading_before

LISTED = 5
"""How many times the capacity of a day is listed."""


class Readings(NamedTuple):
    """The readings of a customer, and the time of their newest fact."""

    currency: str
    newest: Micros
    efforts: tuple[Effort, ...]
    things: bytes = b""  # what was bought lately, as `Bought.things`


class Best(NamedTuple):
    """Of one date: the names that may be listed with currency and reading, best first, and how many there are."""

    names: list[tuple[str, str, Effort]]
    counts: Counter[str]  # by currency, those who are not held out
    held_out: int


class Table:
    """The readings of a partition's customers by name, for those with any."""

    def __init__(self) -> None:
        self._readings: dict[str, Readings] = {}

    def put(self, name: str, c: Customer) -> None:
        """Replace the readings of a customer."""
        if c.efforts:
            self._readings[name] = readings_of(c)
        elif name in self._readings:
            del self._readings[name]

    def recover(self, name: str, readings: Readings) -> None:
        """Take the readings of a customer that were stored earlier."""
        if readings.efforts:
            self._readings[name] = readings

    def remove(self, name: str) -> None:
        """Forget a customer."""
        self._readings.pop(name, None)

    def best(self, day: int, end: Micros, before: Micros, ctx: Context) -> Best:
        """Who is worth an effort on a date that ended at an instant, of those whose newest fact is before another one.

        In each currency there are as many as can be listed although some were funded lately, which only the whole list knows.
        """
        rules, share = ctx.policy.worklist, ctx.policy.hold_out.share
        found: defaultdict[str, list[tuple[int, str, Effort]]] = defaultdict(list)
        held = 0
        for name, (currency, newest, efforts, _) in self._readings.items():
            effort = effort_for(efforts, end, rules)
            if effort is None or newest >= before:
                continue
            if share and is_held_out(name, day, share):
                held += 1
            else:
                found[currency].append((-effort.net, name, effort))
        most = most_candidates(rules)
        names = [
            (name, currency, effort)
            for currency, one in found.items()
            for _, name, effort in nsmallest(most, one, key=_order)
        ]
        return Best(names, Counter({currency: len(one) for currency, one in found.items()}), held)


def readings_of(c: Customer) -> Readings:
    """The readings of a customer."""
    return Readings(c.spending.currency, c.last_fact, c.efforts, c.bought.things)


def encode_readings(c: Customer) -> bytes:
    """The readings of a customer as bytes, which are empty if there are none."""
    return encode(readings_of(c)) if c.efforts or c.bought.things else b""


decode_readings = decoder(Readings)
"""The readings that `encode_readings` wrote."""


def effort_for(efforts: tuple[Effort, ...], end: Micros, rules: Worklist) -> Effort | None:
    """The reading by which a customer is worth an effort on a date that ended at an instant; None if they are not."""
    effort = reading_before(efforts, end)
    if effort is None or effort.until * SECOND < end or end - effort.acted * SECOND < rules.again_after:
        return None
    return effort


def most_candidates(rules: Worklist) -> int:
    """How many of one currency can matter for a list, from the best one on."""
    return LISTED * rules.per_day + lately_funded(rules)


def lately_funded(rules: Worklist) -> int:
    """How many customers may have been funded within `again_after`."""
    return int(rules.per_day * -(-rules.again_after // DAY))


def _order(one: tuple[int, str, Effort]) -> tuple[int, str]:
    return one[:2]

"""A customer's head: what the base, the facts since and the deadlines between them make of the customer.

`monitor` says when a head is folded anew and when a mark of it becomes the base; here stands only what either is.
"""

from collections import Counter

from msgspec import Struct

from scorers.assessment.advance import Log, instant
from scorers.contract.events import Micros
from scorers.customer.state import NOBODY, Customer
from scorers.in_force.context import Context
from scorers.in_force.figures import Contribution
from scorers.timeline.row import Fact, Row, decode_customer, encode


class Mark(Struct, gc=False):
    """A head after the newest fact before anything was told: the base to be, if the next fact comes so much later."""

    base: bytes
    at: Micros  # the last instant judged in it
    counts: list[Contribution]  # what had been contributed since the old base
    lessons: list[Micros]  # and answered
    open: tuple[str, ...]  # the alarms

    @classmethod
    def of(cls, head: Customer, at: Micros, row: Row) -> "Mark":
        return cls(encode(head), at, row.counts[:], row.lessons[:], tuple([e.alarm_id for e in head.open]))


def fold(base: bytes, facts: list[Fact], ctx: Context, log: Log) -> Customer:
    """The customer after some facts and the deadlines between them."""
    c = decode_customer(base)
    log.touched.update((e.alarm_id, e) for e in c.open)
    for fact in facts:
        lapse(c, fact.time, ctx, log)
        instant(c, fact.time, fact.event, fact.ref, ctx, log)
    return c


def lapse(c: Customer, until: Micros, ctx: Context, log: Log) -> tuple[int, Micros]:
    """Judge every deadline before an instant; how many, and the last of them."""
    judged, fired = 0, 0
    while c.due and c.due < until:
        fired = c.due
        instant(c, fired, None, NOBODY, ctx, log)
        judged += 1
    return judged, fired


def joined(facts: Log, silence: Log, answered: set[Micros]) -> Log:
    """What happened to facts and in the silence after them; the lessons that were not given before."""
    lessons = [lesson for lesson in facts.lessons + silence.lessons if lesson.asked_at not in answered]
    return Log(facts.touched | silence.touched, facts.counts + silence.counts, lessons)


def difference(before: list[Contribution], after: list[Contribution]) -> list[Contribution]:
    """What has to be added to the one to have the other."""
    if before == after:
        return []
    changed: Counter[tuple[int, str, int]] = Counter()
    for counts, sign in ((after, 1), (before, -1)):
        for day, name, bucket, count in counts:
            changed[day, name, bucket] += sign * count
    return [(day, name, bucket, count) for (day, name, bucket), count in changed.items() if count]

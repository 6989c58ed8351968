"""The alarms that stood in the settled states of two ids when they were merged: which go on, under which ids."""

from collections.abc import Set
from typing import NamedTuple

from msgspec.structs import replace

from scorers.contract.events import DAY, Micros
from scorers.customer.merging.habits import purchase_days
from scorers.customer.parts.told import Told
from scorers.customer.state import Customer
from scorers.subjects.answers import key_of
from scorers.timeline.compare import Found, alarm_id
from scorers.timeline.episodes import Episode

SILENCES = frozenset({"gone-quiet", "second-purchase-overdue", "defected"})


class Bought(NamedTuple):
    """When one id bought: the last time, and the days of the last year."""

    last: Micros
    days: Set[int]

    @classmethod
    def of(cls, c: Customer) -> "Bought":
        """When a customer bought."""
        return cls(c.purchases.last, purchase_days(c))

    def ends(self, e: Episode, since: Micros) -> bool:
        """Whether this id bought in the silence that an alarm of the other one is about, so that it was never true."""
        if since < self.last <= e.at:
            return True
        return any(since // DAY < day < e.at // DAY for day in self.days)


def renamed(open_: list[Episode], name: str) -> list[Episode]:
    """Open alarms of an old id as those of the customer `name`."""
    return [
        replace(e, alarm_id=e.alarm_id if e.subject_id else alarm_id(e.subject, name, e.kind, e.opener, e.detail))
        for e in open_
    ]


def renamed_told(told: tuple[Told, ...], before: list[Episode], after: list[Episode]) -> tuple[Told, ...]:
    """What was told, under the new ids of the alarms that are open."""
    keys = {key_of(old.alarm_id): key_of(new.alarm_id) for old, new in zip(before, after, strict=True)}
    return tuple([replace(one, key=keys.get(one.key, one.key)) for one in told])


def going_on(mine: list[Episode], theirs: list[Episode], bought: tuple[Bought, Bought], found: Found) -> list[Episode]:
    """The alarms that go on, of both ids: what is false now but was true ends by the next comparison.

    `found` is what holds for both together. Of the old id only that goes on, and the silences that a purchase of the other one has
    ended; of each kind and case one alarm goes on.
    """
    own, other = bought
    kept = [e for e in mine if e.kind not in SILENCES or not other.ends(e, own.last)]
    known = {(e.kind, e.subject_id) for e in kept}
    for e in theirs:
        answer = found.get((e.kind, e.subject_id))
        holds = answer is not None and answer[1].opener == e.opener
        came_back = e.kind in SILENCES and own.last > e.at and not own.ends(e, other.last)
        if (holds or came_back) and (e.kind, e.subject_id) not in known:
            kept.append(e)
    return kept

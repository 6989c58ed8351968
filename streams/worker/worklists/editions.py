"""Closes the editions of worklists: ranks each over all partitions once all have told what they know (J7).

A final edition is closed when every partition has told it or a later one, because a partition tells its dates in order and begins with
its first record. An early edition needs all of them. What was told twice counts once, so whoever reads the topic again from the
committed offset, with `closed` as it was then and the lists that were published, closes the same editions with the same entries.
"""

from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

from scorers.contract.events import Micros
from scorers.policy.tables import Worklist
from scorers.worklist.ranking import Candidates, DayList, Ranking
from streams.worker.worklists.parts import ErasedFromLists, ListPart


class Edition(NamedTuple):
    """An edition to be published, and who stood on an earlier one of its date and is not on this one."""

    listed: DayList
    dropped: frozenset[str]


class _Told(Struct):
    """What one partition told of an edition."""

    parts: list[ListPart] = field(default_factory=list)
    alone: dict[str, ListPart] = field(default_factory=dict)
    is_closed: bool = False

    def known(self) -> Iterator[Candidates]:
        parts = self.parts if self.is_closed else []  # a successor of who did not close it may know nobody any more
        listed = {told.entry.customer_id for part in parts for told in part.candidates}
        yield from (part.known() for part in parts)
        yield from (part.known() for name, part in self.alone.items() if name not in listed)

    def forget(self, customer: str) -> None:
        self.alone.pop(customer, None)
        self.parts = [
            replace(part, candidates=tuple(told for told in part.candidates if told.entry.customer_id != customer))
            for part in self.parts
        ]


class Early(NamedTuple):
    """The early edition of a date that is not final."""

    date: str
    end: Micros
    customers: frozenset[str]


class Lists:
    """The editions that are not closed. `closed` is the newest date whose final edition is, in days since 1970."""

    def __init__(self, partitions: int, rules: Worklist, closed: int = -1) -> None:
        self.closed = closed
        self.early: dict[int, Early] = {}
        self.ranking = Ranking()
        self._partitions = partitions
        self.rules = rules  # of the policy in force
        self._newest: dict[int, int] = {}  # by partition: the newest date whose final edition it has told
        self._published: set[int] = set()  # dates whose early edition was closed
        self._open: dict[tuple[int, bool], dict[int, _Told]] = {}

    def add(self, told: ListPart | ErasedFromLists) -> list[Edition]:
        """Take a record; the editions that are closed by it, in order."""
        if isinstance(told, ErasedFromLists):
            self._forget(told.customer)
            return []
        if self.is_closed(told.day, told.final) or self._is_known(told):
            return []
        if told.final:
            if told.last:
                self._newest[told.partition] = max(self._newest.get(told.partition, -1), told.day)
            return list(self._close_final())
        return list(self._close_early(told.day))

    def is_closed(self, day: int, final: bool) -> bool:
        """Whether an edition needs nothing any more that was told of it."""
        return day <= self.closed or (not final and day in self._published)

    def _is_known(self, told: ListPart) -> bool:
        """Note a record; whether it says nothing new."""
        one = self._open.setdefault((told.day, told.final), {}).setdefault(told.partition, _Told())
        if one.is_closed:
            return True
        if told.customer:
            one.alone.setdefault(told.customer, told)
            return True
        if told.number == 0:
            one.parts.clear()
        one.parts.append(told)
        one.is_closed = told.last
        return not told.last

    def _close_final(self) -> Iterator[Edition]:
        if len(self._newest) < self._partitions or (until := min(self._newest.values())) <= self.closed:
            return
        days = {day for day, final in self._open if final and day <= until} | {d for d in self.early if d <= until}
        for day in sorted(days):
            early = self.early.pop(day, None)
            parts = self._known(day, True)
            if not parts and early is not None:
                parts = [Candidates(day, early.date, early.end, True, (), {}, 0)]
            listed = self.ranking.rank(parts, self.rules)
            names = frozenset(entry.customer_id for entry in listed.entries)
            yield Edition(listed, frozenset() if early is None else early.customers - names)
        self.closed = until
        self._published = {day for day in self._published if day > until}
        self._open = {edition: told for edition, told in self._open.items() if edition[0] > until}

    def _close_early(self, day: int) -> Iterator[Edition]:
        told = self._open[day, False]
        if len(told) < self._partitions or not all(one.is_closed for one in told.values()):
            return
        listed = self.ranking.rank(self._known(day, False), self.rules)
        names = frozenset(entry.customer_id for entry in listed.entries)
        self.early[day] = Early(listed.date, listed.end, names)
        self._published.add(day)
        del self._open[day, False]
        yield Edition(listed, frozenset())

    def _known(self, day: int, final: bool) -> list[Candidates]:
        told = self._open.get((day, final), {})
        return [part for number in sorted(told) for part in told[number].known()]

    def _forget(self, customer: str) -> None:
        self.ranking.forget(customer)
        for told in self._open.values():
            for one in told.values():
                one.forget(customer)
        self.early = {day: e._replace(customers=e.customers - {customer}) for day, e in self.early.items()}

"""Who makes worklists of what partitions tell, with a log, commits and a topic in memory."""

from typing import NamedTuple

from scorers.contract.alarms import Reason
from scorers.contract.events import Instant
from scorers.contract.wire import encode_worklist_entry
from scorers.contract.worklist import WorklistEntry, Worklists
from scorers.policy.tables import Policy
from streams.worker.worklists.editions import Edition, Lists
from streams.worker.worklists.parts import ErasedFromLists, decode_part
from streams.worker.worklists.publisher import recall

ENTRY = WorklistEntry(
    date="2024-05-06",
    at=Instant(1_715_039_999_000_000),
    rank=1,
    customer_id="C1",
    risk=0.5,
    horizon_days=90.0,
    worth_minor=10_000,
    expected_loss_minor=5_000,
    save_chance=0.2,
    cost_minor=500,
    net_minor=500,
    currency="EUR",
    stage="core_customer",
    tier="gold",
    reasons=(Reason("silence", 0.5, "No purchase for 9 days."),),
    treatment="help",
    alarms=(),
    funded=True,
    held_out=False,
    final=False,
    listed=2,
    not_listed=0,
)
"""The first of two entries of an early edition."""


class OnTopic(NamedTuple):
    """A record of the topic `worklist`."""

    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class ListMaker:
    """Closes editions as the aggregator does. With `dies` it publishes so large a share of the next edition, and then dies."""

    def __init__(self, partitions: int, policy: Policy) -> None:
        self.topic: list[OnTopic] = []
        self.dies: float | None = None
        self._partitions, self._rules = partitions, policy.worklist
        self._log: list[bytes] = []
        self._committed, self._mark = 0, -1
        self._open: list[tuple[int, bool]] = []
        self.lists = Lists(partitions, policy.worklist)

    def take(self, raw: bytes) -> None:
        """Take a new record."""
        self._log.append(raw)
        self._take(raw)

    def _take(self, raw: bytes) -> None:
        told = decode_part(raw)
        for edition in self.lists.add(told):
            records = list(_records(edition))
            if self.dies is not None:
                self.topic += records[: round(len(records) * self.dies)]
                self.dies = None
                return self.crash()
            self.topic += records
        self._open.append((-1, True) if isinstance(told, ErasedFromLists) else (told.day, told.final))
        while self._open and self.lists.is_closed(*self._open[0]):
            self._open.pop(0)
            self._committed, self._mark = self._committed + 1, self.lists.closed
        return None

    def crash(self) -> None:
        """Another one goes on from the commit and from what is on the topic."""
        self.lists = Lists(self._partitions, self._rules, self._mark)
        recall(self.lists, self.shown())
        self._open = []
        for raw in self._log[self._committed :]:
            self._take(raw)

    def shown(self) -> Worklists:
        """The lists as a reader of the topic sees them."""
        lists = Worklists()
        for record in self.topic:
            lists.take(*record)
        return lists

    def final(self) -> dict[str, list[WorklistEntry]]:
        """The final lists by date, as a reader sees them."""
        lists = self.shown()
        return {date: found for date in lists.dates() if (found := lists.of(date))[0].final}


def _records(edition: Edition) -> list[OnTopic]:
    listed, dropped = edition
    entries = [OnTopic(entry.customer_id.encode(), encode_worklist_entry(entry)) for entry in listed.entries]
    return entries + [OnTopic(name.encode(), None, (("date", listed.date.encode()),)) for name in sorted(dropped)]

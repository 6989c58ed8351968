"""Who makes worklists of what partitions tell, with a log, commits and a topic in memory."""

from scorers.contract.worklist import WorklistEntry
from scorers.policy.tables import Policy
from streams.worker.worklists.editions import Lists
from streams.worker.worklists.parts import ErasedFromLists, decode_part
from streams.worker.worklists.publisher import recall


class ListMaker:
    """Closes editions as the aggregator does. `topic` holds what was published: an entry, or a name and a date (of who was erased: none)."""

    def __init__(self, partitions: int, policy: Policy) -> None:
        self.topic: list[WorklistEntry | tuple[str, str]] = []
        self._partitions, self._rules = partitions, policy.worklist
        self._log: list[bytes] = []
        self._committed, self._mark = 0, -1
        self._open: list[tuple[int, bool]] = []
        self.lists = Lists(partitions, policy.worklist)

    def take(self, raw: bytes, published: float = 1.0) -> None:
        """Take a new record; of what follows only a share is published before the maker dies, if it is less than 1."""
        self._log.append(raw)
        self._take(raw, published)

    def _take(self, raw: bytes, published: float = 1.0) -> None:
        told = decode_part(raw)
        for listed, dropped in self.lists.add(told):
            records = [*listed.entries, *((name, listed.date) for name in sorted(dropped))]
            self.topic += records[: round(len(records) * published)]
        if isinstance(told, ErasedFromLists):
            self.topic.append((told.customer, ""))
        self._open.append((-1, True) if isinstance(told, ErasedFromLists) else (told.day, told.final))
        if published == 1.0:
            while self._open and self.lists.is_closed(*self._open[0]):
                self._open.pop(0)
                self._committed, self._mark = self._committed + 1, self.lists.closed

    def crash(self) -> None:
        """Another one goes on from the commit and from what is on the topic."""
        self.lists = Lists(self._partitions, self._rules, self._mark)
        recall(self.lists, [one for one in self.topic if isinstance(one, WorklistEntry)])
        self._open = []
        for raw in self._log[self._committed :]:
            self._take(raw)

    def final(self) -> dict[str, list[WorklistEntry]]:
        """The final editions by date, as a reader sees them: the newest entry of each rank."""
        found: dict[str, dict[int, WorklistEntry]] = {}
        for one in self.topic:
            if isinstance(one, WorklistEntry) and one.final:
                found.setdefault(one.date, {})[one.rank] = one
        return {date: [entries[rank] for rank in sorted(entries)] for date, entries in found.items()}

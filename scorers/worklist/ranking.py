"""The list of one date, ranked over all partitions: who is listed, who is funded, and how many are only counted (J7, A6)."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from msgspec import Struct
from msgspec.structs import replace

from scorers.contract.events import DAY, Micros
from scorers.contract.worklist import WorklistEntry
from scorers.policy.tables import Worklist
from scorers.worklist.candidates import LISTED


class Candidate(Struct, frozen=True):
    """A customer of one partition who may be listed; the entry, without rank and funds, is rendered only if they are."""

    customer_id: str
    net_minor: int
    currency: str
    evidence: Micros  # when the newest fact or alarm came
    render: Callable[[], WorklistEntry]


class Candidates(Struct, frozen=True):
    """What one partition knows for the list of a date; `day` counts from 1970, `end` is the instant at which the date ended."""

    day: int
    date: str
    end: Micros
    final: bool
    candidates: tuple[Candidate, ...]
    counts: dict[str, int]  # of all for whom an effort pays, by currency
    held_out: int


class DayList(Struct, frozen=True):
    """The worklist of a date."""

    date: str
    entries: tuple[WorklistEntry, ...]
    not_listed: int  # for whom an effort would pay too
    held_out: int


class Ranking:
    """Ranks lists one after the other; it remembers who was funded lately."""

    def __init__(self) -> None:
        self._funded: dict[str, tuple[int, Micros]] = {}  # by customer: the day, and its end

    def rank(self, parts: Iterable[Candidates], rules: Worklist) -> DayList:
        """The list of a date from what each partition knows; at least one part is given."""
        parts = list(parts)
        first = parts[0]
        self._funded = {
            name: (day, end) for name, (day, end) in self._funded.items() if (first.day - day) * DAY < rules.again_after
        }
        counts = sum((Counter(part.counts) for part in parts), Counter[str]())
        candidates = [one for part in parts for one in part.candidates if self._may_return(one)]
        ranked = _in_order(candidates, counts)[: LISTED * rules.per_day]
        entries = self._funding([one.render() for one in ranked], rules)
        self._funded |= {entry.customer_id: (first.day, first.end) for entry in entries if entry.funded}
        blocked = sum(len(part.candidates) for part in parts) - len(candidates)
        held = sum(part.held_out for part in parts)
        return DayList(first.date, entries, counts.total() - blocked - len(entries), held)

    def _may_return(self, one: Candidate) -> bool:
        """Whether the customer was not funded lately, or something is new since."""
        funded = self._funded.get(one.customer_id)
        return funded is None or one.evidence >= funded[1]

    @staticmethod
    def _funding(ranked: list[WorklistEntry], rules: Worklist) -> tuple[WorklistEntry, ...]:
        """The entries with ranks, funded from the top within the capacity and the budget of each tier."""
        spent: Counter[tuple[str, str | None]] = Counter()
        entries, left = [], rules.per_day
        for rank, entry in enumerate(ranked, 1):
            purse = entry.tier, entry.currency
            funded = left > 0 and spent[purse] + entry.cost_minor <= rules.budget.of(entry.tier)
            if funded:
                left -= 1
                spent[purse] += entry.cost_minor
            entries.append(replace(entry, rank=rank, funded=funded))
        return tuple(entries)


def _in_order(candidates: list[Candidate], counts: Counter[str]) -> list[Candidate]:
    """The candidates by net, best first.

    Amounts of two currencies cannot be compared, so the lists of single currencies are merged by the place in each: the best tenth
    of one stands beside the best tenth of the other.
    """
    by_currency: defaultdict[str, list[Candidate]] = defaultdict(list)
    for one in candidates:
        by_currency[one.currency].append(one)
    placed: list[tuple[float, str, Candidate]] = []
    for currency, own in by_currency.items():
        own.sort(key=lambda one: (-one.net_minor, one.customer_id))
        placed += [((place + 0.5) / counts[currency], currency, one) for place, one in enumerate(own)]
    return [one for *_, one in sorted(placed, key=lambda place: place[:2])]

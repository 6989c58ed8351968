"""The list of one date, ranked over all partitions: who is listed, who is funded, and how many are only counted (J7, A6)."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from scorers.contract.events import DAY, Micros
from scorers.contract.worklist import WorklistEntry
from scorers.policy.tables import Worklist
from scorers.worklist.candidates import LISTED, most_candidates


class Candidate(Struct, frozen=True):
    """A customer of one partition who may be listed; the entry, without rank and funds, is rendered only if they are."""

    customer_id: str
    net_minor: int
    currency: str
    evidence: Micros  # when the newest fact or alarm came
    render: Callable[[], WorklistEntry]


class Candidates(Struct, frozen=True):
    """What one partition knows for one edition of a date; `day` counts from 1970, `end` is the instant at which the date ended."""

    day: int
    date: str
    end: Micros
    final: bool
    candidates: tuple[Candidate, ...]
    counts: dict[str, int]  # of all for whom an effort pays, by currency
    held_out: int
    customer: str = ""  # whose part alone this is, taken before the edition is closed


class DayList(Struct, frozen=True):
    """One edition of the worklist of a date."""

    day: int
    date: str
    end: Micros
    final: bool
    entries: tuple[WorklistEntry, ...]
    not_listed: int  # for whom an effort would pay too
    held_out: int

    def funded(self) -> frozenset[str]:
        """The customers who are funded."""
        return frozenset(entry.customer_id for entry in self.entries if entry.funded)


class _Funded(NamedTuple):
    end: Micros  # of the date
    customers: frozenset[str]


class Ranking:
    """Ranks lists one after the other; it remembers who was funded lately, on the newest edition of each date."""

    def __init__(self) -> None:
        self._funded: dict[int, _Funded] = {}

    def rank(self, parts: Iterable[Candidates], rules: Worklist) -> DayList:
        """The list of a date from what each partition knows; at least one part is given."""
        parts = list(parts)
        first = parts[0]
        counts = sum((Counter(part.counts) for part in parts), Counter[str]())
        best = _best_by_currency(parts, rules)
        lately = self._lately(first.day, rules)
        open_to = {currency: [one for one in own if _may_return(one, lately)] for currency, own in best.items()}
        blocked = sum(map(len, best.values())) - sum(map(len, open_to.values()))
        ranked = _in_order(open_to, counts)[: LISTED * rules.per_day]
        not_listed = counts.total() - blocked - len(ranked)
        entries = self._funding([one.render() for one in ranked], not_listed, rules)
        held = sum(part.held_out for part in parts)
        ranked_list = DayList(first.day, first.date, first.end, first.final, entries, not_listed, held)
        self.remember(first.day, first.end, ranked_list.funded())
        return ranked_list

    def remember(self, day: int, end: Micros, funded: Iterable[str]) -> None:
        """Note who is funded on a date, in place of an earlier edition."""
        self._funded[day] = _Funded(end, frozenset(funded))

    def forget(self, customer: str) -> None:
        """Forget a customer who was erased."""
        self._funded = {day: _Funded(end, who - {customer}) for day, (end, who) in self._funded.items()}

    def _lately(self, day: int, rules: Worklist) -> dict[str, Micros]:
        """By customer who was funded lately before a date, the end of the last date on which they were."""
        self._funded = {
            at: funded for at, funded in sorted(self._funded.items()) if (day - at) * DAY < rules.again_after
        }
        return {name: end for at, (end, names) in self._funded.items() if at < day for name in names}

    @staticmethod
    def _funding(ranked: list[WorklistEntry], not_listed: int, rules: Worklist) -> tuple[WorklistEntry, ...]:
        """The entries with ranks, funded from the top within the capacity and the budget of each tier."""
        spent: Counter[tuple[str, str | None]] = Counter()
        entries, left = [], rules.per_day
        for rank, entry in enumerate(ranked, 1):
            purse = entry.tier, entry.currency
            funded = left > 0 and spent[purse] + entry.cost_minor <= rules.budget.of(entry.tier)
            if funded:
                left -= 1
                spent[purse] += entry.cost_minor
            entries.append(replace(entry, rank=rank, funded=funded, listed=len(ranked), not_listed=not_listed))
        return tuple(entries)


def _may_return(one: Candidate, lately: dict[str, Micros]) -> bool:
    """Whether the customer was not funded lately, or something is new since."""
    funded = lately.get(one.customer_id)
    return funded is None or one.evidence >= funded


def _best_by_currency(parts: list[Candidates], rules: Worklist) -> dict[str, list[Candidate]]:
    """Those of each currency who can matter, best first; as many as one partition with all customers would tell."""
    by_currency: defaultdict[str, list[Candidate]] = defaultdict(list)
    for part in parts:
        for one in part.candidates:
            by_currency[one.currency].append(one)
    most = most_candidates(rules)
    return {
        currency: sorted(own, key=lambda one: (-one.net_minor, one.customer_id))[:most]
        for currency, own in by_currency.items()
    }


def _in_order(by_currency: dict[str, list[Candidate]], counts: Counter[str]) -> list[Candidate]:
    """The candidates by net, best first.

    Amounts of two currencies cannot be compared, so the lists of single currencies are merged by the place in each: the best tenth
    of one stands beside the best tenth of the other.
    """
    placed = [
        ((place + 0.5) / counts[currency], currency, one)
        for currency, own in by_currency.items()
        for place, one in enumerate(own)
    ]
    return [one for *_, one in sorted(placed, key=lambda place: place[:2])]

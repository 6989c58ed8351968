"""The worklist of the contract: the customers who are most worth an effort on a date of the business (J7)."""

from collections.abc import Iterable

from msgspec import UNSET, Struct, UnsetType, json

from scorers.contract.alarms import Reason, Stage, Tier, Treatment
from scorers.contract.events import Instant
from scorers.contract.rfc3339 import decode_any_instant

DATE = "date"
"""The header of a record without a value: the date from whose early edition the customer is taken off."""


class WorklistEntry(Struct, frozen=True, kw_only=True, tag_field="type", tag="worklist.entry"):
    """One customer on the list of one date; amounts are minor units of `currency`."""

    date: str  # of the business, as in 2024-05-06
    at: Instant  # the last second of that date: the list holds the facts up to it
    rank: int  # from 1
    customer_id: str
    risk: float  # of no purchase within `horizon_days`
    horizon_days: float
    worth_minor: int
    expected_loss_minor: int  # risk times worth
    save_chance: float  # of an effort
    cost_minor: int  # of an effort
    net_minor: int  # risk times worth times save_chance, less the cost
    currency: str | None
    stage: Stage
    tier: Tier
    reasons: tuple[Reason, ...]
    treatment: Treatment
    alarms: tuple[str, ...]  # ids of the alarms that stand
    funded: bool  # within the capacity of the day and the budget of the tier
    held_out: bool
    final: bool  # no late fact can change the list any more
    listed: int  # how many entries this edition of the list has
    not_listed: int  # how many customers are only counted: an effort would pay for them too
    history: bool | UnsetType = UNSET  # the list is of a time before alarms are wanted, and is sent to nobody


decode_entry = json.Decoder(WorklistEntry, dec_hook=decode_any_instant).decode
"""An entry from its bytes; raises msgspec.DecodeError if they are none."""


def newest_edition(entries: Iterable[WorklistEntry]) -> list[WorklistEntry]:
    """Of the entries of one date those of its newest edition by rank, of each customer the last one.

    The newest edition is the final one if any entry is of it, else the early one.
    """
    found = list(entries)
    final = any(entry.final for entry in found)
    last = {entry.customer_id: entry for entry in found if entry.final == final}
    return sorted(last.values(), key=lambda entry: entry.rank)


class Worklists:
    """Reads the topic `worklist`: of each date the newest edition.

    An entry belongs to the final edition of its date if it says so, else to the early one; a date that has entries of a final edition
    has no early one any more. A record without a value takes its customer off the early edition of the date that its header names;
    without that header the customer was erased, and is off every list.
    """

    def __init__(self) -> None:
        self._entries: dict[tuple[str, bool], dict[str, WorklistEntry]] = {}

    def take(self, key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes]] | None) -> None:
        """Take a record of the topic. Records of one customer come in their order. Raises msgspec.DecodeError."""
        if value is not None:
            entry = decode_entry(value)
            self._entries.setdefault((entry.date, entry.final), {})[entry.customer_id] = entry
            return
        customer = (key or b"").decode()
        date = dict(headers or ()).get(DATE)
        for (of, final), listed in self._entries.items():
            if date is None or (of == date.decode() and not final):
                listed.pop(customer, None)

    def dates(self) -> list[str]:
        """The dates with a list, in order."""
        return sorted({date for (date, _), listed in self._entries.items() if listed})

    def keep(self, most: int) -> None:
        """Forget all but the newest dates."""
        dates = set(sorted({date for date, _ in self._entries})[-most:])
        self._entries = {edition: listed for edition, listed in self._entries.items() if edition[0] in dates}

    def of(self, date: str) -> list[WorklistEntry]:
        """The newest edition of a date, in the order of its ranks; empty if there is none."""
        return newest_edition((*self.edition(date, False), *self.edition(date, True)))

    def edition(self, date: str, final: bool) -> list[WorklistEntry]:
        """The entries of one edition of a date, in no order; empty if there is none."""
        return list(self._entries.get((date, final), {}).values())

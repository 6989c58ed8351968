"""Worklists as people see them, read from the topic `worklist`: of each date the newest edition.

An entry belongs to the final edition of its date if it says so, else to the early one; a date that has entries of a final edition has
no early one any more. A record without a value takes its customer off the early edition of the date that its header `date` names;
without that header the customer was erased, and is off every list.
"""

from typing import Any

import msgspec

from scorers.contract.rfc3339 import decode_any_instant
from scorers.contract.worklist import WorklistEntry

DATE = "date"
decode_entry = msgspec.json.Decoder(WorklistEntry, dec_hook=decode_any_instant).decode
"""An entry from its bytes; raises msgspec.DecodeError if they are none."""


class Worklists:
    """The entries of each date and edition by customer."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, bool], dict[str, WorklistEntry]] = {}

    def take(self, record: Any) -> None:
        """Take a record of the topic. Records of one customer come in their order. Raises msgspec.DecodeError."""
        if record.value is not None:
            entry = decode_entry(record.value)
            self._entries.setdefault((entry.date, entry.final), {})[entry.customer_id] = entry
            return
        customer = (record.key or b"").decode()
        date = dict(record.headers or ()).get(DATE)
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
        listed = self._entries.get((date, True)) or self._entries.get((date, False)) or {}
        return sorted(listed.values(), key=lambda entry: entry.rank)

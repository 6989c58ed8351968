"""The worklist of a date in its newest edition, the entries of a customer, and what was done about them."""

import sqlite3
import zlib

from scorers.contract.events import AlarmAction
from scorers.contract.wire import decode
from scorers.contract.worklist import WorklistEntry, decode_entry
from vigia.readmodel.store.items import PAGE, Page
from vigia.readmodel.store.sqlite.paging import count, rows_of


class Worklists:
    """The worklist of a date, the entries of a customer, and what was done about them."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def dates(self, most: int = 60) -> list[str]:
        """The newest dates with a worklist, the newest first."""
        found = self._db.execute("SELECT DISTINCT date FROM worklist ORDER BY date DESC LIMIT ?", (most,))
        return [date for (date,) in found]

    def page_of(
        self,
        date: str,
        page: int = 1,
        size: int = PAGE,
        *,
        held_out: bool = False,
        funded: bool = False,
        funded_first: bool = False,
    ) -> Page:
        """A page of the newest edition of a date's worklist: who may be reached, or the held-out, who may not.

        `funded_first` puts those with funds first; otherwise the order is that of the ranks.
        """
        edition = self._db.execute("SELECT max(final) FROM worklist WHERE date = ?", (date,)).fetchone()[0]
        where, values = ["date = ?", "final = ?", "held_out = ?"], [date, edition or 0, int(held_out)]
        if funded:
            where.append("funded")
        total = count(self._db, "worklist", where, values)
        rows = rows_of(
            self._db, "worklist", where, values, "funded DESC, rank" if funded_first else "rank", page, total, size
        )
        return Page([decode_entry(zlib.decompress(row["record"])) for row in rows], total)

    def entries_of(self, customer_id: str, most: int = 60) -> list[WorklistEntry]:
        """The newest entries of a customer, the newest date first; of a date the newest edition."""
        found = self._db.execute(
            "SELECT record, max(final) FROM worklist WHERE customer = ? GROUP BY date ORDER BY date DESC LIMIT ?",
            (customer_id, most),
        )
        return [decode_entry(zlib.decompress(record)) for record, _ in found]

    def entry(self, date: str, customer_id: str) -> WorklistEntry | None:
        """The entry of a customer on a date; None if there is none."""
        found = self._db.execute(
            "SELECT record FROM worklist WHERE date = ? AND customer = ? ORDER BY final DESC LIMIT 1",
            (date, customer_id),
        ).fetchone()
        return None if found is None else decode_entry(zlib.decompress(found[0]))

    def deeds_on(self, date: str) -> dict[str, list[AlarmAction]]:
        """What was done about the entries of a date, by customer, in the order of time."""
        return _by_customer(
            self._db.execute("SELECT record FROM actions WHERE date = ? ORDER BY time, number", (date,))
        )

    def deeds_about(self, customer_id: str, most: int = 200) -> list[AlarmAction]:
        """The newest actions about a customer, the newest first."""
        found = self._db.execute(
            "SELECT record FROM actions WHERE customer = ? ORDER BY time DESC, number DESC LIMIT ?", (customer_id, most)
        )
        return [one for (record,) in found if isinstance(one := decode(record), AlarmAction)]


def _by_customer(found: sqlite3.Cursor) -> dict[str, list[AlarmAction]]:
    deeds: dict[str, list[AlarmAction]] = {}
    for (record,) in found:
        one = decode(record)
        if isinstance(one, AlarmAction) and one.customer_id is not None:
            deeds.setdefault(one.customer_id, []).append(one)
    return deeds

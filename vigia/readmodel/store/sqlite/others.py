"""Rejected records, what is in force, and facts about the read model itself."""

import sqlite3
from collections.abc import Mapping

import msgspec

from vigia.readmodel.store.items import PAGE, LetterRow, Page, StoreReport
from vigia.readmodel.store.sqlite.paging import count, rows_of, where_of

_values = msgspec.json.Decoder(dict[str, int]).decode


class Others:
    """Rejected records, what is in force, and facts about the read model itself."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def letters(self, filters: Mapping[str, str], page: int = 1) -> Page:
        """A page of the rejected records, the newest first; `filters` has some of code, topic and `sent` (`yes` or `no`)."""
        where, values = where_of({"code": "code", "topic": "topic"}, filters)
        if filters.get("sent") != "all":
            where.append("sent_back = ?")
            values.append(int(filters.get("sent") == "yes"))
        total = count(self._db, "letters", where, values)
        rows = rows_of(self._db, "letters", where, values, "written DESC, topic, partition, number", page, total, PAGE)
        return Page([_letter(row) for row in rows], total)

    def letter_codes(self) -> list[tuple[str, int]]:
        """How many rejected records of each code were not sent back."""
        found = self._db.execute("SELECT code, count(*) FROM letters WHERE NOT sent_back GROUP BY code ORDER BY 2 DESC")
        return [(code, number) for code, number in found]

    def in_force(self, kind: str) -> bytes | None:
        """The newest control record of a type, such as `policy.in_force`; None if none was read."""
        found = self._db.execute("SELECT record FROM in_force WHERE type = ?", (kind,)).fetchone()
        return None if found is None else bytes(found[0])

    def stores(self) -> dict[str, StoreReport]:
        """What each store has reported last."""
        return {
            row["store"]: StoreReport(row["reported"], _values(row["reports"]), bool(row["heard"]))
            for row in self._db.execute("SELECT store, reported, heard, reports FROM stores")
        }

    def fact(self, name: str) -> str | None:
        """A fact about the read model itself; None if it is not known."""
        found = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if found is None else str(found[0])


def _letter(row: sqlite3.Row) -> LetterRow:
    where = row["topic"], row["partition"], row["number"]
    what = row["code"], row["detail"], row["key"], row["value"]
    return LetterRow(*where, *what, row["written"], bool(row["sent_back"]))

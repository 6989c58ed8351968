"""A reader of the topic `worklist` knows which entries belong to the newest edition of a date (J7)."""

from msgspec.structs import replace

from scorers.contract.wire import encode_worklist_entry
from scorers.contract.worklist import DATE, WorklistEntry, Worklists, newest_edition
from tests.support.list_maker import ENTRY

OF_DATE = ((DATE, ENTRY.date.encode()),)


def topic(*entries: WorklistEntry) -> Worklists:
    lists = Worklists()
    for entry in entries:
        lists.take(entry.customer_id.encode(), encode_worklist_entry(entry), ())
    return lists


def test_the_final_edition_stands_for_its_date() -> None:
    """Early entries of that date count no more, in whatever order partitions are read; those of other dates do."""
    early = [ENTRY, replace(ENTRY, customer_id="C2", rank=2)]
    final = replace(ENTRY, customer_id="C3", final=True, listed=1)
    other = replace(ENTRY, date="2024-05-07")
    for order in ([*early, final, other], [final, other, *early]):
        lists = topic(*order)
        assert lists.of(ENTRY.date) == [final]
        assert lists.of("2024-05-07") == [other]
        assert lists.dates() == ["2024-05-06", "2024-05-07"]
    assert topic(*reversed(early)).of(ENTRY.date) == early
    assert topic(ENTRY, ENTRY).of(ENTRY.date) == [ENTRY]
    assert topic(ENTRY).of("2024-05-08") == []


def test_a_record_without_a_value_takes_off() -> None:
    """With the date the customer leaves its early edition alone; without it, every list."""
    lists = topic(ENTRY, replace(ENTRY, date="2024-05-07"), replace(ENTRY, date="2024-05-05", final=True))
    lists.take(b"C1", None, OF_DATE)
    assert lists.dates() == ["2024-05-05", "2024-05-07"]
    lists.take(b"C2", None, None)
    assert lists.dates() == ["2024-05-05", "2024-05-07"]
    lists.take(b"C1", None, ())
    assert lists.dates() == []


def test_only_the_newest_dates_are_kept_where_more_are_not_shown() -> None:
    """A reader that runs for long forgets old lists."""
    lists = topic(*(replace(ENTRY, date=f"2024-05-{day:02}") for day in range(1, 10)))
    lists.keep(2)
    assert lists.dates() == ["2024-05-08", "2024-05-09"]


def test_of_one_customer_the_last_entry_of_the_newest_edition_counts() -> None:
    """An early entry read after a final one changes nothing, and entries are in the order of their ranks."""
    final = replace(ENTRY, final=True, rank=2)
    second = replace(ENTRY, customer_id="C2", final=True, rank=1)
    again = replace(final, rank=3)
    assert newest_edition([ENTRY, final, second, again, replace(ENTRY, customer_id="C3", rank=4)]) == [second, again]
    assert newest_edition([]) == []

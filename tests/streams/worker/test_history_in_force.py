"""Alarms of before an instant are history once a partition was told so, and after a restart too."""

from msgspec import UNSET

from scorers.contract.events import DAY, HOUR, Instant
from scorers.in_force.control import HistoryInForce
from streams.worker.worklists.parts import ListPart, decode_part
from tests.support.desk import MAY, Desk
from tests.support.driver import purchase, record


def told(days: int, sent: int = 1) -> HistoryInForce:
    return HistoryInForce(before=Instant(MAY + days * DAY), sent=Instant(sent))


def complain(desk: Desk, days: int) -> None:
    """A customer who bought and complained on a day, which is an alarm at that instant."""
    at, name = MAY + days * DAY, f"C{days}"
    desk.send("purchases", purchase(at - HOUR, name))
    desk.send("complaints", record("complaint.opened", at, name, complaint_id=f"K{days}", severity="major"))


def marked(desk: Desk) -> dict[str, bool]:
    """By customer, whether the alarms about their complaints are history."""
    return {a.customer_id or "": a.history is True for a in desk.alarms() if a.kind == "major-problem"}


def test_the_mark_follows_what_was_told_last() -> None:
    """Nothing is marked before the record; one that was sent earlier changes nothing any more; a restart forgets nothing."""
    desk = Desk()
    complain(desk, 1)
    desk.control(told(10, sent=2))
    complain(desk, 9)
    desk.control(told(20, sent=1))
    complain(desk, 10)
    desk.flush()
    desk.open()
    complain(desk, 8)
    complain(desk, 12)
    desk.control(told(13, sent=3))
    complain(desk, 11)
    assert marked(desk) == {"C1": False, "C9": True, "C10": False, "C8": True, "C12": False, "C11": True}


def test_it_counts_as_no_record_that_came_too_late() -> None:
    """It has no instant of its own, so it is in force at once however far time has come."""
    desk = Desk()
    desk.tick(MAY + 30 * DAY)
    desk.control(told(40))
    assert desk.processor.state.progress.late == 0
    complain(desk, 31)
    assert marked(desk) == {"C31": True}


def test_worklists_of_the_time_are_history_too() -> None:
    """An entry of a date before the instant is marked, one of a later date is not."""
    desk = Desk()
    desk.control(told(42))
    for n in range(40):
        for name in ("C1", "C2", "C3"):
            desk.send("purchases", purchase(MAY + n * DAY, name, 5000))
    for n in range(40, 60):
        desk.tick(MAY + n * DAY)
    parts = [
        decode_part(one.value or b"")
        for one in desk.outputs
        if one.topic == "figures" and b"worklist.part" in (one.value or b"")[:40]
    ]
    entries = [c.entry for part in parts if isinstance(part, ListPart) for c in part.candidates]
    assert {(entry.at < MAY + 42 * DAY, entry.history is not UNSET) for entry in entries} == {
        (True, True),
        (False, False),
    }

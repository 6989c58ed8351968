"""The store of a worker after an erasure: no id of the erased customer, and no way back for the row."""

import pytest

from scorers.contract.events import DAY
from streams.records.lessons import decode_lesson, pseudonyms
from streams.worker.rows.suppressed import GONE, RowSuppressions
from tests.support.desk import MAY, Desk
from tests.support.driver import instant, purchase, record
from tests.support.hashes import HASHES
from vigia.runtime.privacy.keyed_hash import KeyedHash

CANARY = "canary-4711"


def erased(at: int) -> bytes:
    return record("customer.erased", at, CANARY)


def known(desk: Desk) -> list[str]:
    """Where the canary stands in the store."""
    return [repr(key) for key, row in desk.store.rows.items() if CANARY.encode() in key + row]


def test_no_row_names_an_erased_customer() -> None:
    """Neither key nor value, of the own row, of a suppression, or of a row that another customer has."""
    desk = Desk()
    desk.send("purchases", purchase(MAY, CANARY))
    desk.send("complaints", record("complaint.opened", MAY, CANARY, complaint_id="K1", store_id="S1"))
    desk.send("feedback", record("referral.made", MAY, "C2", positive=True, referred_customer_id=CANARY))
    desk.send("feedback", record("customer.described", MAY, "C2", name="Bo", aliases=["b", CANARY]))
    desk.flush()
    assert known(desk)
    desk.send("feedback", erased(MAY + DAY))
    desk.flush()
    assert known(desk) == []
    assert [key for key in desk.store.rows if key.startswith(b"\x00gone:")]


def test_the_fence_survives_a_restart() -> None:
    """Facts of before stay out, the erasure is a duplicate, later facts count."""
    desk = Desk()
    desk.send("purchases", purchase(MAY, CANARY))
    desk.send("feedback", erased(MAY + DAY))
    desk.flush()
    desk.open()
    desk.send("purchases", purchase(MAY, CANARY))
    desk.send("purchases", purchase(MAY - DAY, CANARY))
    assert desk.rows.get(CANARY.encode()) is None
    desk.send("purchases", purchase(MAY + 2 * DAY, CANARY))
    desk.send("feedback", erased(MAY + DAY))
    timeline = desk.processor.timelines.get(CANARY)
    assert timeline is not None
    assert timeline.state.purchases.count == 1


@pytest.mark.parametrize("share", [n / 4 for n in range(5)])
def test_a_process_that_dies_in_the_flush_of_an_erasure_is_repaired_by_reading_again(share: float) -> None:
    """Whatever part of the flush is stored, the same records read again delete the customer and count the later sale."""
    desk = Desk()
    desk.send("purchases", purchase(MAY, CANARY))
    desk.flush()
    stored = len(desk.log)
    desk.send("feedback", erased(MAY + DAY))
    desk.send("purchases", purchase(MAY + 2 * DAY, CANARY, amount=700))
    desk.flush(share)
    desk.open()
    for one in sorted(desk.log[stored:], key=lambda one: one.topic):
        desk.fold(one)
    timeline = desk.processor.timelines.get(CANARY)
    assert timeline is not None
    assert timeline.state.spending.amount_minor == 700


def test_a_row_from_before_the_erasure_is_deleted_when_it_comes_back() -> None:
    """A disk that was away, and a changelog that has forgotten the deletion: the row is deleted with the first record."""
    desk = Desk()
    for name in (CANARY, "C2"):
        desk.send("purchases", purchase(MAY, name))
    desk.flush()
    old = {key: row for key, row in desk.store.rows.items() if not key.startswith(b"\x00")}
    desk.send("feedback", erased(MAY + DAY))
    desk.flush()
    desk.store.rows |= old
    desk.open()
    assert desk.processor.timelines.census.total() == 1
    desk.tick(MAY + 2 * DAY)
    desk.flush()
    assert known(desk) == []
    assert b"C2" in desk.store.rows


def test_the_row_of_a_new_customer_with_the_same_id_is_kept() -> None:
    """It is newer than the suppression."""
    desk = Desk()
    desk.send("purchases", purchase(MAY, CANARY))
    desk.send("feedback", erased(MAY + DAY))
    desk.send("purchases", purchase(MAY + 2 * DAY, CANARY))
    desk.flush()
    desk.open()
    desk.tick(MAY + 3 * DAY)
    desk.flush()
    assert CANARY.encode() in desk.store.rows


def test_a_fold_that_fails_brings_the_row_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its place in the census; the erasure is carried out when it is read again."""
    desk = Desk()
    desk.send("purchases", purchase(MAY, CANARY))
    with monkeypatch.context() as fault:
        fault.setattr(desk.processor, "_outputs", lambda step: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            desk.send("feedback", erased(MAY + DAY))
        desk.rows.undo()
    assert desk.processor.timelines.census.total() == 1
    assert desk.rows.get(CANARY.encode()) is not None
    desk.send("feedback", erased(MAY + DAY))
    assert desk.processor.timelines.census.total() == 0
    assert desk.rows.get(CANARY.encode()) is None


def test_a_customer_is_found_under_the_former_key_too() -> None:
    """While one key replaces the other, both are looked for, and the first is used for what is written."""
    both = KeyedHash("new-" * 8 + " " + "0123456789abcdef" * 2)
    assert list(both.all("C1"))[1] == HASHES.of("C1")
    assert both.of("C1") == KeyedHash("new-" * 8).of("C1") != HASHES.of("C1")


def test_suppressions_under_an_unknown_key_are_an_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """It names the setting and no customer."""
    desk = Desk()
    desk.send("purchases", purchase(MAY, CANARY))
    desk.send("feedback", erased(MAY + DAY))
    rows = RowSuppressions(desk.rows, KeyedHash("another-" * 4))
    for key in [key for key in desk.rows._cache if key.startswith(GONE)]:
        row = desk.rows.get(key)
        assert row is not None
        assert isinstance(row.data, bytes)
        rows.recover(key, row.data)
    assert rows.get(CANARY) is None
    assert "set VIGIA_PRIVACY_KEY to the former key" in caplog.text
    assert CANARY not in caplog.text


def test_lessons_name_nobody() -> None:
    """Neither key nor value of a lesson has the id, nor the hash by which a suppression is found; a person has one name."""
    desk = Desk("[risk]\nhorizon = '10d'\n")
    for day in range(1, 29):
        desk.send("purchases", purchase(f"2024-03-{day:02}T09:00:00Z", "canary-4711"))
        desk.send("purchases", purchase(f"2024-03-{day:02}T10:00:00Z", "C2"))
        desk.tick(instant(f"2024-03-{day:02}T20:00:00Z"))
    lessons = [output for output in desk.outputs if output.topic == "lessons"]
    assert len(lessons) > 4
    for one in lessons:
        assert one.value is not None
        assert b"canary" not in (one.key or b"") + one.value
        assert decode_lesson(one.value).customer_id.encode() == one.key
    names = {(one.key or b"").decode() for one in lessons}
    assert names == {next(pseudonyms(HASHES, name)) for name in ("canary-4711", "C2")}
    assert not names & {HASHES.of("canary-4711"), HASHES.of("C2")}

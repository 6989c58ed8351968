"""What is remembered of the record in hand when the process dies, and what is quarantined for it."""

from pathlib import Path

import pytest

from streams.engine.crash.in_hand import InHand
from tests.support.engine import Producer, Table, build, records, stored

PLACE = ("events@0", 3)


def died(folder: Path, *place: object) -> InHand:
    """What the next process finds, after one that died at this place (source, partition, offset)."""
    source, partition, offset = place
    hand = InHand(folder)
    hand.begin(str(source), int(str(partition)))
    hand.offset[0] = int(str(offset))
    return InHand(folder)


def test_a_record_is_quarantined_when_the_process_died_at_it_twice(tmp_path: Path) -> None:
    """Once may be chance; the second death names the record, and only in its source and partition."""
    assert died(tmp_path, *PLACE, 7).begin(*PLACE) == frozenset()
    assert died(tmp_path, *PLACE, 8).begin(*PLACE) == frozenset()
    assert died(tmp_path, "events@0", 4, 7).begin(*PLACE) == frozenset()
    assert died(tmp_path, "events@1", 3, 7).begin(*PLACE) == frozenset()
    hand = died(tmp_path, *PLACE, 7)
    assert hand.begin(*PLACE) == {7}
    assert hand.begin("events@0", 4) == hand.begin("events@1", 3) == frozenset()
    assert InHand(tmp_path).begin(*PLACE) == {7}


def test_a_process_that_dies_between_records_blames_none(tmp_path: Path) -> None:
    """After the last record of a chunk nothing is in hand; a file of another kind, or none, is no reason to fail."""
    for _ in range(3):
        hand = InHand(tmp_path)
        hand.begin(*PLACE)
        hand.offset[0] = 7
        hand.clear()
    assert InHand(tmp_path).begin(*PLACE) == frozenset()
    (tmp_path / "deaths.json").write_text("{")
    (tmp_path / "in-hand").write_bytes(b"\x01" * 5000)
    assert InHand(tmp_path).begin(*PLACE) == frozenset()


@pytest.mark.parametrize("value", [b"1", b"x1"])
async def test_the_engine_notes_each_record_and_folds_no_quarantined_one(tmp_path: Path, value: bytes) -> None:
    """While a record is folded its offset is noted; afterwards none is, also if the fold failed (`x`)."""
    died(tmp_path, "events@0", 0, 2)
    hand = died(tmp_path, "events@0", 0, 2)
    noted: list[tuple[bytes, int]] = []

    class Noting(Table):
        def get(self, partition: int, key: bytes) -> bytes | None:
            noted.append((key, hand.offset[0]))
            return super().get(partition, key)

    table, producer = Noting(), Producer([])
    engine = build(table, producer, in_hand=hand)
    done: list[bool] = []
    keys = [b"a", b"b", b"c", b"d"]
    await engine.take(0, records(*[(key, value) for key in keys]), lambda safe=True: done.append(safe))
    assert dict(noted)[b"a"] == 0
    assert dict(noted)[b"d"] == 3
    assert hand.offset[0] == -1
    await engine.flush()
    dead = [key for topic, key, _ in producer.outputs if topic == "dead-letters"]
    assert dead == ([b"c"] if value == b"1" else keys)
    assert set(stored(table)) == ({b"a", b"b", b"d"} if value == b"1" else set())
    assert done == [True]

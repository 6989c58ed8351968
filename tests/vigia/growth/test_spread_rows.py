"""Rows that are spread over more partitions: the same states, alarms, figures and lists as without growth."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from scorers.contract.events import DAY, HOUR
from streams.engine.batching_producer import partition_of
from streams.engine.fences import pack
from streams.engine.output_log import Checkpoint
from streams.engine.rows import CHECKPOINT
from streams.worker.forwarded import home_key
from tests.streams.worker.test_merged import Merging, customers, seen, topic_of
from tests.streams.worker.test_merged import story as merges
from tests.support.desk import MAY
from tests.support.driver import record
from tests.support.list_maker import ListMaker
from vigia.growth.rows import Spreader, is_own, moved

FIRST_OFFSET = 1_000_000  # of the new topics, so that none is taken for a former one
SOURCES = ("purchases", "contacts", "complaints", "feedback", "alarm-actions", "groups", "clock")


def story() -> list[bytes]:
    """Customers of two stores who buy, complain, are merged and erased, with late facts on both sides of the middle."""
    lines = merges()
    for c in range(16):
        for n in range(0, 36, 2 + c % 3):
            at = MAY + n * DAY + 10 * HOUR + c
            if c % 4 or n < 20:
                lines.append(
                    record("purchase.completed", at, f"B{c}", amount_minor=500 + c, currency="EUR", store_id="S1")
                )
        if c % 5 == 0:
            at = MAY + (12 + c // 4) * DAY
            lines.append(record("complaint.opened", at, f"B{c}", complaint_id=f"X{c}", store_id="S1", severity="major"))
    lines.append(record("customer.erased", MAY + 11 * DAY, "B7"))
    return sorted(lines, key=lambda line: msgspec.json.decode(line)["time"])


def rows_of(cluster: Merging) -> Iterator[tuple[int, bytes, bytes]]:
    """The rows of all partitions after an orderly stop."""
    cluster.flush()
    for number, desk in enumerate(cluster.desks):
        for key, stored in desk.store.rows.items():
            yield number, key, stored
        yield number, CHECKPOINT, pack(desk.rows.fence, msgspec.json.encode(Checkpoint()))


def grown(cluster: Merging, after: int) -> Merging:
    """The same business on more partitions."""
    spreader = Spreader(len(cluster.desks), SOURCES)
    rows = list(rows_of(cluster))
    for row in rows:
        spreader.note(*row)
    assert list(spreader.faults()) == []
    larger = Merging(after)
    for _, key, stored in rows:
        if not is_own(key):
            home, kept = moved(key, stored, after)
            assert kept is not None
            larger.desks[home].store.rows[key] = kept
    larger.closed, larger.sent = cluster.closed, cluster.sent
    larger.lists = ListMaker(after, larger.policy)
    larger.lists.topic, larger.lists._mark = cluster.lists.topic, cluster.lists.lists.closed
    larger.lists.crash()
    for number, desk in enumerate(larger.desks):
        desk.store.rows.update(spreader.own_rows(number, {"clock": FIRST_OFFSET}, {}))
        desk.store.rows.pop(CHECKPOINT)
        desk.offsets = dict.fromkeys(SOURCES, FIRST_OFFSET)
        desk.open()
    return larger


def figures_of(cluster: Merging) -> Any:
    """What is in force at the end, as far as partitions do not differ in it."""
    return {desk.processor.ctx.newest_figures.version for desk in cluster.desks}


@pytest.mark.parametrize(("before", "after", "days"), [(1, 3, 13), (2, 5, 20), (4, 5, 13)])
def test_a_business_that_grows_goes_on_as_it_was(before: int, after: int, days: int) -> None:
    lines = story()
    cut = next(n for n, line in enumerate(lines) if msgspec.json.decode(line)["time"] > f"2024-05-{days:02}T11:30:00Z")
    larger, plain = Merging(before), Merging(before)
    for line in lines[:cut]:
        larger.publish(topic_of(line), line)
    larger = grown(larger, after)
    for line in lines[cut:]:
        larger.publish(topic_of(line), line)
    for line in lines:
        plain.publish(topic_of(line), line)
    for cluster in (larger, plain):
        cluster.close_days(MAY + 50 * DAY)
    assert len(plain.outcomes()) > 30
    assert larger.outcomes() == plain.outcomes()
    assert {name: seen(c) for name, c in customers(larger)} == {name: seen(c) for name, c in customers(plain)}
    assert figures_of(larger) == figures_of(plain)
    assert larger.lists.final() == plain.lists.final()
    for number, desk in enumerate(larger.desks):
        assert {partition_of(after, home_key(name.encode())) for name in desk.subjects()} <= {number}


def test_what_a_dead_worker_left_is_no_settled_state() -> None:
    cluster = Merging(2)
    for line in story()[:200]:
        cluster.publish(topic_of(line), line)

    def faults(cut: int) -> list[str]:
        """What is said if partition 0 was folded up to this many records before what is in its rows or was sent."""
        spreader = Spreader(2, SOURCES)
        for number, key, stored in rows_of(cluster):
            if key == CHECKPOINT and number == 0:
                short = {source: offset - cut for source, offset in cluster.desks[0].rows.fence.items()}
                stored = pack(short, msgspec.json.encode(Checkpoint()))
            spreader.note(number, key, stored)
        return list(spreader.faults())

    assert faults(0) == []
    assert any("its last write was interrupted" in fault for fault in faults(5))
    assert any("follows from records that are not in the rows" in fault for fault in faults(5))


def test_partitions_that_know_different_things_are_told() -> None:
    cluster = Merging(2)
    for line in story()[:200]:
        cluster.publish(topic_of(line), line)
    ahead = cluster.desks[0]
    ahead.tick(ahead.processor.partition.clock + 3 * DAY)
    spreader = Spreader(2, SOURCES)
    for row in rows_of(cluster):
        spreader.note(*row)
    assert list(spreader.faults()) == ["the partitions have not closed the same worklists"]

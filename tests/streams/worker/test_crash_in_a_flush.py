"""A worker that dies while it writes: whatever part of the rows was written, its successor comes to the same."""

import itertools
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, HOUR
from scorers.partition.feed_log import Heard
from scorers.timeline.packing import encode
from streams.worker.partition_state import KEY, PartitionState
from streams.worker.rows.feed_rows import FEED_ROW
from streams.worker.rows.stored_row import CODEC
from tests.support.desk import MAY, Desk, figures
from tests.support.driver import purchase, record

CUSTOMERS = ("C1", "C2", "C3", "C4", "C5")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["buy", "buy", "buy", "complain", "tick", "figures", "flush"]),
        st.sampled_from(CUSTOMERS),
        st.integers(1, 40),
    ),
    min_size=5,
    max_size=40,
)


@settings(deadline=None, max_examples=60)
@given(STEPS, st.floats(0, 1))
@example(
    [*[("buy", "C1", 1)] * 7, *(("buy", "C1", 31), ("tick", "C1", 75), ("flush", "C1", 23), ("buy", "C1", 1))], 0.0
)
def test_a_crash_in_the_middle_of_a_flush_changes_no_result(steps: list[tuple[str, str, int]], share: float) -> None:
    """Whatever part of the last flush was written, reading the records again gives the same rows and alarms."""
    calm, crashed = Desk(), Desk()
    clock, read = MAY, 0
    for number, (what, customer, hours) in enumerate(steps):
        clock += hours * HOUR
        for desk in (calm, crashed):
            if what == "buy":
                desk.send("purchases", purchase(clock, customer, 100 + number))
            elif what == "complain":
                told = record("complaint.opened", clock, customer, complaint_id=f"K{number}", severity="major")
                desk.send("complaints", told)
            elif what == "tick":
                desk.tick(clock, follows=True)
            elif what == "figures":
                desk.control(figures(desk.policy, number, clock + DAY))
        if what == "flush":
            crashed.flush()
            read = len(crashed.log)
    crashed.flush(share)
    crashed.open()
    for one in crashed.log[read:]:
        crashed.fold(one)
    for desk in (calm, crashed):
        desk.tick(clock + 100 * DAY, follows=True)
        desk.flush()
    assert judged(calm) == judged(crashed)
    assert totals(calm) == totals(crashed)
    assert {change(alarm) for alarm in calm.alarms()} == {change(alarm) for alarm in crashed.alarms()}


def judged(desk: Desk) -> dict[bytes, Any]:
    """What is in force as it is stored, and of each customer what follows from the row.

    A row may settle its facts alone or the deadlines after them as well: which of both depends on when it was read.
    """
    found: dict[bytes, Any] = {}
    for key, stored in desk.store.rows.items():
        if key.startswith(FEED_ROW):  # whether a run's last event is known depends on when it was written
            data = CODEC.decode(stored.partition(b"\n")[2]).data
            assert isinstance(data, bytes)
            found[key] = [run._replace(ref=None) for run in Heard.decode("", data).runs]
            continue
        if key.startswith(b"\x00"):
            found[key] = stored.partition(b"\n")[2]
            continue
        timeline = desk.processor.timelines.get(key.decode())
        assert timeline is not None
        row = timeline.row
        found[key] = encode(timeline.state), timeline.emitted, row.clock, row.recent, row.seen, row.contents
    del found[KEY]
    return found


def totals(desk: Desk) -> Any:
    state = PartitionState(desk.policy)
    state.recover(desk.store.rows[KEY].partition(b"\n")[2][10:])
    return state.progress, {name: dict(counts) for name, counts in state.book.total.items()}, state.book.pending


def change(alarm: Alarm) -> tuple[str, str, int, str | None]:
    return alarm.alarm_id, alarm.type, int(alarm.at), alarm.outcome


def test_the_census_is_right_as_soon_as_rows_are_recovered() -> None:
    """Customers by stage and tier are counted from the rows, without reading them whole."""
    desk = Desk()
    for n, customer in itertools.product(range(3), CUSTOMERS):
        desk.send("purchases", purchase(MAY + n * 5 * DAY, customer))
    desk.flush()
    counted = +desk.processor.timelines.census
    desk.open()
    assert +desk.processor.timelines.census == counted
    assert counted.total() == len(CUSTOMERS)

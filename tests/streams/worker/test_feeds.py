"""Feeds: each partition tells what it has read of a store or source, and all learn of the same closures."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorers.contract.events import DAY, HOUR, MINUTE
from scorers.in_force.closures import HELD
from tests.support.cluster import Cluster
from tests.support.desk import MAY, Desk, Record
from tests.support.driver import Driver, purchase

SHUT_FROM, SHUT_UNTIL, DAYS = 17, 22, 25
UNTIL = MAY + DAYS * DAY + 40 * HOUR
HOURS = (9, 11, 13, 15, 17, 20)


def sales(day: int, hour: int) -> Iterator[tuple[int, bytes]]:
    """What tills and the web shop sell in an hour."""
    at = MAY + day * DAY + hour * HOUR
    if not SHUT_FROM <= day < SHUT_UNTIL:
        yield at, purchase(at, f"K{(day + hour) % 7}", source="till", store_id="S1")
        yield at + 9 * MINUTE, purchase(at + 9 * MINUTE, None, id=f"A{at}", source="till", store_id="S1")
    yield at + MINUTE, purchase(at + MINUTE, f"W{(day + hour) % 5}", source="web")
    if day % 2 and hour == 13:
        yield at + 3 * HOUR, purchase(at - 2 * HOUR + 1, f"W{day % 5}", source="web", id=f"late {at}")


def story() -> list[bytes]:
    """Two sources sell, to customers of all partitions; the till and its store fall silent for days, with all their customers."""
    facts = [one for day in range(DAYS) for hour in HOURS for one in sales(day, hour)]
    for c in range(4):
        facts += [
            (at, purchase(at, f"C{c}", source="till", store_id="S1"))
            for at in range(MAY + c * HOUR, MAY + 17 * DAY, 2 * DAY)
        ]
    return [raw for _, raw in sorted(facts, key=lambda fact: fact[0])]


@pytest.fixture(scope="module")
def replayed() -> Driver:
    return Driver().feed(*story()).advance(UNTIL)


def same(cluster: Cluster, driver: Driver) -> None:
    """The same alarms, and in each partition the same closures."""
    assert cluster.outcomes() == driver.outcomes()
    for desk in cluster.desks:
        assert desk.processor.ctx.closures._found == driver.ctx.closures._found


def test_closures_are_found_and_end_with_the_first_sale(replayed: Driver) -> None:
    """Of the till and its store alike, to the second; then both fall silent again with everybody else, which alarms nobody."""
    found = replayed.ctx.closures._found
    shut = MAY + (SHUT_FROM - 1) * DAY + 20 * HOUR + 9 * MINUTE
    assert [tuple(one) for one in found["store:S1"]] == [(shut, MAY + SHUT_UNTIL * DAY + 9 * HOUR)]
    assert found["source:till"] == found["store:S1"]
    told = {(subject, at, end) for subject, kind, at, end in replayed.outcomes() if kind == "feed-silent"}
    assert {(subject, end) for subject, _, end in told} == {("feed:source:till", "resolved")}, "one matter"
    assert [feed for feed, spans in found.items() if spans[-1].end == HELD] == ["base"]


@pytest.mark.parametrize("partitions", [1, 2, 4])
def test_any_number_of_partitions_finds_the_closures_of_a_replay(partitions: int, replayed: Driver) -> None:
    """Facts of a feed are read in all partitions, each in its own order."""
    cluster = Cluster(partitions)
    cluster.live_through([("purchases", raw) for raw in story()], UNTIL)
    same(cluster, replayed)


@settings(deadline=None, max_examples=4)
@given(
    crashes=st.lists(st.tuples(st.integers(0, 999), st.integers(0, 2), st.floats(0, 1)), max_size=5),
    flushes=st.sets(st.integers(0, 30)),
)
def test_a_worker_that_dies_loses_nothing_that_a_feed_reported(
    crashes: list[tuple[int, int, float]], flushes: set[int], replayed: Driver
) -> None:
    """Whatever part of its rows was written, and though what was told is told again."""
    facts, cluster = story(), Cluster(3)
    written = {n for n in range(len(facts)) if n % 31 in flushes}
    cluster.live_through([("purchases", raw) for raw in facts], UNTIL, crashes, written)
    same(cluster, replayed)


def test_what_tells_a_feed_nothing_is_a_dead_letter() -> None:
    """No runs, runs that end before they begin, and no JSON."""
    desk = Desk()
    for value in (
        b"not json",
        b'["store:S1","0",[]]',
        b'["store:S1","0",[[9,5,1,null]]]',
        b'["store:S1","0",[[5,9,0,null]]]',
    ):
        desk.receive("groups", b"\x01feed:store:S1", value)
    assert desk.codes() == ["bad_value"] * 4


def test_a_record_that_fails_leaves_the_rows_of_feeds_to_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next event of the feed is written, though the row of the failed one was taken back."""
    desk = Desk()
    raw = purchase(MAY, "C1")
    with monkeypatch.context() as fault:
        fault.setattr(desk.processor, "_outputs", lambda *_: 1 / 0)
        desk.rows.begin("purchases", 0, b"C1")
        with pytest.raises(ZeroDivisionError):
            desk.processor.fold(Record("purchases", 0, b"C1", raw))
        desk.rows.undo()
    desk.offsets["purchases"] = 0
    desk.send("purchases", purchase(MAY + HOUR, "C1"))
    desk.flush()
    desk.open()
    assert desk.processor.heard.heard["source:test"].last == MAY + HOUR


def outage() -> list[bytes]:
    """A source with two stores falls silent for two days; when it reports again, one of its stores does not for a day more."""
    facts = []
    for hour in range(25 * 24):
        at, day = MAY + hour * HOUR, hour // 24
        facts.append((at, purchase(at, f"W{hour % 5}", source="web")))
        for store, since in (("S1", 23), ("S2", 22)):
            if not 20 <= day < since:
                later = at + (10 if store == "S1" else 40) * MINUTE
                facts.append((later, purchase(later, f"{store}{hour % 7}", source="till", store_id=store)))
    return [raw for _, raw in sorted(facts, key=lambda fact: fact[0])]


@pytest.mark.parametrize("partitions", [1, 2, 4])
def test_a_source_and_its_stores_are_one_matter(partitions: int) -> None:
    """One alarm for all of them, and one for the store that stays silent longer, from when its source has reported again (J9)."""
    until = MAY + 25 * DAY
    driver = Driver().feed(*outage()).advance(until)
    told = {(subject, at) for subject, kind, at, _ in driver.outcomes() if kind == "feed-silent"}
    last, back = MAY + 20 * DAY - 20 * MINUTE, MAY + 22 * DAY + 40 * MINUTE
    assert told == {("feed:source:till", last + 6 * HOUR), ("feed:store:S1", back + 6 * HOUR)}
    cluster = Cluster(partitions)
    for raw in outage():
        cluster.publish("purchases", raw)
    cluster.close_days(until)
    cluster.tick(until)
    same(cluster, driver)


def closing(reopens: int) -> list[bytes]:
    """One of two stores of a source closes after twenty days, with its customers, and sells again on some day."""
    facts = []
    for hour in range(60 * 24):
        at, day = MAY + hour * HOUR, hour // 24
        facts.append((at, purchase(at, f"W{hour % 5}", source="till", store_id="S2")))
        if day < 20 or day >= reopens:
            later = at + 10 * MINUTE
            facts.append((later, purchase(later, f"S{hour % 7}", source="till", store_id="S1")))
    return [raw for _, raw in sorted(facts, key=lambda fact: fact[0])]


@pytest.mark.parametrize("partitions", [1, 2, 4])
def test_a_store_that_is_closed_for_good_holds_nobody_any_more(partitions: int) -> None:
    """After `for_good` its customers' silence counts, and the alarm says so; when it opens after all, that ends no earlier."""
    policy = '[feeds]\nfor_good = "10d"\n[risk]\nhorizon = "30d"\n'
    shut = MAY + 20 * DAY - HOUR + 10 * MINUTE + 6 * HOUR
    until = MAY + 58 * DAY
    for reopens, end in ((99, "open"), (55, "resolved"), (26, "resolved")):
        driver = Driver(policy).feed(*(raw for raw in closing(reopens))).advance(until)
        (span,) = driver.ctx.closures._found["store:S1"]
        assert span.end == min(shut + 10 * DAY, MAY + reopens * DAY + 10 * MINUTE)
        told = {(subject, at, end) for subject, kind, at, end in driver.outcomes() if kind == "feed-silent"}
        assert told == {("feed:store:S1", shut, end)}
        says = [alarm.type for alarm in driver.alarms if any(reason.code == "feed_shut" for reason in alarm.reasons)]
        assert says == ([] if reopens == 26 else ["alarm.updated"])
        quiet = {(who, at) for who, kind, at, _ in driver.outcomes() if kind == "gone-quiet" and "S" in who}
        assert len(quiet) == (0 if reopens == 26 else 7)
        assert all(at > span.end for _, at in quiet)
        cluster = Cluster(partitions, policy)
        for raw in closing(reopens):
            cluster.publish("purchases", raw)
        cluster.close_days(until)
        cluster.tick(until)
        same(cluster, driver)

"""Closures on Kafka (J3): they come as control records, and any number of partitions gives the alarms of a replay."""

import pytest

from scorers.contract.alarms import Subject
from scorers.contract.events import DAY, HOUR, Instant, Micros
from scorers.in_force.closures import BASE, HELD, Span, feed_of_store, report_values
from scorers.in_force.control import GroupInForce
from tests.support.cluster import Cluster
from tests.support.desk import MAY
from tests.support.driver import Driver, purchase

LAST = MAY + 12 * 7 * DAY
SHUT = Span(LAST + 3 * DAY, LAST + 30 * DAY)
FOUND, ENDED = LAST + 14 * DAY, SHUT.end + HOUR
END = ENDED + 60 * DAY
POLICY = "[feeds]\nevents_at_least = 1000\n"  # nothing but what is told here is found
STEPS = ((FOUND, Span(SHUT.start, HELD)), (ENDED, SHUT))


def sales() -> list[bytes]:
    """Weekly buyers of two stores; half of them come back after the closure, the others stay away."""
    weeks = [(MAY + week * 7 * DAY + n * HOUR, n) for week in range(13) for n in range(8)]
    back = [(SHUT.end + (1 + 7 * week) * DAY + n * HOUR, n) for week in range(3) for n in range(4)]
    return [purchase(at, f"C{n}", store_id=f"S{n % 2}") for at, n in (*weeks, *back)]


def time_of(raw: bytes) -> Micros:
    return Driver().feed(raw).partition.newest


def replayed(feed: str) -> Driver:
    driver, pending = Driver(POLICY), list(STEPS)
    for raw in [*sales(), None]:
        while pending and (raw is None or time_of(raw) > pending[0][0]):
            at, span = pending.pop(0)
            driver.advance(at).ctx.adopt_group("feed", feed, at, at, report_values([span]))
            driver.advance(at)
        if raw is not None:
            driver.feed(raw)
    return driver.advance(END)


@pytest.mark.parametrize("feed", [BASE, feed_of_store("S0")])
@pytest.mark.parametrize(("partitions", "crashes"), [(1, False), (2, False), (4, False), (4, True)])
def test_any_number_of_partitions_gives_the_alarms_of_a_replay(feed: str, partitions: int, crashes: bool) -> None:
    """Also where workers die right after they have read that a closure was found, or has ended, before anybody was judged again."""
    cluster, pending, driver = Cluster(partitions, POLICY), list(STEPS), replayed(feed)
    for raw in [*sales(), None]:
        while pending and (raw is None or time_of(raw) > pending[0][0]):
            at, span = pending.pop(0)
            cluster.close_days(at)
            cluster.tick(at)
            known = GroupInForce(
                in_force=Instant(at), reported=Instant(at), subject=Subject("feed", feed), values=report_values([span])
            )
            for desk in cluster.desks:
                cluster.route(desk.control(known))
            if crashes:
                cluster.flush()
                for n in range(partitions):
                    cluster.crash(n, 0.5)
            cluster.tick(at)
        if raw is not None:
            cluster.publish("purchases", raw)
    cluster.close_days(END)
    cluster.tick(END)
    assert cluster.outcomes() == driver.outcomes()
    quiet = {(subject[-1], at) for subject, kind, at, _ in driver.outcomes() if kind == "gone-quiet"}
    stopped = {who for who, at in quiet if at > SHUT.end}
    assert {"4", "6"} <= stopped
    assert ("5" in stopped) == (feed == BASE)
    assert bool(quiet & {(who, at) for who, at in quiet if SHUT.start < at < SHUT.end}) == (feed != BASE)
    assert any(alarm.type == "alarm.withdrawn" and alarm.kind == "gone-quiet" for alarm in driver.alarms)

"""Groups: facts reach them through the topic `groups`, and their reports come back to every partition."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorers.contract.events import DAY, HOUR, MINUTE, Instant
from scorers.in_force.control import Tick
from tests.support.cluster import Cluster, known
from tests.support.desk import MAY, Desk, Record
from tests.support.driver import Driver, purchase, record
from tests.support.seals import signed_record

POLICY = "[stores]\nmention_from = 2\n"


def complaint(at: int, customer: str | None, store: str, case: str) -> bytes:
    return record("complaint.opened", at, customer, id=case, complaint_id=case, store_id=store)


def pulse(at: int, site: str, what: str, key: str | None = None) -> bytes:
    return record("staff.pulse", at, key or site, store_id=site, pulse=what)


def topic_of(raw: bytes) -> str:
    return {b"purchase": "purchases", b"complain": "complaints"}.get(raw[10:18], "feedback")


def story(days: int = 20) -> list[bytes]:
    """Customers of two stores buy and complain; complaints about one store grow, and one is read most of a day late."""
    facts: list[tuple[int, bytes]] = []
    for n in range(days):
        at = MAY + n * DAY + 9 * HOUR
        for c in range(6):
            if n < 12 or c > 1:
                when = at + c * MINUTE
                facts += [(when, purchase(when, f"C{c}", store_id=f"S{c % 2}"))]
        if n % 2:
            facts.append((at + HOUR, complaint(at + HOUR, f"C{n % 6}", "S0", f"K{n}")))
        if n % 5 == 0:
            facts.append((at + 22 * HOUR, complaint(at + 2 * HOUR, f"C{(n + 1) % 6}", "S1", f"L{n}")))
            facts.append((at + 3 * HOUR, complaint(at + 3 * HOUR, None, "S1", f"A{n}")))
    facts.append((MAY, pulse(MAY, "S0", "asked")))
    facts.append((MAY + 5 * DAY, pulse(MAY + 5 * DAY, "S0", "thanked", key="head-office")))
    return [raw for _, raw in sorted(facts, key=lambda fact: fact[0])]


def replayed(facts: list[bytes], until: int) -> Driver:
    return Driver(POLICY).feed(*facts).advance(until)


def same(cluster: Cluster, driver: Driver) -> None:
    """The same alarms, and in each partition the same knowledge of each store since the same instants."""
    assert cluster.outcomes() == driver.outcomes()
    for store in ("S0", "S1"):
        assert cluster.known(store) == [known(driver.ctx, store)] * len(cluster.desks)


@pytest.mark.parametrize("partitions", [1, 2, 4])
def test_any_number_of_partitions_gives_the_results_of_a_replay(partitions: int) -> None:
    """Counts by store, known in every partition, and alarms about sites."""
    facts, until = story(), MAY + 130 * DAY
    driver, cluster = replayed(facts, until), Cluster(partitions, POLICY)
    for raw in facts:
        cluster.publish(topic_of(raw), raw)
    cluster.close_days(until)
    cluster.tick(until)
    same(cluster, driver)
    assert max(value["complaints"] for _, value in known(driver.ctx, "S0")) == 7
    asked, thanked = MAY // DAY, MAY // DAY + 5
    assert known(driver.ctx, "S0")[-1][1] == {"complaints": 0, "staff_asked": asked, "staff_thanked": thanked}
    assert known(driver.ctx, "S1")[-1][1] == {"complaints": 0}
    assert {"staff-unasked", "staff-unthanked"} <= {kind for _, kind, _, _ in driver.outcomes()}


@settings(deadline=None, max_examples=12)
@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 3), st.floats(0, 1)), max_size=6), st.data())
def test_crashes_change_no_result(crashes: list[tuple[int, int, float]], data: Any) -> None:
    """Whenever workers die, and whatever part of their rows was written, each fact counts once."""
    facts, until = story(9), MAY + 30 * DAY
    flushes = set(data.draw(st.lists(st.integers(0, len(facts)), max_size=8)))
    driver, cluster = replayed(facts, until), Cluster(4, POLICY)
    cluster.live_through([(topic_of(raw), raw) for raw in facts], until, crashes, flushes)
    same(cluster, driver)


def test_gone_quiet_mentions_complaints_about_the_store() -> None:
    """The alarm mentions the count of complaints that was known at its instant."""
    driver = replayed(story(), MAY + 16 * DAY)
    quiet = [a for a in driver.alarms if a.kind == "gone-quiet" and a.type == "alarm.raised"]
    assert {a.customer_id for a in quiet} == {"C0", "C1"}
    signed_record = {a.customer_id: [r.text for r in a.reasons if r.code == "store_complaints"] for a in quiet}
    assert signed_record["C0"] == ["6 complaints about their store within 14 days."]


def test_a_malformed_record_of_groups_is_a_dead_letter() -> None:
    """Without a group as key, an origin or an event."""
    desk = Desk()
    for key, headers in ((b"C1", ()), (b"\x01store:S1", ()), (b"\x01moon:S1", (("origin", b"[]"),))):
        desk.receive("groups", key, complaint(MAY, "C1", "S1", "K1"), headers)
    desk.receive("groups", b"\x01store:S1", b"not json", (("origin", b'["complaints",0,1,"complaints@0"]'),))
    assert desk.codes() == ["bad_value"] * 4


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_a_customer_with_the_id_of_a_site_does_not_fence_off_its_pulses(share: float) -> None:
    """However many rows of a flush reach the changelog, the row of the site has the pulse or is given it again."""
    cluster = Cluster(2)
    cluster.publish("purchases", purchase(MAY, "S1"))
    cluster.publish("feedback", pulse(MAY, "S1", "asked"))
    for n in range(2):
        cluster.crash(n, share)
    (site,) = [found for desk in cluster.desks if (found := desk.processor.timelines.get("\x01site:S1")) is not None]
    assert site.state.asked.at == MAY


@pytest.mark.parametrize("store", ["S1", "S:1", "S" * 512, "é" * 512])
def test_a_store_with_a_long_id_reports_to_its_customers(store: str) -> None:
    """A customer's row keeps a long id shortened, so the report bears the same id."""
    driver = Driver(POLICY)
    for n in range(9):
        driver.feed(purchase(MAY + n * 3 * DAY, "C1", store_id=store))
    for n in range(3):
        driver.feed(complaint(MAY + 27 * DAY + n * HOUR, None, store, f"K{n}"))
    driver.advance(MAY + 50 * DAY)
    assert "store_complaints" in {reason.code for alarm in driver.alarms for reason in alarm.reasons}


def test_a_tick_for_groups_that_fails_keeps_the_deadlines_of_customers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tick becomes a dead letter; the next one still finds the customer who fell silent, and the site."""
    cluster = Cluster(1)
    (desk,) = cluster.desks
    cluster.publish("feedback", pulse(MAY, "S1", "asked"))
    for n in range(8):
        desk.send("purchases", purchase(MAY + n * 3 * DAY))
    value, headers = signed_record(Tick(until=Instant(MAY + 300 * DAY), groups=True))
    tick = Record("clock", 0, None, value, headers=headers)
    for broken in ("_outputs", "partition._judge_one"):
        with monkeypatch.context() as fault:
            owner, _, name = broken.rpartition(".")
            fault.setattr(desk.processor.partition if owner else desk.processor, name, lambda *_: 1 / 0)
            desk.rows.begin("clock", desk.offsets.get("clock", -1) + 1, None)
            with pytest.raises(ZeroDivisionError):
                desk.processor.fold(tick)
            desk.rows.undo()
            desk.offsets["clock"] = desk.offsets.get("clock", -1) + 1
    desk.tick(MAY + 301 * DAY)
    assert "gone-quiet" in {alarm.kind for alarm in desk.alarms()}

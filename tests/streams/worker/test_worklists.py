"""The worklist on Kafka (J7): the lists of a replay, whatever the number of partitions and whoever dies."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorers.contract.events import DAY, HOUR, MINUTE
from scorers.contract.wire import Rejection, decode
from scorers.contract.worklist import WorklistEntry
from tests.scorers.worklist.test_worklist import Lists
from tests.support.cluster import Cluster
from tests.support.desk import MAY
from tests.support.driver import record

POLICY = "[worklist]\nper_day = 2\n[hold_out]\nshare = 0.15\n"
DAYS = 70
END = MAY + DAYS * DAY + HOUR


def story(days: int = DAYS, customers: int = 14, late: int = 20) -> list[tuple[str, bytes]]:
    """Customers buy every few days and stop at different times; some facts are read most of a day late, and people act."""
    facts: list[tuple[int, str, bytes]] = []
    for n in range(customers):
        gap, stop = 2 + n % 5, days - 4 * n
        for day in range(n % 3, stop, gap):
            at = MAY + day * DAY + 9 * HOUR + n * MINUTE
            currency = {"currency": "JPY"} if n % 4 == 3 else {}
            sale = record("purchase.completed", at, f"C{n}", amount_minor=9000 + 700 * n, currency="EUR")
            sale = sale if not currency else sale.replace(b'"EUR"', b'"JPY"')
            facts.append((at + late * HOUR * (day % 7 == 3), "purchases", sale))
        if n % 3 == 0:
            at = MAY + (stop + 5) * DAY
            done = record("alarm.action", at, f"C{n}", action="act", by="ana", worklist_date="2024-06-01")
            facts.append((at, "alarm-actions", done))
    return [(topic, raw) for at, topic, raw in sorted(facts, key=lambda fact: fact[0]) if at < MAY + days * DAY]


def replayed(facts: list[tuple[str, bytes]], *, policy: str = POLICY, until: int = END, figures: bool = True) -> Any:
    """The final lists of a replay by date."""
    lists = Lists(policy, figures=figures).feed(*(raw for _, raw in facts)).advance(until).lists
    return {date: list(listed.entries) for date, listed in lists.items() if listed.entries}


@pytest.mark.parametrize("partitions", [1, 2, 4])
def test_any_number_of_partitions_gives_the_lists_of_a_replay(partitions: int) -> None:
    """Entry by entry, with ranks and funds; an early edition stands a day before."""
    facts, cluster = story(), Cluster(partitions, POLICY)
    for topic, raw in facts:
        cluster.publish(topic, raw)
    cluster.close_days(END)
    expected = replayed(facts)
    assert cluster.lists.final() == expected
    assert len(expected) > 40
    everybody = [entry for entries in expected.values() for entry in entries]
    assert {entry.currency for entry in everybody} == {"EUR", "JPY"}
    assert {entry.funded for entry in everybody} == {True, False}
    assert any(entry.not_listed for entry in everybody)
    assert all(entry.listed == len(expected[entry.date]) for entry in everybody)
    early = {one.date for one in cluster.lists.topic if isinstance(one, WorklistEntry) and not one.final}
    assert early >= expected.keys()


@settings(deadline=None, max_examples=8)
@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 3), st.floats(0, 1)), max_size=6),
    st.lists(st.integers(0, 400), max_size=4),
    st.data(),
)
def test_deaths_change_no_list(deaths: list[tuple[int, int, float]], makers: list[int], data: Any) -> None:
    """Whenever workers or who makes the lists die, and whatever part of their rows was written."""
    facts, cluster = story(50, 10), Cluster(4, POLICY)
    flushes = set(data.draw(st.lists(st.integers(0, len(facts)), max_size=12)))
    for n, (topic, raw) in enumerate(facts):
        cluster.publish(topic, raw)
        for at, who, share in deaths:
            if at % len(facts) == n:
                cluster.crash(who, share)
        if n in flushes:
            cluster.flush()
        if n in {at % len(facts) for at in makers}:
            cluster.lists.crash()
    until = MAY + 50 * DAY + HOUR
    cluster.close_days(until)
    assert cluster.lists.final() == replayed(facts, until=until)


@pytest.mark.parametrize("days", [1, 5, 40])
def test_a_clock_that_is_behind_the_facts_changes_no_list(days: int) -> None:
    """What a customer adds to a list is told before the first fact that comes after the list is final."""
    facts, cluster = story(late=0), Cluster(2, POLICY, figures=False)
    for n in range(0, DAYS, days):
        until = MAY + (n + days) * DAY
        for topic, raw in facts:
            if MAY + n * DAY <= time_of(raw) < until:
                cluster.receive(topic, raw)
        cluster.close_days(min(until, END))
    cluster.close_days(END)
    assert cluster.lists.final() == replayed(facts, figures=False)


def time_of(raw: bytes) -> int:
    event = decode(raw)
    assert not isinstance(event, Rejection)
    return int(event.time)

"""The worklist on Kafka (J7): the lists of a replay, whatever the number of partitions and whoever dies."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorers.contract.events import DAY, HOUR, MINUTE, Instant
from scorers.contract.wire import Rejection, decode
from scorers.contract.worklist import WorklistEntry, decode_entry
from scorers.in_force.control import Tick
from streams.engine.batching_producer import partition_of
from streams.worker.worklists import parts
from streams.worker.worklists.parts import ListPart, decode_part
from tests.scorers.worklist.test_worklist import Lists
from tests.support.cluster import Cluster
from tests.support.desk import MAY, Desk, Record
from tests.support.driver import purchase, record

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
            sale = record("purchase.completed", at, f"C{n}", amount_minor=60_000 + 5000 * n, currency="EUR")
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
    early = {decode_entry(one.value).date for one in cluster.lists.topic if one.value and b'"final":false' in one.value}
    assert early >= expected.keys()
    for n in range(0, 14, 3):  # who was acted on rests until the end of a date is 14 days later
        acted = (MAY + (DAYS - 4 * n + 5) * DAY) // DAY
        dates = {int(entry.at) // DAY for entry in everybody if entry.customer_id == f"C{n}"}
        assert dates
        assert not dates & set(range(acted, acted + 13)), n


@settings(deadline=None, max_examples=6)
@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 3), st.floats(0, 1)), max_size=6),
    st.dictionaries(st.integers(0, 200), st.floats(0, 1), max_size=4),
    st.data(),
)
def test_deaths_change_no_list(deaths: list[tuple[int, int, float]], makers: dict[int, float], data: Any) -> None:
    """Whenever workers or who makes the lists die, and whatever part of their rows was written."""
    facts, cluster = story(32, 7), Cluster(4, POLICY)
    flushes = set(data.draw(st.lists(st.integers(0, len(facts)), max_size=12)))
    for n, (topic, raw) in enumerate(facts):
        cluster.publish(topic, raw)
        for at, who, share in deaths:
            if at % len(facts) == n:
                cluster.crash(who, share)
        if n in flushes:
            cluster.flush()
        if n in makers:
            cluster.lists.dies = makers[n]
    until = MAY + 32 * DAY + HOUR
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


def test_a_long_list_is_told_in_several_records(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka takes no record of a megabyte: the last of several closes the edition, and who tells it again begins anew."""
    monkeypatch.setattr(parts, "MOST", 700)
    facts, cluster = story(40), Cluster(2, POLICY)
    for n, (topic, raw) in enumerate(facts):
        cluster.publish(topic, raw)
        if n % 20 == 7:
            cluster.crash(n % 2, 0.5)
    until = MAY + 40 * DAY + HOUR
    cluster.close_days(until)
    told = [decode_part(o.value or b"") for desk in cluster.desks for o in desk.outputs if o.key == parts.KEY]
    assert any(isinstance(one, ListPart) and one.number == 2 for one in told)
    assert cluster.lists.final() == replayed(facts, until=until)


def test_who_is_funded_on_an_early_list_is_not_on_the_next_one() -> None:
    """Also while their date is not final yet: people work from the newest edition."""
    policy = '[worklist]\nper_day = 2\n[time]\nallowed_lateness = "3d"\n'
    facts, cluster = story(40, late=0), Cluster(2, policy)
    for topic, raw in facts:
        cluster.publish(topic, raw)
    cluster.close_days(MAY + 40 * DAY)
    early = [entry for one in cluster.lists.topic if one.value and not (entry := decode_entry(one.value)).final]
    funded: dict[str, list[int]] = {}
    for entry in early:
        if entry.funded:
            funded.setdefault(entry.customer_id, []).append(int(entry.at) // DAY)
    news = {(json.loads(raw)["customer_id"], time_of(raw) // DAY) for _, raw in facts}
    for name, dates in funded.items():
        for before, after in pairwise(sorted(dates)):
            known = any((name, day) in news for day in range(before + 1, after + 1))
            assert known or after - before >= 14 or _has_new_alarm(early, name, before, after), (name, before, after)
    assert sum(map(len, funded.values())) > 30


def _has_new_alarm(entries: list[WorklistEntry], name: str, before: int, after: int) -> bool:
    by_day = {int(entry.at) // DAY: set(entry.alarms) for entry in entries if entry.customer_id == name}
    return bool(by_day[after] - by_day[before])


def test_who_leaves_a_list_with_a_late_fact_is_taken_off() -> None:
    """A goodbye that is read after the date has ended: the final edition is empty, and no reader shows the early one."""
    policy = "[worklist.budget]\niron = 0\n"  # unfunded, they may stand every day
    cluster, driver = Cluster(2, policy), Lists(policy)
    facts = [purchase(MAY + n * 7 * DAY, "C1", amount=9000) for n in range(12)]
    listed = MAY + (11 * 7 + 12) * DAY
    for raw in facts:
        cluster.publish("purchases", raw)
    cluster.close_days(listed)
    (date,) = cluster.lists.shown().dates()[-1:]
    (early,) = cluster.lists.shown().of(date)
    assert not early.final
    said = record("exit.explained", listed - HOUR, "C1", reason="moved_away")
    cluster.receive("feedback", said)
    cluster.close_days(listed + 2 * DAY)
    driver.feed(*facts, said).advance(listed + 2 * DAY)
    assert date not in driver.lists
    assert date not in cluster.lists.shown().dates()
    assert cluster.lists.final() == {of: list(one.entries) for of, one in driver.lists.items() if one.entries}


def test_the_erased_are_on_no_list() -> None:
    """Neither on those that were published, nor on one that waits for another partition."""
    cluster = Cluster(2)
    names = ("C1", next(f"C{n}" for n in range(2, 99) if partition_of(2, f"C{n}".encode()) != partition_of(2, b"C1")))
    for n in range(12):
        for name in names:
            cluster.publish("purchases", purchase(MAY + n * 7 * DAY, name, amount=9000))
    listed = MAY + (11 * 7 + 12) * DAY
    cluster.close_days(listed)
    last = cluster.lists.shown().dates()[-1]
    assert {entry.customer_id for entry in cluster.lists.shown().of(last)} == set(names)
    home = partition_of(2, b"C1")
    tick = Tick(until=Instant(listed + DAY), follows=True)
    cluster.route(cluster.desks[home].control(tick))
    before = len(cluster.lists.topic)
    cluster.receive("feedback", record("customer.erased", listed + DAY, "C1"))
    cluster.route(cluster.desks[1 - home].control(tick))
    cluster.close_days(listed + 3 * DAY)
    shown = cluster.lists.shown()
    assert {entry.customer_id for date in shown.dates() for entry in shown.of(date)} == {names[1]}
    told = b"".join(one.value or b"" for one in cluster.lists.topic[before:])
    assert f'"{names[1]}"'.encode() in told
    assert b'"C1"' not in told


def test_a_new_owner_has_the_table_without_reading_a_row() -> None:
    """The readings are a field of the stored row; a record that fails leaves the table as it was."""
    desk = Desk()
    for n in range(12):
        for name in ("C1", "C2"):
            desk.send("purchases", purchase(MAY + n * 7 * DAY, name, amount=900_000))
    desk.tick(MAY + (11 * 7 + 12) * DAY)
    kept = dict(desk.processor.lists.dates.table._readings)
    assert kept.keys() == {"C1", "C2"}
    with pytest.MonkeyPatch.context() as fault:
        fault.setattr(desk.processor, "_outputs", lambda step: 1 / 0)
        desk.rows.begin("purchases", 99, b"C1")
        with pytest.raises(ZeroDivisionError):
            desk.processor.fold(Record("purchases", 99, b"C1", purchase(MAY + 90 * DAY, "C1", amount=900_000)))
        desk.rows.undo()
    assert desk.processor.lists.dates.table._readings == kept
    desk.flush()
    desk.open()
    assert desk.processor.lists.dates.table._readings == kept
    assert all(row is None or row.timeline is None for row in desk.rows._cache.values())


def time_of(raw: bytes) -> int:
    event = decode(raw)
    assert not isinstance(event, Rejection)
    return int(event.time)

"""Themes of complaints: which a complaint has, what is usual, and what is kept of them."""

import json
import random
from itertools import accumulate

import pytest

from scorers.contract.events import DAY, HOUR, SECOND, ComplaintOpened, Instant
from scorers.groups.theme import MAX_RECENT, of
from scorers.groups.usual import tail, usual
from scorers.partition.places import NAMES, slot_of
from tests.support.cluster import Cluster
from tests.support.desk import MAY
from tests.support.driver import Driver, record

KIND = "complaint-theme"


def complaint(at: int, case: str, customer: str | None = None, **own: str) -> bytes:
    return record("complaint.opened", at, customer, id=case, complaint_id=case, **own)


def every(step: int, times: int, case: str, start: int = MAY, **own: str) -> list[bytes]:
    return [complaint(start + n * step, f"{case}{n}", **own) for n in range(times)]


def raised(driver: Driver) -> list[str]:
    return [a.subject.id for a in driver.alarms if a.kind == KIND and a.type == "alarm.raised"]


def themes_of(**own: str) -> list[str]:
    return [one.id for one in of(ComplaintOpened(id="1", source="s", time=Instant(MAY), complaint_id="K", **own))]


def test_a_complaint_has_a_theme_for_its_reason_article_and_store() -> None:
    """Without a subject too; a sentence that a person wrote makes no theme."""
    own = {"subject": "product", "reason": "Not as described", "sku": "K7", "store_id": "S1"}
    assert themes_of(**own) == ["product/reason:not_as_described", "product/sku:K7", "product/store:S1"]
    assert themes_of(reason="leaks") == ["/reason:leaks"]
    assert themes_of(reason="My name is Ana Ruiz, call me at 555 1234.") == []
    assert themes_of(sku="K" * 500)[0] == themes_of(sku="K" * 500)[0] != themes_of(sku="K" * 501)[0]


def test_what_is_usual_follows_weekday_and_season() -> None:
    """Saturdays are expected busier; the weeks before Christmas are, once a year is known, and before that they are not."""
    days = list(range(28))
    counts = [5 if day % 7 == 2 else 1 for day in days]
    busy = next(day for day in range(28, 35) if day % 7 == 2)
    assert usual(days, counts, 0, range(busy, busy + 1)) > 2 * usual(days, counts, 0, range(busy + 1, busy + 2))
    year = list(range(400))
    seasonal = [4 if 20 <= day < 48 else 1 for day in year]  # and again a year later
    expected = usual(year, seasonal, 0, range(391, 405))
    assert expected > 1.5 * usual(year[60:], seasonal[60:], 60, range(391, 405))


@pytest.mark.parametrize("mean", [0.3, 2.0, 14.0, 400.0])
def test_the_tail_is_that_of_a_poisson_number(mean: float) -> None:
    """Against the sum of its probabilities."""
    from math import exp, lgamma, log

    below = list(accumulate(exp(k * log(mean) - mean - lgamma(k + 1)) for k in range(int(mean * 3 + 20))))
    for count in range(int(mean) + 1, int(mean * 2 + 12)):
        assert tail(count, mean) == pytest.approx(1 - below[count - 1], rel=1e-6, abs=1e-12)


def test_a_theme_that_is_always_this_busy_is_rarely_called_rising() -> None:
    """Random complaints at an even rate for three years: hardly ever."""
    rng, at, number = random.Random(7), MAY, 0
    driver = Driver()
    while at < MAY + 1000 * DAY:
        at += int(rng.expovariate(1 / (1.5 * DAY))) // SECOND * SECOND + SECOND
        driver.feed(complaint(at, f"K{number}", reason="leaks"))
        number += 1
    assert len(raised(driver)) <= 2


def test_a_case_counts_once() -> None:
    """Opened again and again it stays one complaint."""
    before = every(5 * DAY, 10, "A", reason="late")
    again = [
        record("complaint.opened", MAY + 60 * DAY + n * HOUR, "C1", id=f"x{n}", complaint_id="K1", sku="K7")
        for n in range(9)
    ]
    assert raised(Driver().feed(*before, *again)) == []
    others = every(HOUR, 5, "B", MAY + 60 * DAY, sku="K7")
    assert raised(Driver().feed(*before, *others)) == ["/sku:K7"]


def test_more_complaints_than_instants_are_kept_are_counted_by_days() -> None:
    """The row stays small, and the rise ends all the same."""
    driver = Driver().feed(*every(3 * DAY, 20, "A", reason="leaks"))
    driver.feed(*every(HOUR // 2, 700, "B", MAY + 60 * DAY, reason="leaks"))
    (theme,) = [t for t in driver.timelines.values() if t.subject.name == "theme"]
    assert len(theme.state.recent) == MAX_RECENT
    assert len(theme.encode()) < 40_000
    driver.advance(MAY + 130 * DAY)
    ended = [a for a in driver.alarms if a.kind == KIND and a.type == "alarm.settled"]
    assert [a.outcome for a in ended] == ["resolved"]
    assert MAY + 74 * DAY + 14 * DAY < ended[0].time < MAY + 76 * DAY + 14 * DAY + 14 * DAY


def test_no_id_of_a_customer_is_in_the_row_or_the_alarm_of_a_theme() -> None:
    """An erasure does not reach them: ids of facts and cases that contain the customer's are hashed."""
    before = every(5 * DAY, 10, "A", reason="late")
    own = [
        record("complaint.opened", MAY + 60 * DAY + n, f"ana-{n}", id=f"ana-{n}/1", complaint_id=f"ana-{n}/K", sku="K7")
        for n in range(5)
    ]
    driver = Driver().feed(*before, *own)
    alarm = next(a for a in driver.alarms if a.kind == KIND)
    row = driver.timelines["\x01theme:/sku:K7"].encode()
    assert b"ana" not in row
    assert "ana" not in json.dumps([e.event_id for e in alarm.evidence] + list(alarm.cause))
    assert alarm.skill == "owner_of_cause"
    assert alarm.customer_id is None


@pytest.mark.parametrize("partitions", [1, 2, 4])
def test_any_number_of_partitions_raises_the_alarms_of_a_replay(partitions: int) -> None:
    """Of customers of all partitions, of nobody, and of facts that are read late; a flood of invented names changes nothing."""
    rng = random.Random(3)
    facts = [
        *(complaint(MAY + n * 5 * DAY, f"A{n}", f"C{n % 7}", subject="product", sku="K7") for n in range(24)),
        *(complaint(MAY + 61 * DAY + n * 7 * HOUR, f"B{n}", f"C{n}", subject="product", sku="K7") for n in range(9)),
        *every(4 * DAY, 30, "S", subject="service", store_id="S1", reason="slow_service"),
        *every(9 * HOUR, 8, "T", MAY + 70 * DAY, subject="service", store_id="S1"),
    ]
    invented, n = [], 0
    while len(invented) < NAMES + 20:
        n += 1
        if slot_of("theme", f"/sku:I{n}") == slot_of("theme", "product/sku:K7"):
            invented.append(complaint(MAY + 30 * DAY + n, f"I{n}", sku=f"I{n}"))
    read = sorted([(json.loads(raw)["time"], raw) for raw in facts + invented], key=lambda one: (one[0], rng.random()))
    for _ in range(20):  # some are read up to a day late
        place = rng.randrange(len(read) - 1)
        later = json.loads(read[place + 1][1])["time"]
        if later[:10] == read[place][0][:10]:
            read[place], read[place + 1] = read[place + 1], read[place]
    driver, cluster, until = Driver(), Cluster(partitions), MAY + 200 * DAY
    for _, raw in read:
        driver.feed(raw)
        cluster.publish("complaints", raw)
    driver.advance(until)
    cluster.close_days(until)
    cluster.tick(until)
    assert {one for one in cluster.outcomes() if one[1] == KIND} == {one for one in driver.outcomes() if one[1] == KIND}
    assert {one[0] for one in driver.outcomes() if one[1] == KIND} == {
        "theme:product/sku:K7",
        "theme:service/store:S1",
    }
    assert driver.partition.tally.forgotten["other_theme"] > 0

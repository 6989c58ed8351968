"""The rows that a worker tells on the topic `customers`: when, which, and how many at once."""

import json
from itertools import count
from typing import Any

import pytest

from scorers.contract.events import DAY, HOUR
from scorers.subjects.customer_row import customer_row
from streams.engine.batching_producer import Output
from streams.worker import published_customers
from tests.support.desk import MAY, Desk
from tests.support.driver import purchase, record


def published(outputs: list[Output]) -> dict[str, Any]:
    """The rows among outputs by customer."""
    found = [one for one in outputs if one.topic == "customers"]
    return {(one.key or b"").decode(): None if one.value is None else json.loads(one.value) for one in found}


def test_a_row_is_published_at_the_tick_after_it_changed() -> None:
    """Once, whatever happened in between, as a replay would write it; not again until it changes."""
    desk = Desk()
    for n in range(3):
        assert published(desk.send("purchases", purchase(MAY + n * DAY, "C1"))) == {}
    rows = published(desk.tick(MAY + 2 * DAY + HOUR))
    timeline = desk.processor.timelines.get("C1")
    assert timeline is not None
    now = MAY + 2 * DAY + HOUR
    assert rows == {"C1": json.loads(json.dumps(customer_row(timeline, now, desk.processor.ctx)))}
    assert (rows["C1"]["occasions"], rows["C1"]["last_purchase"]) == (3, "2024-05-03T00:00:00Z")
    assert published(desk.tick(MAY + 2 * DAY + 2 * HOUR)) == {}
    silent = {
        name: row["stage"] for at in range(3, 600, 3) for name, row in published(desk.tick(MAY + at * DAY)).items()
    }
    assert silent == {"C1": "defector"}, "silence changes a row too"


def test_a_row_says_what_a_console_shows() -> None:
    """The newest visits, the usual gap, the instant from which a silence is long, and what the customer waits for."""
    desk = Desk()
    for n in range(4):
        desk.send("purchases", purchase(MAY + n * 7 * DAY, "C1"))
    asked = MAY + 22 * DAY
    request = {"request_id": "R1", "request_status": "open", "topic": "a refund"}
    desk.send("contacts", record("contact.received", asked, "C1", channel="web", **request))
    desk.send("feedback", record("owner.judged", asked, "C1", good=False))
    row = published(desk.tick(MAY + 23 * DAY))["C1"]
    assert row["rhythm"]["visits"] == [f"2024-05-{day:02}T00:00:00Z" for day in (1, 8, 15, 22)]
    assert row["rhythm"]["gap_days"] == 7.0
    assert "2024-05-29" < row["rhythm"]["quiet_after"] < "2024-07-31"
    (case,) = row["open_cases"]
    assert (case["type"], case["id"], case["about"], case["opened"]) == (
        "request",
        "R1",
        "a refund",
        "2024-05-23T00:00:00Z",
    )
    assert case["due"] > case["opened"]
    assert row["good"] is False


def test_the_row_of_who_has_left_says_how() -> None:
    """The loss review (A4), until the customer is won back."""
    desk = Desk()
    desk.send("purchases", purchase(MAY, "C1"))
    desk.send("feedback", record("exit.explained", MAY + DAY, "C1", reason="price"))
    loss = published(desk.tick(MAY + 2 * DAY))["C1"]["loss"]
    assert (loss["how"], loss["reason"], loss["missed"]) == ("goodbye", "price", True)
    desk.send("purchases", purchase(MAY + 3 * DAY, "C1"))
    assert published(desk.tick(MAY + 4 * DAY))["C1"]["loss"] is None


def test_the_row_of_the_erased_is_null_at_once() -> None:
    """Also where it waited to be told, and where nobody is known any more nothing is told."""
    desk = Desk()
    desk.send("purchases", purchase(MAY, "C1"))
    erased = record("customer.erased", MAY + DAY, "C1")
    assert published(desk.send("feedback", erased)) == {"C1": None}
    assert published(desk.tick(MAY + 2 * DAY)) == {}


def test_the_next_owner_publishes_all_rows_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waited when the partition was lost is not known to it; a tick that takes no time publishes all."""
    desk = Desk()
    for n in range(20):
        desk.send("purchases", purchase(MAY, f"C{n}"))
    desk.flush()
    desk.open()
    monkeypatch.setattr(desk.processor.published, "_clock", lambda: 1.0)
    monkeypatch.setattr(desk.processor.published, "_last", 0.0)
    assert published(desk.tick(MAY + HOUR)).keys() == {f"C{n}" for n in range(20)}
    assert published(desk.tick(MAY + 2 * HOUR)) == {}


def test_a_tick_spends_no_more_than_its_share_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest waits for the next ticks; those that have changed go first, and the recovered ones follow."""
    desk = Desk()
    for n in range(30):
        desk.send("purchases", purchase(MAY, f"old{n}"))
    desk.flush()
    desk.open()
    steps = count()
    monkeypatch.setattr(desk.processor.published, "_clock", lambda: next(steps) * 0.001)
    monkeypatch.setattr(desk.processor.published, "_last", -1.0)
    monkeypatch.setattr(published_customers, "MOST", 0.0045)
    for n in range(7):
        desk.send("purchases", purchase(MAY, f"new{n}"))
    first = published(desk.tick(MAY + HOUR))
    assert first.keys() == {f"new{n}" for n in range(5)}
    assert desk.processor.published.waiting == 2
    rest = [published(desk.tick(MAY + 2 * HOUR + n)) for n in range(40)]
    assert max(map(len, rest)) <= 5
    assert len({name for rows in rest for name in rows}) == 32


def test_a_worker_that_is_behind_publishes_one_row_at_a_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it would publish changes again soon; with idle time it publishes the rest."""
    desk = Desk()
    told = desk.processor.published
    for n in range(9):
        desk.send("purchases", purchase(MAY, f"C{n}"))
    now = [0.0, 0.0]
    monkeypatch.setattr(told, "_clock", lambda: now[0])
    monkeypatch.setattr(told, "_busy", lambda: now[1])
    monkeypatch.setattr(told, "_last", 0.0)
    monkeypatch.setattr(told, "_last_busy", 0.0)
    for tick in range(1, 4):
        now[:] = [tick, tick]
        assert len(published(desk.tick(MAY + tick * HOUR))) == 1
    now[:] = [4.0, 3.5]
    assert len(published(desk.tick(MAY + 4 * HOUR))) == 6

"""`losses.jsonl` of a replay (A4): one record for each time that a customer has left."""

import json
from pathlib import Path

from scorers.contract.events import DAY, HOUR, SECOND
from scorers.contract.rfc3339 import parse_instant, rfc3339
from scorers.contract.wire import decode_alarm
from scorers.policy.tables import Policy
from streams.replay.replay import replay
from tests.support.driver import purchase, record

START = int(parse_instant("2024-01-01T10:00:00Z"))


def weekly(name: str, weeks: range) -> list[bytes]:
    return [purchase(START + n * 7 * DAY, name) for n in weeks]


def losses(folder: Path, facts: list[bytes]) -> list[dict]:
    """The records of a run of these events."""
    (folder / "events.jsonl").write_bytes(b"".join(fact + b"\n" for fact in facts))
    replay([str(folder / "events.jsonl")], folder / "out", Policy())
    return [json.loads(line) for line in (folder / "out" / "losses.jsonl").read_text().splitlines()]


def in_order(*stories: list[bytes]) -> list[bytes]:
    return sorted((fact for story in stories for fact in story), key=lambda raw: json.loads(raw)["time"])


def test_each_leaving_has_a_record_as_of_its_own_instant(tmp_path: Path) -> None:
    """Also of one who was won back since, and who left twice; the rows of customers show the last."""
    goodbye = record("exit.explained", START + 100 * DAY, "Ana", reason="price")
    again = record("exit.explained", START + 400 * DAY, "Ana", reason="moved_away")
    facts = in_order(
        weekly("Ana", range(12)), [goodbye], weekly("Ana", range(30, 50)), [again], weekly("Bea", range(12)),
        weekly("Cid", range(120)),
    )  # fmt: skip
    found = losses(tmp_path, facts)
    whys = [(one["customer_id"], one["how"], one["reason"]) for one in found]
    assert sorted(whys) == [
        ("Ana", "goodbye", "moved_away"),
        ("Ana", "goodbye", "price"),
        ("Bea", "silence", "unknown"),
    ]
    assert [one["left_at"] for one in found] == sorted(one["left_at"] for one in found)
    alarms = [decode_alarm(line) for line in (tmp_path / "out" / "alarms.jsonl").read_bytes().splitlines()]
    left = {
        (a.customer_id, rfc3339(a.at)) for a in alarms if a.kind == "stage-changed" and "defector" in (a.stage or "")
    }  # type: ignore[union-attr]
    assert {(one["customer_id"], one["left_at"]) for one in found} == left
    rows = [json.loads(line) for line in (tmp_path / "out" / "customers.jsonl").read_text().splitlines()]
    shown = {row["customer_id"]: row["loss"] for row in rows}
    assert shown["Cid"] is None
    assert {"customer_id": "Bea", **shown["Bea"]} in found
    assert shown["Ana"]["reason"] == "moved_away"


def test_a_fact_read_late_changes_a_record_and_not_their_number(tmp_path: Path) -> None:
    """Also where the customer has been won back since: a purchase before the goodbye, read after one that follows it."""
    facts = [*weekly("Ana", range(12)), record("exit.explained", START + 100 * DAY, "Ana", reason="price")]
    late = purchase(START + 100 * DAY - HOUR, "Ana")
    (found,) = losses(tmp_path, [*facts, late])
    assert (found["left_at"], found["missed"]) == (rfc3339(START + 100 * DAY), True)
    after = purchase(START + 100 * DAY - SECOND, "Ana", id="x")
    more = [*facts, purchase(START + 100 * DAY + HOUR, "Ana", id="y"), after]
    (again,) = losses(tmp_path, more)
    assert (again["left_at"], again["stage"], found["stage"]) == (
        found["left_at"],
        "early_repeat_buyer",
        "early_repeat_buyer",
    )


def test_who_is_erased_has_no_record(tmp_path: Path) -> None:
    facts = [*weekly("Ana", range(12)), record("exit.explained", START + 100 * DAY, "Ana", reason="price")]
    assert losses(tmp_path, facts)
    assert losses(tmp_path, [*facts, record("customer.erased", START + 101 * DAY, "Ana")]) == []

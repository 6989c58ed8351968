"""The pipeline of one customer (A1)."""

from pathlib import Path

from scorers.contract.events import DAY
from scorers.policy.reading import parse_policy
from streams.replay.replay import replay
from tests.support.driver import instant, record
from vigia.readmodel.alarm_summary import read_alarms, read_customers
from vigia.readmodel.pipeline import pipeline
from vigia.readmodel.roster import COLUMNS

START = instant("2024-01-01T09:00:00Z")


def steps(folder: Path, *more: bytes) -> dict[str, str]:
    """The pipeline after ten weekly visits and these facts."""
    visits = [record("purchase.completed", START + n * 7 * DAY, amount_minor=2000, currency="EUR") for n in range(10)]
    (folder / "events.jsonl").write_bytes(b"\n".join([*visits, *more]))
    replay([str(folder / "events.jsonl")], folder, parse_policy(""))
    (row,) = read_customers(folder)
    return dict(pipeline(row, list(read_alarms(folder))))


def test_all_seven_steps_are_told(tmp_path: Path) -> None:
    """Of a customer with a complaint: the pace, why, who is alike, what they are worth, what to do, and what ties them."""
    complaint = record("complaint.opened", START + 64 * DAY, complaint_id="K1", severity="major")
    bond = record("bond.started", START + 65 * DAY, bond="social")
    found = steps(tmp_path, complaint, bond)
    assert list(found) == ["analyze", "understand", "profile", "segment", "target", "activate", "retain"]
    assert found["analyze"] == "10 visits, usually every 7 days; passive (engagement 0.09)"
    assert found["understand"].startswith("Major complaint of 5 March")
    assert found["segment"].startswith("iron, ")
    assert found["target"] != "no action proposed"
    assert (found["activate"], found["retain"]) == ("not needed: buys", "social")


def test_who_has_left_is_to_be_won_back(tmp_path: Path) -> None:
    """The step says how far that is."""
    bye = record("exit.explained", START + 70 * DAY, reason="price")
    assert steps(tmp_path, bye)["activate"] == "has left; nobody has tried to win them back since"
    call = record("contact.made", START + 75 * DAY, channel="phone", purpose="sales")
    assert steps(tmp_path, bye, call)["activate"] == "has left; somebody has tried to win them back"


def test_the_roster_has_what_people_say_and_how_sure_the_type_is(tmp_path: Path) -> None:
    """The owner's judgement, the party and the confidence of the type stand in its columns (Q1, Q8, P1)."""
    judged = record("owner.judged", START + 65 * DAY, good=False)
    described = record("customer.described", START + 65 * DAY, party_type="external")
    marks = [record("survey.answered", START + (66 + n) * DAY, satisfaction=5) for n in range(3)]
    steps(tmp_path, judged, described, *marks)
    (row,) = read_customers(tmp_path)
    told = {column.head: column.cell(row) for column in COLUMNS if column.head != "Last purchase"}
    assert (told["Owner says"], told["Party"], told["Type"], told["Type is sure"]) == (
        "not good",
        "distributor",
        "loyal",
        0.5,
    )

"""Alarms of before the instant from which they are wanted are marked as history, and nothing else changes."""

from pathlib import Path

import pytest
from msgspec import json
from typer.testing import CliRunner

from scorers.contract.events import DAY
from scorers.contract.rfc3339 import parse_instant, rfc3339
from tests.streams.replay.test_replay import START, outputs, shop, write
from vigia.cli import app

SINCE = rfc3339(START + 70 * DAY)
MAP = """type = "purchase.completed"
source = "till"
[fields]
id = "Invoice"
time = "Time"
customer_id = "Customer"
amount_minor = "Cents"
currency = { value = "EUR" }
"""


def vigia(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


def table(folder: Path) -> None:
    """The sales of the shop as a table, and its map."""
    sales = [sale for sale in map(json.decode, shop(12)) if sale["type"] == "purchase.completed"]
    columns = "id", "time", "customer_id", "amount_minor"
    lines = ["Invoice,Time,Customer,Cents", *(",".join(str(sale[name]) for name in columns) for sale in sales)]
    (folder / "till.csv").write_text("\n".join(lines) + "\n")
    (folder / "map.toml").write_text(MAP)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    table(tmp_path)
    return tmp_path


def without_marks(out: Path) -> tuple[dict[str, bytes], set[str], set[str]]:
    """The outputs without marks, and the instants of what is history and of what is not."""
    found, marked, others = outputs(out), set[str](), set[str]()
    for name in ("alarms.jsonl", "worklist.jsonl"):
        lines = list(map(json.decode, found[name].splitlines()))
        for line in lines:
            (marked if line.pop("history", False) else others).add(line["at"])
        found[name] = b"\n".join(map(json.encode, lines))
    return found, marked, others


def parsed(instants: set[str]) -> list[int]:
    return sorted(int(parse_instant(one)) for one in instants)


@pytest.mark.parametrize("packed", ["", ".gz"])
def test_a_file_says_which_of_its_alarms_are_history(folder: Path, packed: str) -> None:
    """Imported with the instant, sorted, and replayed: all that became true before it is marked, the rest and all else is as without."""
    vigia("import", "till.csv", "--map", "map.toml", "--out", "plain.jsonl")
    vigia("import", "till.csv", "--map", "map.toml", "--alarms-from", SINCE, "--out", f"marked.jsonl{packed}")
    vigia("import", f"marked.jsonl{packed}", "--sort", "--out", "sorted.jsonl")
    for name in ("plain.jsonl", f"marked.jsonl{packed}", "sorted.jsonl"):
        (folder / "events").mkdir(exist_ok=True)
        (folder / name).replace(folder / "events/till")
        vigia("replay", "events/till", "--out", f"of-{name}")
    plain, none, every = without_marks(folder / "of-plain.jsonl")
    assert not none
    for name in (f"marked.jsonl{packed}", "sorted.jsonl"):
        found, history, others = without_marks(folder / f"of-{name}")
        moved = {"evidence"}  # the line of a fact is one further down
        assert found.keys() == plain.keys()
        for output in found.keys() - {"alarms.jsonl"}:
            assert found[output] == plain[output], output
        one, other = ([{k: v for k, v in json.decode(line).items() if k not in moved} for line in run.splitlines()]
                      for run in (found["alarms.jsonl"], plain["alarms.jsonl"]))  # fmt: skip
        assert one == other
        assert history | others == every
        assert history
        assert others
        assert parsed(history)[-1] < int(parse_instant(SINCE)) <= parsed(others)[0]


def test_a_replay_may_be_told_the_instant(folder: Path) -> None:
    """By the option, for files that say nothing; standard input may say it too."""
    events = write(folder / "events.jsonl", shop(12))
    vigia("replay", events, "--out", "run", "--alarms-from", SINCE)
    _, history, others = without_marks(folder / "run")
    assert parsed(history)[-1] < int(parse_instant(SINCE)) <= parsed(others)[0]
    head = b'{"type": "history.in_force", "before": "' + SINCE.encode() + b'"}\n'
    piped = CliRunner().invoke(app, ["replay", "-", "--out", "piped"], input=head + Path(events).read_bytes())
    assert piped.exit_code == 0, piped.output
    assert without_marks(folder / "piped")[1] == history


def test_a_line_about_history_in_the_middle_is_rejected(folder: Path) -> None:
    """Only the first line of a file speaks for the file; another is no event, and is named."""
    lines = shop(12)
    head = b'{"type": "history.in_force", "before": "' + SINCE.encode() + b'"}'
    events = write(folder / "events.jsonl", [lines[0], head, *lines[1:]])
    assert "1 line rejected (1 unknown_type)" in vigia("replay", events, "--out", "run")
    assert not without_marks(folder / "run")[1]


def test_an_instant_without_a_zone_is_refused(folder: Path) -> None:
    done = CliRunner().invoke(
        app, ["import", "till.csv", "--map", "map.toml", "--out", "e.jsonl", "--alarms-from", "2024-05-06"]
    )
    assert done.exit_code != 0
    assert "--alarms-from '2024-05-06'" in str(done.exception)

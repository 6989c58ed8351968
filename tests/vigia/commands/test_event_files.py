"""What commands do with files that are in the wrong order, are no events, or lie where an output would."""

import contextlib
import json
import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from scorers.contract.events import DAY
from scorers.contract.rfc3339 import rfc3339
from tests.support.paths import ROOT
from vigia.cli import app
from vigia.lab.embedded_kafka import EmbeddedKafka
from vigia.runtime.broker import INPUTS
from vigia.runtime.files import event_lines

START = 1_704_067_200_000_000
OUTPUTS = (
    *(
        "alarms.jsonl",
        "worklist.jsonl",
        "customers.jsonl",
        "losses.jsonl",
        "stores.jsonl",
        "rejected.jsonl",
        "scores.csv",
    ),
    *("summary.json", "base.json"),
)


def sale(day: int, customer: str = "c1", **more: object) -> bytes:
    event = {"id": f"{customer}-{day}", "source": "till", "type": "purchase.completed", "time": rfc3339(START + day * DAY),
             "customer_id": customer, "amount_minor": 100, "currency": "EUR"} | more  # fmt: skip
    return json.dumps(event).encode() + b"\n"


def vigia(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def summary(out: Path) -> dict[str, int]:
    found: dict[str, int] = json.loads((out / "summary.json").read_text())
    return found


NEWEST_FIRST = b"".join(sale(day) for day in range(400, 0, -1))


def test_an_export_that_is_newest_first_counts_in_full(tmp_path: Path) -> None:
    """Replay sorts it within its window, and so do the commands that replay."""
    (tmp_path / "a.jsonl").write_bytes(NEWEST_FIRST)
    assert vigia("replay", tmp_path / "a.jsonl", "--out", tmp_path / "out").exit_code == 0
    assert summary(tmp_path / "out")["too_late"] == 0
    assert json.loads((tmp_path / "out/customers.jsonl").read_text())["occasions"] == 400
    assert "400 days" in vigia("customer", "show", "c1", tmp_path / "a.jsonl").stdout


def test_a_worse_order_writes_nothing_and_names_the_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Status 2, what stood there stays; --allow-late goes on and says what was left out; import --sort mends it."""
    monkeypatch.setattr("streams.replay.replay.WINDOW", 50)
    (tmp_path / "a.jsonl").write_bytes(NEWEST_FIRST)
    out = tmp_path / "out"
    out.mkdir()
    (out / "alarms.jsonl").write_text("of an earlier run")
    wrong = vigia("replay", tmp_path / "a.jsonl", "--out", out)
    assert wrong.exit_code == 1  # the runner's status of an exception that `main` turns into 2
    assert str(wrong.exception).startswith("348 of 400 facts come too late, after newer facts of their customers")
    assert "vigia import FILE... --sort --out sorted.jsonl" in str(wrong.exception)
    assert "--allow-late" in str(wrong.exception)
    assert [path.name for path in out.iterdir()] == ["alarms.jsonl"]
    assert (out / "alarms.jsonl").read_text() == "of an earlier run"

    going_on = vigia("replay", tmp_path / "a.jsonl", "--out", out, "--allow-late")
    assert going_on.exit_code == 0
    assert "left out: 348 events too late, more than 1d before a newer event" in going_on.stdout
    assert summary(out)["too_late"] == 348

    assert vigia("import", tmp_path / "a.jsonl", "--sort", "--out", tmp_path / "sorted.jsonl").exit_code == 0
    assert vigia("replay", tmp_path / "sorted.jsonl", "--out", out).exit_code == 0
    assert summary(out)["too_late"] == 0


def test_the_last_lines_say_what_was_left_out(tmp_path: Path) -> None:
    """Rejected lines by code, late events, conflicts and duplicates, each with what can be done."""
    lines = [sale(1), sale(1), sale(1, amount_minor=7), sale(9), sale(2), b"{\n", sale(9, time="now")]
    (tmp_path / "a.jsonl").write_bytes(b"".join(lines))
    told = vigia("replay", tmp_path / "a.jsonl", "--out", tmp_path / "out").stdout.splitlines()
    assert told[1].startswith("left out: 2 lines rejected (1 bad_time, 1 not_json); ")
    assert told[2].startswith("left out: 1 event too late, more than 1d before")
    assert "--sort" in told[2]
    assert told[3].startswith("left out: 1 conflict, another event under the source and id of an earlier one; mend: ")
    assert told[4] == "left out: 1 duplicate of events that were read before"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            b"id,time,customer\n1,2024-01-01,ana\n",
            "looks like CSV: turn its rows into events (vigia import FILE --propose",
        ),
        (b'[{"id": "1"},\n{"id": "2"}]\n', "looks like a JSON array: write one object a line (jq -c '.[]' FILE)"),
        (b'{\n  "id": "1"\n}\n', "looks like JSON over several lines"),
        (b'{"id": "1"}\n', "looks like JSON lines that are no events of the contract"),
        (b"PK\x03\x04 and so on\n", "looks like an Excel or zip file"),
        ("id\n".encode("utf-16"), "looks like text in UTF-16"),
    ],
)
def test_a_file_without_an_event_is_status_two_and_a_guess(tmp_path: Path, content: bytes, said: str) -> None:
    """Of replay and import alike; replay's rejects stay to be looked at."""
    (tmp_path / "a").write_bytes(content)
    for command in (("replay",), ("import", "--sort")):
        done = vigia(*command, tmp_path / "a", "--out", tmp_path / "out")
        assert str(done.exception).startswith("no line is an event of the contract; ")
        assert said in str(done.exception)
        if command[0] == "replay":
            assert (tmp_path / "out/rejected.jsonl").read_bytes()
            for name in OUTPUTS:
                (tmp_path / "out" / name).unlink()
            (tmp_path / "out").rmdir()
        else:
            assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", OUTPUTS)
def test_no_output_of_a_replay_is_written_over_an_input(tmp_path: Path, name: str) -> None:
    """Whatever the folder is called, and through a link as well."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(sale(1))
    (tmp_path / "link").symlink_to(tmp_path / "in")
    for out in ("in", "link"):
        done = vigia("replay", tmp_path / "in" / name, "--out", tmp_path / out)
        assert "would write over the input" in str(done.exception)
    assert [path.name for path in (tmp_path / "in").iterdir()] == [name]
    assert (tmp_path / "in" / name).read_bytes() == sale(1)


def test_inputs_of_one_name_are_distinguished_in_rejects_and_evidence(tmp_path: Path) -> None:
    """By their folders."""
    for name in ("north", "south"):
        (tmp_path / name).mkdir()
        major = {"type": "complaint.opened", "complaint_id": "K", "severity": "major"}
        (tmp_path / name / "a.jsonl").write_bytes(sale(1, name) + sale(3, name, **major) + b"{\n")
    vigia("replay", *(tmp_path / name / "a.jsonl" for name in ("north", "south")), "--out", tmp_path / "out")
    rejected = [json.loads(line)["file"] for line in (tmp_path / "out/rejected.jsonl").read_text().splitlines()]
    assert rejected == ["north/a.jsonl", "south/a.jsonl"]
    alarms = [json.loads(line) for line in (tmp_path / "out/alarms.jsonl").read_text().splitlines()]
    files = {(a["customer_id"], e["topic"]) for a in alarms if a["kind"] == "major-problem" for e in a["evidence"]}
    assert files == {("north", "north/a.jsonl"), ("south", "south/a.jsonl")}


def test_a_pipe_with_a_name_is_read_on_a_terminal(tmp_path: Path) -> None:
    """A pipe has no position that a progress bar could show."""
    (tmp_path / "a.jsonl").write_bytes(b"".join(sale(day) for day in range(1, 2500)))
    os.mkfifo(tmp_path / "pipe")
    screen, line = pty.openpty()
    watching = threading.Thread(target=drain, args=(screen,))
    watching.start()
    command = [sys.executable, "-m", "vigia", "replay", str(tmp_path / "pipe"), "--out", str(tmp_path / "out")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=line) as run:
        os.close(line)
        with (tmp_path / "pipe").open("wb") as pipe:
            pipe.write((tmp_path / "a.jsonl").read_bytes())
        told, _ = run.communicate(timeout=60)
    watching.join()
    assert run.returncode == 0
    assert told.startswith(b"2,499 events")


def drain(screen: int) -> None:
    """Read what a terminal shows, until it is closed: a full one would hold up whoever writes to it."""
    with contextlib.suppress(OSError):
        while os.read(screen, 65536):
            pass
    os.close(screen)


def test_publish_sends_nothing_of_files_in_the_wrong_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same order and the same words as replay; a history that is sent says when it may be too late."""
    (tmp_path / "a.jsonl").write_bytes(NEWEST_FIRST)
    with EmbeddedKafka() as broker:
        broker.create(*INPUTS)
        with monkeypatch.context() as patch:
            patch.setattr("vigia.commands.files.publish.WINDOW", 50)
            wrong = vigia("publish", tmp_path / "a.jsonl", "--kafka", broker.address)
            assert "348 of 400 facts come too late" in str(wrong.exception)
            assert "nothing was sent; sort them first" in str(wrong.exception)
            going_on = vigia("publish", tmp_path / "a.jsonl", "--kafka", broker.address, "--allow-late")
            assert going_on.stdout == "400 events -> purchases\n"
            assert "left out by the workers: 348 of 400 facts come too late" in going_on.stderr
        done = vigia("publish", tmp_path / "a.jsonl", "--kafka", broker.address)
        assert (done.exit_code, done.stdout) == (0, "400 events -> purchases\n")
        assert "note: all of this is older than 1d" in done.stderr
        (tmp_path / "a.csv").write_text("id,time\n1,2024\n")
        nothing = vigia("publish", tmp_path / "a.csv", "--kafka", broker.address)
        assert "looks like CSV" in str(nothing.exception)


def test_order_is_judged_by_the_share_and_the_number_of_late_facts() -> None:
    """More than one in a hundred, and twenty at least."""
    assert not event_lines.wrong_order(19, 20)
    assert not event_lines.wrong_order(20, 2_000)
    assert event_lines.wrong_order(20, 1_999)

"""The demo: a real year told truly, an invented desk that is labelled, and a run that convinces without a terminal."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from rich.console import Console

from scorers.contract.alarms import Subject
from scorers.contract.events import (
    DAY,
    HOUR,
    ComplaintOpened,
    ContactMade,
    CustomerDescribed,
    Instant,
    Purchase,
    RewardGranted,
)
from scorers.contract.rfc3339 import parse_instant
from scorers.contract.wire import Rejection, decode, encode_event
from scorers.policy.reading import parse_policy
from streams.records import control_log
from streams.replay.replay import replay
from tests.kafka.running import standing
from tests.support.alarms import an_alarm
from vigia.cli import main
from vigia.lab.demo import NotInstalled, write_year, year
from vigia.lab.demo.desk import TEXTS, Desk, silences
from vigia.lab.demo_view import line
from vigia.readmodel.alarm_summary import read_alarms

START = int(parse_instant("2017-01-01T00:00:00Z"))
END = START + 365 * DAY
OF_CUSTOMERS = {"purchase.completed", "customer.described"}  # each household has both
visits_of_a_year = st.lists(st.integers(0, 365 * DAY // HOUR - 1), min_size=1, max_size=60, unique=True).map(
    lambda hours: sorted(START + hour * HOUR for hour in hours)
)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[bytes]]:
    """A demo of sixty households and four months, run as from a script: its folder, and what it said."""
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "vigia", "demo", "--customers", "60", "--days", "120", "--out", "year"]
    env = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR")}
    done = subprocess.run(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return folder / "year", done


def test_it_ends_by_itself_without_a_terminal(demo: tuple[Path, subprocess.CompletedProcess[bytes]]) -> None:
    """Exit status 0, nothing on the error stream, plain lines without a single control code."""
    _, done = demo
    assert (done.returncode, done.stderr) == (0, b"")
    told = done.stdout.decode()
    assert all(mark.isprintable() for mark in told.replace("\n", ""))
    assert max(map(len, told.splitlines())) <= 80


def test_it_prints_alarms_fates_and_whom_to_save(demo: tuple[Path, subprocess.CompletedProcess[bytes]]) -> None:
    """Alarms stand with their reasons; then what became of them, whom to save, and what to try next."""
    _, done = demo
    alarms, end = done.stdout.decode().split("The alarms of the year and their outcomes")
    shown = [line for line in alarms.splitlines() if line.endswith("at risk") or " worth USD " in line]
    assert len(shown) > 5
    assert any("gone-quiet" in line for line in shown)
    assert "usually comes every" in alarms
    assert 'The complaint says: "' in " ".join(alarms.split())
    assert "saved" not in alarms + end.split("\nTry next")[0]
    fates, listed = end.split("\nThe worklist of ")
    assert "gone-quiet" in fates
    assert "…" not in fates
    assert " of USD " in listed
    assert f"vigia customer show {ranked(listed)} year" in listed
    assert listed.startswith("2017-04-29: ")
    before = listed.split("The days before")[1].split("\n")[1:7]
    assert [line.split()[0] for line in before] == [f"2017-04-{day}" for day in range(23, 29)]


def ranked(text: str) -> str:
    """The id of the first customer that is named."""
    return text.split("(")[1].split(")")[0]


def test_a_replay_with_the_same_control_records_gives_the_same_alarms(
    demo: tuple[Path, subprocess.CompletedProcess[bytes]],
) -> None:
    """Worker and replay agree in every alarm and its end, and in what they think of every customer on the last day."""
    folder, _ = demo
    again = folder.parent / "again"
    policy = parse_policy((folder / "policy.toml").read_text())
    replay([str(folder / "events.jsonl")], again, policy, controls=control_log.read(folder / "control.jsonl"))
    found, expected = list(read_alarms(folder)), list(read_alarms(again))
    assert len(expected) > 150
    assert standing(found) == standing(expected)
    assert (folder / "customers.jsonl").read_bytes() == (again / "customers.jsonl").read_bytes()
    lists = (folder / "worklist.jsonl").read_bytes().splitlines()
    assert len({json.loads(line)["date"] for line in lists}) > 60
    assert lists == (again / "worklist.jsonl").read_bytes().splitlines()[: len(lists)]
    times = [int(alarm.time) for alarm in found]
    assert times == sorted(times)
    own = folder.parent / "own"
    replay([str(folder / "events.jsonl")], own, policy)
    assert standing(read_alarms(own)) != standing(found), "what was put in force made no difference"


def test_ctrl_c_ends_all_of_it(tmp_path: Path) -> None:
    """Stopped in the middle it ends with 130, leaves no process, and nothing of its state."""
    command = [sys.executable, "-m", "vigia", "demo", "--customers", "20", "--out", "year"]
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with (tmp_path / "said").open("wb") as said:
        run = subprocess.Popen(command, cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    log = tmp_path / "year" / "worker.log"
    deadline = time.monotonic() + 300
    while not (log.is_file() and "Starting..." in log.read_text(errors="replace")):
        assert run.poll() is None, (tmp_path / "said").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    worker = int((tmp_path / "year" / "worker.pid").read_text())
    os.kill(worker, 0)  # it is there
    run.send_signal(signal.SIGINT)
    assert run.wait(120) == 130
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
    assert list(tmp_path.glob("vigia-demo-*")) == []
    assert "Traceback" not in (tmp_path / "said").read_text()


def test_it_stays_up_to_be_tried(tmp_path: Path) -> None:
    """With `--stay` the commands that it prints work: publish, tail, send by HTTP, scrape; Ctrl-C then ends it with 0."""
    command = [sys.executable, "-m", "vigia", "demo", "--stay", "--customers", "9", "--days", "5", "--out", "days"]
    said = tmp_path / "said"
    with said.open("wb") as out:
        run = subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    deadline = time.monotonic() + 300
    while not re.search(r"notifier and gateway\n.*/metrics\n", said.read_text()):
        assert run.poll() is None, said.read_text()
        assert time.monotonic() < deadline, said.read_text()
        time.sleep(0.1)
    invited = said.read_text().split("In another terminal:")[1]
    tries = [line.strip() for line in invited.splitlines() if line.strip() and not line.strip().startswith("#")]
    where, tail, publish, by_http, console, worker, others = tries
    env = {**os.environ, **dict(told.split("=") for told in where.removeprefix("export ").split())}
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"

    def shell(line: str) -> str:
        done = subprocess.run(line, shell=True, cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
        return done.stdout

    assert shell(publish) == "1 event -> complaints\n"
    assert json.loads(shell(f"{by_http} --silent")) == {"accepted": 1, "duplicates": 0}
    while not (found := shell(f"{tail} --until-now --kind major-problem")):
        assert run.poll() is None, said.read_text()
        assert time.monotonic() < deadline, said.read_text()
    assert "raised" in found
    assert "<h1>Worklist" in shell(f"curl --silent {console}")
    assert "vigia_customers{" in shell(f"{worker} --silent")
    assert 'vigia_gateway_events_total{topic="complaints",type="complaint.opened"} 1.0' in shell(f"{others} --silent")
    run.send_signal(signal.SIGINT)
    assert run.wait(120) == 0, said.read_text()


def test_killed_it_takes_its_worker_along(tmp_path: Path) -> None:
    """The worker's process is held by a pipe and ends when nobody holds it any more."""
    nobody = "127.0.0.1:1"
    command = [
        sys.executable,
        "-m",
        "vigia.runtime.parent_watch",
        "gateway",
        "--no-token",
        "--port",
        "0",
        "--kafka",
        nobody,
    ]
    with (tmp_path / "said").open("wb") as said:
        held = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said, stderr=said)
    assert held.stdin is not None
    deadline = time.monotonic() + 300
    while b"gateway: http" not in (tmp_path / "said").read_bytes():
        assert held.poll() is None, (tmp_path / "said").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    held.stdin.close()
    assert held.wait(120) == 0


def test_it_leaves_a_roster_of_all(demo: tuple[Path, subprocess.CompletedProcess[bytes]]) -> None:
    """Every household stands in the Excel file, in alphabetical order of the invented names."""
    folder, _ = demo
    rows = list(load_workbook(folder / "roster.xlsx").active.iter_rows(min_row=2, values_only=True))
    told = map(json.loads, (folder / "events.jsonl").read_text().splitlines())
    assert {row[1] for row in rows} == {event["customer_id"] for event in told if event["type"] in OF_CUSTOMERS}
    assert len(rows) == len({row[1] for row in rows}) > 50
    assert rows[0][0][0] < rows[-1][0][0]


def test_the_year_is_real_and_what_is_invented_says_so(demo: tuple[Path, subprocess.CompletedProcess[bytes]]) -> None:
    """Every line is an event of the contract in the order of time; only baskets, campaigns and coupons are real."""
    folder, _ = demo
    events = [decode(line) for line in (folder / "events.jsonl").read_bytes().splitlines()]
    assert [event for event in events if isinstance(event, Rejection)] == []
    assert events == sorted(events, key=lambda event: event.time)  # type: ignore[union-attr]
    real = [event for event in events if event.source == "complete-journey"]
    assert {type(event) for event in real} == {Purchase, ContactMade, RewardGranted}
    invented = [event for event in events if event.source != "complete-journey"]
    assert {event.source for event in invented} == {"simulated"}
    names = [event for event in invented if isinstance(event, CustomerDescribed)]
    assert len(names) == len({event.customer_id for event in real}) > 50  # type: ignore[union-attr]
    assert {event.attributes["name"] for event in names if event.attributes} == {"invented"}
    assert not {type(event) for event in invented} & {Purchase, RewardGranted}


def test_the_company_has_stories_too(demo: tuple[Path, subprocess.CompletedProcess[bytes]]) -> None:
    """Staff who are asked or thanked no more; a store of which many complain, and its customers who do not."""
    folder, _ = demo
    raised = [alarm.kind for alarm in read_alarms(folder) if alarm.type == "alarm.raised"]
    assert {"staff-unasked", "staff-unthanked", "complaint-theme", "exposed-silently"} <= set(raised)
    assert raised.count("exposed-silently") <= 20


def test_an_alarm_about_a_site_names_it_and_no_money() -> None:
    """There is neither a customer nor an amount at risk."""
    alarm = an_alarm(Instant(START), "a1", None, kind="staff-unasked", subject=Subject("site", "7"), tier=None)
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(line(alarm))
    said = console.export_text()
    assert " site 7 " in said
    assert "at risk" not in said


def test_an_alarm_about_a_theme_says_what_its_name_is() -> None:
    """A number alone could be anything."""
    alarm = an_alarm(
        Instant(START), "a1", None, kind="complaint-theme", subject=Subject("theme", "/store:361"), name="361"
    )
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(line(alarm))
    assert " store 361 (theme /store:361)" in console.export_text()


def test_a_basket_adds_up(demo: tuple[Path, subprocess.CompletedProcess[bytes]]) -> None:
    """What is paid for a basket is the sum of its departments, each standing once, and the first of all is known."""
    folder, _ = demo
    events = [decode(line) for line in (folder / "events.jsonl").read_bytes().splitlines()]
    baskets = [event for event in events if isinstance(event, Purchase)]
    assert len(baskets) > 1000
    for basket in baskets:
        assert basket.amount_minor == sum(item.amount_minor or 0 for item in basket.items) > 0
        assert len({item.category for item in basket.items}) == len(basket.items)


def test_a_household_does_not_depend_on_the_others(tmp_path: Path) -> None:
    """The first households of a larger year are those of a smaller one; the same seed gives the same bytes, fewer days their beginning."""
    for name, customers, seed, days in (
        ("a", 3, 1, 366),
        ("b", 3, 1, 366),
        ("c", 5, 1, 366),
        ("d", 3, 2, 366),
        ("e", 3, 1, 99),
    ):
        write_year(tmp_path / name, customers, seed, days)
    a, b, c, d, e = ((tmp_path / name).read_bytes() for name in "abcde")
    assert a == b != d
    assert a.startswith(e)
    assert 0 < len(e) < len(a) // 2
    few = {"h1", "h2", "h3"}  # those of stores depend on who buys there
    own = [[line for line in year.splitlines() if decode(line).customer_id in few] for year in (a, c)]  # type: ignore[union-attr]
    assert own[0] == own[1]
    assert len(own[0]) > 100


def test_without_its_data_the_demo_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing package is named with the command that mends it, and the exit status is 2."""
    monkeypatch.setattr(year, "NEEDED", (*year.NEEDED, "a_package_that_nobody_has"))
    with pytest.raises(NotInstalled, match="a_package_that_nobody_has"):
        write_year(tmp_path / "events.jsonl")
    with pytest.raises(SystemExit) as end:
        main(["demo", "--out", str(tmp_path / "out")])
    assert end.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("vigia: the demo's data is not installed (a_package_that_nobody_has): pip install ")
    assert told.endswith("'vigia-lookout[demo]'\n")


@given(visits_of_a_year, st.integers(0, 50))
@settings(deadline=None, max_examples=100)
def test_whatever_the_desk_invents_is_of_the_contract(visits: list[int], seed: int) -> None:
    """Each event decodes again, belongs to the household, lies inside the year and has an id of its own."""
    told = list(Desk("h1", seed, END).events_of(visits))
    assert [decode(encode_event(event)) for event in told] == told
    assert {(event.source, event.customer_id) for event in told} == {("simulated", "h1")}
    assert all(visits[0] <= event.time < END for event in told)
    assert len({event.id for event in told}) == len(told)


def test_silences_get_more_than_their_share_of_trouble() -> None:
    """Of households that fall silent more have a complaint just before than of those that go on."""
    week = [START + n * 7 * DAY for n in range(52)]
    before_silence = [_complaints(week[:20], seed) for seed in range(400)]
    anywhere = [_complaints(week, seed) for seed in range(400)]
    assert sum(any(at > week[19] for at in times) for times in before_silence) > 40
    assert sum(any(week[19] < at < week[20] for at in times) for times in anywhere) < 20


def _complaints(visits: list[int], seed: int) -> list[int]:
    told = Desk("h1", seed, END).events_of(visits)
    return [int(event.time) for event in told if type(event).__name__ == "ComplaintOpened"]


@pytest.mark.parametrize(
    ("gaps", "found"),
    [([7] * 10, 0), ([7] * 4 + [34], 0), ([7] * 4 + [35], 1), ([2] * 4 + [20], 0), ([2] * 4 + [21], 1), ([7, 90], 0)],
)
def test_a_silence_is_long_against_the_own_habit(gaps: list[int], found: int) -> None:
    """Three weeks at least, five usual gaps at least, and a habit of four gaps before it."""
    visits = [START]
    for gap in gaps:
        visits.append(visits[-1] + gap * DAY)
    assert sum(1 for _ in silences(visits, visits[-1] + DAY)) == found


def test_complaints_say_different_things() -> None:
    """Each text of a subject comes up among a few hundred households."""
    visits = [START + week * 7 * DAY for week in range(50)]
    events = [event for n in range(300) for event in Desk(f"h{n}", 1, END).events_of(visits)]
    said = {(event.subject, event.reason) for event in events if isinstance(event, ComplaintOpened)}
    assert said == {(subject, text) for subject, texts in TEXTS.items() for text in texts}

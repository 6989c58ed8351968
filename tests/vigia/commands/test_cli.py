"""The command line as its users meet it: real files, exit statuses and words; where it matters, real processes."""

import gzip
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.main import get_command

from tests.support.paths import ROOT
from vigia.cli import app, main

README = (ROOT / "README.md").read_text()
VIGIA = [sys.executable, "-m", "vigia"]
FILES = {
    *(
        "alarms.jsonl",
        "base.json",
        "worklist.jsonl",
        "scores.csv",
        "customers.jsonl",
        "losses.jsonl",
        "stores.jsonl",
        "rejected.jsonl",
    ),
    "summary.json",
}


class Done(NamedTuple):
    """How a command ended and what it said."""

    returncode: int
    stdout: bytes
    stderr: bytes


def vigia(*typed: object, cwd: Path, stdin: bytes = b"") -> Done:
    """Run one command to its end, in this process: a process of its own costs a second."""
    out, err, status = StringIO(), StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, chdir(cwd), redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "stdin", TextIOWrapper(BytesIO(stdin)))
        patch.setenv("COLUMNS", "200")
        try:
            main([str(word) for word in typed])
        except SystemExit as end:
            status = int(end.code or 0)
    return Done(status, out.getvalue().encode(), err.getvalue().encode())


def purchase(n: int, customer: str = "c1", day: int = 1, **more: object) -> dict[str, object]:
    """A sale of January 2024."""
    head = {"id": str(n), "source": "till", "type": "purchase.completed", "time": f"2024-01-{day:02}T09:00:00Z"}
    return {**head, "customer_id": customer, "amount_minor": 1000, "currency": "EUR", **more}


def lines(*events: object) -> bytes:
    """Events as a file holds them."""
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with `shop.jsonl`: three visits of c1, one of c2."""
    events = [purchase(n, day=1 + 7 * n) for n in range(3)]
    (tmp_path / "shop.jsonl").write_bytes(lines(*events, purchase(9, "c2", 20)))
    return tmp_path


def test_replay_writes_its_files(shop: Path) -> None:
    """A run leaves alarms, worklists, scores, customers, losses, rejects and a summary, and says so on one line."""
    done = vigia("replay", "shop.jsonl", "--out", "out", cwd=shop)
    assert (done.returncode, done.stderr) == (0, b"")
    assert {path.name for path in (shop / "out").iterdir()} == FILES
    assert done.stdout.startswith(b"4 events of 2 customers, ")


def test_a_bad_line_stops_nothing(shop: Path) -> None:
    """Lines that cannot be read are counted and named; the exit status stays 0."""
    with (shop / "shop.jsonl").open("ab") as file:
        file.write(b"{nonsense\n")
    done = vigia("replay", "shop.jsonl", "--out", "out", cwd=shop)
    rejected = [json.loads(line) for line in (shop / "out/rejected.jsonl").read_text().splitlines()]
    assert done.returncode == 0
    assert [(r["file"], r["line"], r["code"]) for r in rejected] == [("shop.jsonl", 5, "not_json")]
    assert b"left out: 1 line rejected (1 not_json); out/rejected.jsonl has file, line and reason" in done.stdout


def test_standard_input_and_gz_are_read_alike(shop: Path) -> None:
    """`-` and a .gz file give the scores of the plain file."""
    raw = (shop / "shop.jsonl").read_bytes()
    (shop / "shop.jsonl.gz").write_bytes(gzip.compress(raw))
    for source, out, stdin in (("shop.jsonl", "a", b""), ("-", "b", raw), ("shop.jsonl.gz", "c", b"")):
        done = vigia("replay", source, "--out", out, "--score-every", "7d", cwd=shop, stdin=stdin)
        assert done.returncode == 0, done.stderr
    scores = [(shop / out / "scores.csv").read_bytes() for out in "abc"]
    assert scores[0].count(b"\n") == 3
    assert scores[0] == scores[1] == scores[2]


def test_scores_are_asked_for_at_instants(shop: Path) -> None:
    """Each asked instant gives a row per customer known by then; the horizon overrides the policy's."""
    asked = ("--score-at", "2024-01-16T00:00:00Z", "--score-at", "2024-01-09T02:00:00+02:00")
    done = vigia("replay", "shop.jsonl", "--out", "out", "--horizon", "28d", *asked, cwd=shop)
    assert done.returncode == 0, done.stderr
    rows = [line.split(",")[:2] for line in (shop / "out/scores.csv").read_text().splitlines()[1:]]
    assert rows == [["2024-01-09T00:00:00Z", "c1"], ["2024-01-16T00:00:00Z", "c1"]]


def test_the_horizon_of_alarms_is_the_one_asked_for(shop: Path) -> None:
    """`--horizon` stands on every alarm."""
    vigia("replay", "shop.jsonl", "--out", "out", "--horizon", "28d", cwd=shop)
    alarms = [json.loads(line) for line in (shop / "out/alarms.jsonl").read_text().splitlines()]
    assert {alarm["horizon_days"] for alarm in alarms} == {28.0}


UNUSABLE = (
    (("replay", "nowhere.jsonl", "--out", "out"), "nowhere.jsonl: no such file or directory"),
    (("replay", ".", "--out", "out"), ".: is a directory"),
    (("replay", "-", "-", "--out", "out"), "'-' is given twice: standard input can be read only once"),
    (("replay", "shop.jsonl", "--out", "shop.jsonl"), "shop.jsonl: file exists"),
    (("import", "shop.jsonl", "--out", "shop.jsonl"), "--map is missing"),
    (
        ("import", "shop.jsonl", "--sort", "--out", "./shop.jsonl"),
        "--out shop.jsonl: would write over the input shop.jsonl",
    ),
    (
        ("replay", "shop.jsonl", "--out", "o", "--lessons", "shop.jsonl"),
        "--lessons: would write over the input shop.jsonl",
    ),
    (
        ("lessons", "export", "--from", "shop.jsonl", "--out", "shop.jsonl"),
        "--out shop.jsonl: would write over the input",
    ),
    (("replay", "cut.jsonl.gz", "--out", "out"), "cut.jsonl.gz: damaged or cut short; download or compress it again"),
    (("replay", "shop.jsonl", "--out", "out", "--horizon", "soon"), "--horizon: 'soon' is not a length of time; write"),
    (("replay", "shop.jsonl", "--out", "out", "--horizon", "1h"), "--horizon '1h': give 1d at least and 3650d at most"),
    (("replay", "shop.jsonl", "--out", "out", "--score-every", "0d"), "--score-every '0d': give 1s at least"),
    (
        ("replay", "shop.jsonl", "--out", "out", "--score-at", "2024-01-09T00:00:00"),
        "--score-at '2024-01-09T00:00:00': not an instant; write it with its zone, like 2024-05-06T07:08:09Z",
    ),
    (
        ("replay", "shop.jsonl", "--out", "out", "--until", "1024-01-09T00:00:00Z"),
        "--until '1024-01-09T00:00:00Z': lies",
    ),
    (("replay", "shop.jsonl", "--out", "out", "--policy", "no.toml"), "no.toml: no such file or directory"),
    (
        ("replay", "shop.jsonl", "--out", "out", "--policy", "bad.toml"),
        "bad.toml, line 2: risk.horizn is not a known key; did you mean 'horizon'?",
    ),
    (("replay", "shop.jsonl", "--out", "out", "--policy", "cut.jsonl.gz"), "cut.jsonl.gz: not UTF-8 text; save it"),
    (("roster", "shop.jsonl", "--out", "all.doc"), "--out all.doc: the roster is written as .xlsx or .csv; use one"),
    (("customer", "show", "c3", "shop.jsonl"), "'c3': no such customer in these events; ids are case-sensitive"),
    (
        ("compare", "-", "--policy", "bad.toml"),
        "'-': the events are read twice, and standard input can be read only once",
    ),
    (("policy", "check", "bad.toml"), "bad.toml, line 2: risk.horizn is not a known key; did you mean 'horizon'?"),
)


@pytest.mark.parametrize(("typed", "told"), UNUSABLE, ids=[told[:40] for _, told in UNUSABLE])
def test_what_cannot_be_used_is_named_with_its_mend(shop: Path, typed: tuple[str, ...], told: str) -> None:
    """One line on the error stream, exit status 2, and nothing written."""
    (shop / "bad.toml").write_text("[risk]\nhorizn = '28d'\n")
    (shop / "cut.jsonl.gz").write_bytes(gzip.compress((shop / "shop.jsonl").read_bytes())[:-9])
    done = vigia(*typed, cwd=shop)
    assert done.returncode == 2
    assert done.stderr.decode().startswith(f"vigia: {told}")
    assert done.stderr.count(b"\n") == 1
    assert done.stdout == b""


@pytest.mark.parametrize("typed", [("replay",), ("replay", "shop.jsonl"), ("fly",), ("replay", "--wings", "x")])
def test_wrong_usage_is_status_two(shop: Path, typed: tuple[str, ...]) -> None:
    """Missing arguments, unknown commands and options end with 2 and no traceback."""
    done = vigia(*typed, cwd=shop)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert done.stderr


def test_ctrl_c_ends_with_130(shop: Path) -> None:
    """A run that is stopped while it waits for input says nothing of its insides."""
    command = [*VIGIA, "replay", "-", "--out", "out"]
    with subprocess.Popen(command, cwd=shop, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdin
        assert run.stderr
        while not list(shop.rglob("alarms.jsonl")):  # by then it waits for the first line
            assert run.poll() is None
            time.sleep(0.02)
        run.send_signal(signal.SIGINT)
        assert run.wait(60) == 130
        assert b"Traceback" not in run.stderr.read()
    assert list((shop / "out").iterdir()) == [], "nothing unfinished is left"


def test_a_reader_that_goes_away_is_met_quietly(shop: Path) -> None:
    """Output into a closed pipe gives no traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*VIGIA, "policy", "show"], cwd=shop, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert done.stderr == b""
    assert done.returncode == 1


def test_a_bar_is_shown_to_terminals_only(shop: Path) -> None:
    """Progress goes to the error stream of a terminal; in a pipe there is none."""
    screen, line = pty.openpty()
    command = [*VIGIA, "replay", "shop.jsonl", "--out", "out"]
    done = subprocess.run(command, cwd=shop, stdout=subprocess.PIPE, stderr=line, check=True)
    os.close(line)
    assert b"Folding" in os.read(screen, 100_000)
    os.close(screen)
    assert b"Folding" not in done.stdout
    assert vigia(*command[3:], cwd=shop).stderr == b""


def test_a_finished_run_is_looked_at_without_folding_again(shop: Path) -> None:
    """`customer show` and `roster` take the folder of a replay, and say the same as from its events."""
    vigia("replay", "shop.jsonl", "--out", "out", cwd=shop)
    shown = [vigia("customer", "show", "c1", source, cwd=shop) for source in ("out", "shop.jsonl")]
    assert shown[0].stdout == shown[1].stdout
    assert b"stage          early repeat buyer" in shown[0].stdout
    for source in ("out", "shop.jsonl"):
        assert vigia("roster", source, "--out", f"{source}.csv", cwd=shop).returncode == 0
    assert (shop / "out.csv").read_bytes() == (shop / "shop.jsonl.csv").read_bytes()


def test_compare_lists_gained_and_lost(shop: Path) -> None:
    """A policy that knows no patience gains alarms against the defaults; against itself it gains none."""
    (shop / "hasty.toml").write_text("[lifecycle]\nsecond_purchase_default = '1d'\n")
    with (shop / "shop.jsonl").open("ab") as file:
        file.write(lines(purchase(10, "c3", 31)))
    done = vigia("compare", "shop.jsonl", "--policy", "hasty.toml", cwd=shop)
    rows = {row.split()[0]: row.split()[1:] for row in done.stdout.decode().partition("\n\n")[0].splitlines()}
    before, after, gained, lost, moved = map(int, rows["second-purchase-overdue"])
    assert (before, gained) == (0, after)
    assert after > 0
    assert (lost, moved) == (0, 0)
    (shop / "patient.toml").write_text("[lifecycle]\nsecond_purchase_default = '2d'\n")
    later = vigia("compare", "shop.jsonl", "--policy", "hasty.toml", "--policy", "patient.toml", cwd=shop)
    row = next(line for line in later.stdout.decode().splitlines() if line.startswith("second-purchase-overdue"))
    assert row.split()[1:] == [str(after), str(after), "0", "0", str(after)], (
        "what comes a day later is no gain and no loss"
    )
    same = vigia("compare", "shop.jsonl", "--policy", "hasty.toml", "--policy", "hasty.toml", cwd=shop)
    assert same.stdout.decode().partition("\n\n")[0].splitlines()[-1].split()[3:] == ["0", "0", "0"]


def test_simulate_and_schema_write_their_files(tmp_path: Path) -> None:
    """The same seed gives the same bytes; the contract is written as schemas."""
    for out in ("a", "b"):
        done = vigia("simulate", "--customers", 20, "--days", 60, "--seed", 3, "--out", out, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "a/events.jsonl").read_bytes() == (tmp_path / "b/events.jsonl").read_bytes()
    assert (tmp_path / "a/truth.jsonl").stat().st_size > 0
    assert vigia("schema", "--out", "s", cwd=tmp_path).returncode == 0
    assert json.loads((tmp_path / "s/purchase.completed.json").read_text())["$id"]


def commands() -> set[str]:
    """Every command by its full name."""

    def below(command: Any, name: str) -> set[str]:
        inner = getattr(command, "commands", None) or {}
        own = {name} if not inner or command.invoke_without_command else set()
        return own.union(*(below(inner[word], f"{name} {word}".strip()) for word in inner))

    return below(get_command(app), "")


def test_every_command_has_help_and_stands_in_the_readme() -> None:
    """The table of commands in README.md and the command line name the same; each command says what it does."""
    table = README.split("## Commands")[1].split("\n## ")[0]
    named = set()
    for row in re.findall(r"^\| (.+?) \|", table, flags=re.MULTILINE)[1:]:
        first, *others = re.findall(r"`((?:[a-z ]|(?<=[a-z])-(?=[a-z]))+)", row)
        named.add(first.removeprefix("vigia ").strip())
        named |= {f"{first.split()[1]} {other}".strip() for other in others}
    assert named - {""} == commands()


def test_help_imports_no_command(tmp_path: Path) -> None:
    """`vigia --help` is quick: it names every command with its first sentence, and imports none of them."""
    script = "import sys; from vigia.cli import main\ntry: main(['--help'])\nexcept SystemExit: print('\\n'.join(sys.modules))"
    wide = os.environ | {"COLUMNS": "300", "TERMINAL_WIDTH": "300"}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=wide, capture_output=True, text=True, check=True
    )
    page, _, modules = done.stdout.rpartition("╯\n")
    imported = set(modules.split())
    ours = {name for name in imported if name.split(".")[0] in ("scorers", "streams", "alerts", "vigia")}
    assert ours <= {"vigia", "vigia.cli", "vigia.runtime", "vigia.runtime.usage_error", "vigia.commands"} | {
        f"vigia.commands.{folder}" for folder in ("files", "live", "processes")
    }
    assert not imported & {"aiokafka", "faust", "numpy", "msgspec", "redis", "aiohttp", "xlsxwriter"}
    assert len(imported) < 600, "with nothing but Typer it is about half of that"
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        first = command.help.partition("\n\n")[0].replace("\n", " ")
        assert re.search(rf"│ {name} +{re.escape(first)} ", page), f"{name}: {first}"


@pytest.mark.parametrize("name", sorted(commands()))
def test_help_explains_every_option(name: str) -> None:
    """Each command has a sentence, and so has each of its arguments and options."""
    command = get_command(app)
    for word in name.split():
        command = command.commands[word]  # type: ignore[attr-defined]
    assert command.help
    assert [parameter.name for parameter in command.params if not getattr(parameter, "help", None)] == []


def test_the_alarm_of_the_readme_is_real(tmp_path: Path) -> None:
    """The alarm that README.md explains comes out of the events that README.md feeds, field by field."""
    events = re.search(r"<<'END'\n(.+?)END\n", README, flags=re.DOTALL)
    shown = re.search(r"```json\n(.+?)```", README, flags=re.DOTALL)
    until = re.search(r"--until (\S+)", README)
    assert events
    assert shown
    assert until
    (tmp_path / "shop.jsonl").write_text(events[1])
    vigia("replay", "shop.jsonl", "--out", "out", "--until", until[1], cwd=tmp_path)
    wanted = json.loads(shown[1])
    made = [json.loads(line) for line in (tmp_path / "out/alarms.jsonl").read_text().splitlines()]
    same = [alarm for alarm in made if (alarm["type"], alarm["kind"]) == (wanted["type"], wanted["kind"])]
    assert [{key: alarm[key] for key in wanted} for alarm in same] == [wanted]

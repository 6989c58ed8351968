"""Times far ahead of their neighbours in a file are rejected in a replay, unless they are trusted."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scorers.contract.events import DAY, Micros
from tests.support.driver import instant, purchase
from vigia.cli import app
from vigia.runtime.files.doubtful_times import FAR, IN_A_ROW
from vigia.runtime.files.event_lines import Order, read

START = instant("2024-01-01T09:00:00Z")
USUAL = [START + n * DAY for n in range(40)]
LATER = instant("2099-06-01T00:00:00Z")


def rejected(folder: Path, times: list[Micros | bytes], order: Order | None = None) -> list[int]:
    """The numbers of the lines that are rejected, counted from 1."""
    file = folder / "events.jsonl"
    lines = [at if isinstance(at, bytes) else purchase(at, id=f"{n}") for n, at in enumerate(times)]
    file.write_bytes(b"\n".join(lines) + b"\n")
    return sorted(
        line.number
        for line in read([str(file)], None, order or Order(trust_times=False))
        if hasattr(line.event, "code")
    )


FAR_AHEAD = {
    "in the middle": (USUAL[:20], [LATER], USUAL[20:]),
    "ten in a row": (USUAL[:20], [LATER + n for n in range(10)], USUAL[20:]),
    "the last lines": (USUAL, [LATER, LATER + 1], []),
    "the first lines": ([], [LATER, LATER + 1, LATER], USUAL),
    "ten first lines": ([], [LATER] * 10, USUAL),
    "just beyond": (USUAL[:20], [USUAL[20] + FAR + 1], USUAL[20:]),
    "between weekly events": (USUAL[:21:7], [USUAL[21] + 40 * DAY], USUAL[28::7]),
    "of two years": (USUAL[:20], [LATER, LATER - 900 * DAY], USUAL[20:]),
}


@pytest.mark.parametrize("where", FAR_AHEAD)
def test_events_far_ahead_of_their_neighbours_are_rejected(tmp_path: Path, where: str) -> None:
    """Up to ten in a row, wherever they are in the file."""
    before, far, after = FAR_AHEAD[where]
    wrong = list(range(len(before) + 1, len(before) + len(far) + 1))
    assert rejected(tmp_path, [*before, *far, *after]) == wrong
    assert rejected(tmp_path, [*before, *far, *after], Order()) == []


def test_every_second_line_of_the_future_is_rejected(tmp_path: Path) -> None:
    """They do not vouch for each other."""
    mixed = [at for usual in USUAL for at in (usual, LATER)]
    assert rejected(tmp_path, mixed) == list(range(2, 2 * len(USUAL) + 1, 2))


PLAUSIBLE = {
    "eleven in a row": [*USUAL[:20], *[LATER + n for n in range(IN_A_ROW + 1)], *USUAL[20:]],
    "a closure of two months": [*USUAL[:20], *[at + 60 * DAY for at in USUAL[20:]]],
    "thirty days": [*USUAL[:20], USUAL[19] + FAR, *USUAL[20:]],
    "a late event": [*USUAL[:20], START - 90 * DAY, *USUAL[20:]],
    "late events between": [*USUAL[:2], *[at for usual in USUAL[2:] for at in (usual, usual - 90 * DAY)]],
    "one event": [START],
    "none": [],
}


@pytest.mark.parametrize("what", PLAUSIBLE)
def test_what_a_file_may_say_is_taken(tmp_path: Path, what: str) -> None:
    """Gaps that many events follow, and facts that come late."""
    assert rejected(tmp_path, [*PLAUSIBLE[what]]) == []


def test_a_file_that_is_sorted_by_customer_is_taken(tmp_path: Path) -> None:
    """Time begins again with each of them; a year that is wrong is found there too."""
    rows = [(at, f"C{c}") for c in range(9) for at in range(START + c * DAY, START + 700 * DAY, 60 * DAY)]
    assert rejected(tmp_path, [purchase(at, who, id=f"{n}") for n, (at, who) in enumerate(rows)]) == []
    rows.insert(30, (LATER, rows[29][1]))
    assert rejected(tmp_path, [purchase(at, who, id=f"{n}") for n, (at, who) in enumerate(rows)]) == [31]


def test_bad_lines_between_count_for_nothing_and_stay_in_their_place(tmp_path: Path) -> None:
    """Each line comes once, in the order of the file."""
    times: list[Micros | bytes] = [*USUAL[:3], LATER, b"{", LATER, *USUAL[3:9], b"[", LATER]
    assert rejected(tmp_path, times) == [4, 5, 6, 13, 14]
    file = tmp_path / "events.jsonl"
    assert [line.number for line in read([str(file)], None, Order(trust_times=False))] == list(range(1, 15))


def test_one_sale_of_2099_ends_nobodys_silence_in_a_replay(tmp_path: Path) -> None:
    """It is rejected with its line, the run ends with the last real event, and the last lines name the way on."""
    file, out = tmp_path / "events.jsonl", tmp_path / "out"
    file.write_bytes(b"\n".join([*map(purchase, USUAL), purchase(LATER, "C2")]) + b"\n")
    done = CliRunner().invoke(app, ["replay", str(file), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "--trust-times" in done.output
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["rejected_codes"], summary["until_time"][:10]) == ({"bad_time": 1}, "2024-02-09")
    assert json.loads((out / "rejected.jsonl").read_text())["line"] == 41
    trusted = CliRunner().invoke(app, ["replay", str(file), "--out", str(out), "--trust-times"])
    assert trusted.exit_code == 0
    assert json.loads((out / "summary.json").read_text())["until_time"][:4] == "2099"

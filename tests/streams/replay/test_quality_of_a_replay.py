"""What a replay says of its own alarms (A9): `quality` in summary.json, and a line or two for people."""

import json
from pathlib import Path

from scorers.contract.events import DAY
from scorers.contract.rfc3339 import parse_instant
from scorers.in_force.control import FiguresInForce
from scorers.in_force.figures import no_figures
from scorers.in_force.uplift import Trial, Uplift
from scorers.policy.tables import Policy
from streams.replay.replay import replay
from streams.replay.scores import ScoreSchedule
from tests.support.driver import purchase
from vigia.commands.files.replay import kept, quality

START = int(parse_instant("2024-01-01T09:00:00Z"))
POLICY = Policy()
NONE_YET = FiguresInForce.of(START // DAY, no_figures(POLICY))


def bakery(folder: Path) -> str:
    """Eight weekly customers; the last three stop after three months, one of them for five weeks only."""
    facts = [
        (START + (7 * week + n) * DAY, f"C{n}")
        for n in range(8)
        for week in range(60)
        if n < 5 or week < 12 or (n == 5 and week >= 17)
    ]
    path = folder / "events.jsonl"
    path.write_bytes(b"".join(purchase(at, name) + b"\n" for at, name in sorted(facts)))
    return str(path)


def test_summary_and_last_lines_say_how_good_the_alarms_were(tmp_path: Path) -> None:
    """Two stopped for good, and one came back: of three silences two were as `gone-quiet` said."""
    found = replay([bakery(tmp_path)], tmp_path / "out", POLICY).quality
    told = json.loads((tmp_path / "out" / "summary.json").read_text())["quality"]
    assert told["kinds"]["gone-quiet"]["all"] == {"answered": 3, "hits": 2, "precision": 0.6667}
    assert told["kinds"]["gone-quiet"]["arms"] == {"told": {"answered": 3, "hits": 2, "precision": 0.6667}}
    assert told["kinds"]["gone-quiet"]["tiers"].keys() == {"iron"}
    assert told["kinds"]["gone-quiet"]["recall"] == 1.0
    assert (told["leavers"]["by_silence"], told["leavers"]["told_before"], told["leavers"]["missed"]) == (2, 2, 0)
    first, second, third = quality(found)
    assert (
        first
        == f"2 customers left by silence, 2 of them told before, {told['leavers']['lead_days']:g} days before (median)"
    )
    assert second.startswith("bought nothing within the alarm's horizon: gone-quiet 2 of 3, ")
    assert third == "came back because of alarms: not measured (no customer is held out; policy: hold_out)"


def test_what_alarms_brought_is_said_with_its_interval() -> None:
    """And with money only where it is measured."""
    some = Uplift.of(Trial(1000, 800, 500, 300), {"EUR": 5_000_000}, 200)
    assert kept(some) == (
        "+20.0% (+15.1% to +24.9%) of 1,000 alarms told, against 500 held out, EUR 10,000 kept (EUR 7,531 to EUR 12,477)"
    )
    few = Uplift.of(Trial(1000, 800, 150, 100), {"EUR": 5_000_000}, 200)
    assert kept(few) == "not measured (150 answers of customers held out; policy: hold_out)"


def test_before_any_answer_nothing_is_said(tmp_path: Path) -> None:
    found = replay([bakery(tmp_path)], tmp_path / "out", POLICY, ScoreSchedule(until=START + 60 * DAY)).quality
    assert not found.kinds
    assert quality(found) == []


def test_with_the_figures_of_a_worker_the_quality_is_counted_all_the_same(tmp_path: Path) -> None:
    """Then no day is closed here, and the answers are those of the alarms of this run."""
    found = replay([bakery(tmp_path)], tmp_path / "out", POLICY, controls=[NONE_YET]).quality
    assert found.kinds["gone-quiet"].all.answered == 3

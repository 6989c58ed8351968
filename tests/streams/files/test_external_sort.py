"""Sorting files of events that are larger than what may be held in memory."""

import gzip
import json
import random
import tracemalloc
from pathlib import Path

import pytest

from scorers.contract.rfc3339 import rfc3339
from streams.files import external_sort
from streams.files.external_sort import sort_events

START = 1_704_067_200_000_000


def line(n: int, second: int) -> bytes:
    event = {"id": f"e{n}", "source": "till", "type": "purchase.completed", "time": rfc3339(START + second * 1_000_000),
             "customer_id": f"c{n % 7}", "amount_minor": n, "currency": "EUR"}  # fmt: skip
    return json.dumps(event).encode() + b"\n"


@pytest.mark.parametrize("memory", [1_000, 20_000, 1 << 20])
def test_any_size_of_memory_gives_the_same_file(tmp_path: Path, memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sorted by time, equal times in the order of reading, each line as it was; runs are merged level by level."""
    monkeypatch.setattr(external_sort, "FAN_IN", 4)
    dice = random.Random(5)
    lines = [line(n, dice.randrange(300)) for n in range(1000)]
    (tmp_path / "a.jsonl").write_bytes(b"".join(lines[:500]))
    (tmp_path / "b.jsonl").write_bytes(b"".join(lines[500:]))
    out = tmp_path / "sorted.jsonl"
    done = sort_events([str(tmp_path / "a.jsonl")], out, pytest.fail, memory=memory)
    assert done.events == 500
    assert (done.runs > 0) == (memory < 1 << 20)
    assert out.read_bytes() == b"".join(sorted(lines[:500], key=lambda one: json.loads(one)["time"]))
    sort_events([str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")], out, pytest.fail, memory=memory)
    assert sorted(out.read_bytes().splitlines(keepends=True)) == sorted(lines)
    times = [json.loads(one)["time"] for one in out.read_bytes().splitlines()]
    assert times == sorted(times)
    assert {path.name for path in tmp_path.iterdir()} == {"a.jsonl", "b.jsonl", "sorted.jsonl"}, (
        "nothing is left behind"
    )


def test_what_is_no_event_is_left_out_and_named(tmp_path: Path) -> None:
    """With its file and line; a packed output is packed."""
    (tmp_path / "a.jsonl").write_bytes(line(2, 9) + b"{\n\n" + line(1, 3))
    rejected = []
    done = sort_events(
        [str(tmp_path / "a.jsonl")], tmp_path / "out.jsonl.gz", lambda one, why: rejected.append((one.number, why.code))
    )
    assert gzip.decompress((tmp_path / "out.jsonl.gz").read_bytes()) == line(1, 3) + line(2, 9)
    assert rejected == [(2, "not_json")]
    assert (done.events, dict(done.rejected)) == (2, {"not_json": 1})


def test_a_file_without_events_replaces_nothing(tmp_path: Path) -> None:
    """What stood under the name of the output stays."""
    (tmp_path / "a.csv").write_text("id,time\n1,2024\n")
    (tmp_path / "out.jsonl").write_text("as it was")
    assert sort_events([str(tmp_path / "a.csv")], tmp_path / "out.jsonl", lambda *_: None).events == 0
    assert (tmp_path / "out.jsonl").read_text() == "as it was"


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Eight times as many lines take about as much memory."""
    peaks = []
    for count in (2_000, 16_000):
        source = tmp_path / f"{count}.jsonl"
        source.write_bytes(b"".join(line(n, count - n) for n in range(count)))
        tracemalloc.start()
        sort_events([str(source)], tmp_path / "out.jsonl", pytest.fail, memory=100_000)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0]

"""How files of events are read: names, order within a window, pipes, and which lines come too late."""

import gzip
import io
import json
import sys
from pathlib import Path

import pytest

from scorers.contract.events import DAY
from scorers.contract.rfc3339 import rfc3339
from scorers.contract.wire import Rejection
from vigia.runtime.files import event_lines
from vigia.runtime.files.event_lines import Order, lateness_of, read, wrong_order
from vigia.runtime.files.lines import Line

START = 1_704_067_200_000_000


def sale(day: int, identity: str = "", customer: str = "c1", amount: int = 100) -> bytes:
    event = {"id": identity or f"d{day}", "source": "till", "type": "purchase.completed",
             "time": rfc3339(START + day * DAY), "customer_id": customer, "amount_minor": amount, "currency": "EUR"}  # fmt: skip
    return json.dumps(event).encode()


def write(path: Path, *lines: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return str(path)


def values(lines: list[Line]) -> list[str]:
    return [one.event.code if isinstance(one.event, Rejection) else one.event.id for one in lines]


def in_window(window: int) -> Order:
    return Order(window, DAY)


def test_a_file_that_is_newest_first_is_sorted_within_the_window(tmp_path: Path) -> None:
    """As exports are; a line that is no event stays behind the event before it."""
    newest_first = [sale(day) for day in range(60, 0, -1)]
    source = write(tmp_path / "a.jsonl", *newest_first[:1], b"{", *newest_first[1:])
    found = values(list(read([source], order=in_window(1000))))
    assert found == [*(f"d{n}" for n in range(1, 61)), "not_json"]
    assert lateness_of([source], in_window(1000)).late == 0
    assert lateness_of([source], Order(0, DAY)).late == 58  # one day late is in time


def test_a_file_in_its_order_stays_in_it(tmp_path: Path) -> None:
    """A few late lines are late facts, and no wrong order."""
    lines = [sale(day) for day in range(1, 30)]
    late = [sale(day, f"late{day}") for day in range(1, 19)]
    source = write(tmp_path / "a.jsonl", *lines, *late)
    assert values(list(read([source], order=in_window(1000)))) == values(list(read([source])))
    assert lateness_of([source], in_window(1000)).late == 18


def test_what_a_window_cannot_sort_is_counted(tmp_path: Path) -> None:
    """Half a file newest first, with a window of a tenth of it."""
    source = write(tmp_path / "a.jsonl", *[sale(day) for day in range(600, 0, -1)])
    found = lateness_of([source], in_window(60))
    assert (found.facts, found.late) == (600, 538)
    assert wrong_order(found.late, found.facts)


def test_of_two_payloads_under_one_identity_the_first_read_stays_first(tmp_path: Path) -> None:
    """Sorting changes nothing about which of two counts, whatever their times."""
    newest_first = [sale(day) for day in range(60, 0, -1)]
    source = write(tmp_path / "a.jsonl", sale(50, "twice", amount=1), *newest_first, sale(3, "twice", amount=2))
    events = [line.event for line in read([source], order=in_window(1000))]
    amounts = [e.amount_minor for e in events if not isinstance(e, Rejection) and e.id == "twice"]  # type: ignore[union-attr]
    assert amounts == [1, 2]


def test_sorted_files_are_merged_with_others(tmp_path: Path) -> None:
    """Each file has a window of its own."""
    down = write(tmp_path / "down.jsonl", *[sale(day, f"down{day}") for day in range(40, 0, -1)])
    up = write(tmp_path / "up.jsonl", *[sale(day, f"up{day}") for day in range(1, 41)])
    found = values(list(read([down, up], order=in_window(1000))))
    assert found == [name for day in range(1, 41) for name in (f"down{day}", f"up{day}")]


def test_files_of_one_name_are_distinguished(tmp_path: Path) -> None:
    """By as many folders as it takes; a file that is given twice by a number."""
    names = ("north/2024/till.jsonl", "south/2024/till.jsonl", "north/desk.jsonl")
    paths = [write(tmp_path / name, sale(1)) for name in names]
    assert [line.file for line in read([*paths, paths[2]])] == [
        "north/2024/till.jsonl", "south/2024/till.jsonl", "desk.jsonl", "desk.jsonl#2"
    ]  # fmt: skip


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("mark", [b"", event_lines.BOM])
def test_packed_lines_and_a_byte_order_mark_are_read_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool, mark: bytes
) -> None:
    """From a file of any name and from standard input."""
    raw = mark + sale(1) + b"\n" + sale(2) + b"\n"
    raw = gzip.compress(raw) if packed else raw
    (tmp_path / "any").write_bytes(raw)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
    assert values(list(read([str(tmp_path / "any")]))) == values(list(read(["-"]))) == ["d1", "d2"]

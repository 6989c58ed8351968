"""The running system is asked: the roster and one customer, from what the workers tell on `customers`."""

import asyncio
import csv
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.faults.proof import Proof
from tests.kafka.running import time_of
from vigia.cli import main
from vigia.lab.embedded_kafka import PARTITIONS, EmbeddedKafka

pytest.importorskip("confluent_kafka")


@pytest_asyncio.fixture
async def running(tmp_path: Path) -> AsyncIterator[Proof]:
    with EmbeddedKafka() as broker:
        async with Proof(broker.address, "", tmp_path, PARTITIONS) as running:
            yield running


def event(kind: str, day: int, customer: str, **more: object) -> bytes:
    head = {"id": f"{kind}-{day}-{customer}", "source": "till", "type": kind, "time": f"2024-01-{day:02}T09:00:00Z"}
    return json.dumps({**head, "customer_id": customer, **more}).encode()


def sales(customer: str, *days: int) -> list[bytes]:
    return [event("purchase.completed", day, customer, amount_minor=1000, currency="EUR") for day in days]


def vigia(*words: object) -> int:
    try:
        main([str(word) for word in words])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def names(file: Path) -> list[str]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        return [row["Name"] for row in csv.DictReader(lines)]


async def test_the_running_system_can_be_asked(
    running: Proof, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody as they stand now, and nobody who was erased."""
    lines = [*sales("ana", 1, 3, 9), *sales("bea", 2), *sales("leo", 4), event("customer.described", 9, "ana", name="Ana Ruiz"),
             event("complaint.opened", 9, "ana", complaint_id="K1", severity="major")]  # fmt: skip
    monkeypatch.setenv("VIGIA_KAFKA", running.broker.address)
    running.start()
    running.tick()
    await running.publish(lines)
    await running.ticked(max(map(time_of, lines)))

    async def rostered(expected: list[str]) -> bool:
        assert await asyncio.to_thread(vigia, "roster", "--kafka", "--out", tmp_path / "all.csv") == 0
        return names(tmp_path / "all.csv") == expected

    await running.until(lambda: rostered(["Ana Ruiz", "bea", "leo"]))
    capsys.readouterr()
    assert await asyncio.to_thread(vigia, "customer", "show", "--kafka", "ana") == 0
    shown = capsys.readouterr().out
    assert "Ana Ruiz (ana)" in shown
    assert "on 3 days, EUR 30; last on 2024-01-09" in shown
    assert "raised    small-mishap" in shown
    address = ("--kafka", running.broker.address)
    assert await asyncio.to_thread(vigia, "customer", "show", "nobody", *address) == 2
    assert "'nobody': no such customer in the running system" in capsys.readouterr().err

    await running.publish([event("customer.erased", 9, "ana")])
    await running.until(lambda: rostered(["bea", "leo"]))
    assert await asyncio.to_thread(vigia, "customer", "show", "ana", "--kafka") == 2
    assert await running.stop() == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("roster", "--out", "a.csv"), "name files of events or the folder of a replay, or ask the running system"),
        (("roster", "a.jsonl", "--kafka", "--out", "a.csv"), "leave 'a.jsonl' out, or --kafka"),
        (("customer", "show", "ana", "--kafka", "--until", "2024-01-01T00:00:00Z"), "the running system has its own"),
    ],
)
def test_files_or_the_running_system(words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One of the two, and what belongs to files is refused for the other."""
    assert vigia(*words) == 2
    assert said in capsys.readouterr().err

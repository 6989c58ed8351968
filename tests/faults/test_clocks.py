"""F19: clocks of workers, of the one that ticks and of producers are wrong: what comes out follows from the events alone."""

import asyncio
import json
import random
import re
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from scorers.contract.events import DAY, HOUR, MINUTE, SECOND, TOPIC_OF, Instant
from scorers.contract.rfc3339 import rfc3339
from scorers.in_force.control import Tick, decode_control
from tests.faults.conftest import Note
from tests.faults.proof import LATER, Proof, simulated
from tests.kafka.running import time_of
from vigia.runtime.broker import INPUTS

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

WORLD = str(Path(__file__).parent / "world")
H = 3600
LIVE = DAY // 2  # what happens in the last half day comes while the clock ticks


class Case(NamedTuple):
    """By how many seconds clocks are wrong: of each worker, of the one that ticks, and of the producers by topic."""

    workers: tuple[int, ...] = (0,)
    ticking: int = 0
    then: int | None = None  # what all are set to halfway
    zone: str = "UTC"
    producers: tuple[int, ...] = (0,)


CASES = {
    "an hour ahead": Case((H,), H),
    "an hour behind": Case((-H,), -H),
    "set back by an hour": Case((0,), 0, then=-H),
    "set on by an hour": Case((0,), 0, then=H),
    "two workers two hours apart": Case((H, -H)),
    "a zone with summer time": Case(zone="Europe/Madrid"),
    "producers two hours apart": Case(producers=(H - 300, -H, 0, H // 2)),  # Kafka refuses what is an hour ahead
}


def ending(lines: list[bytes], at: int) -> list[bytes]:
    """The same events, the last of them at that instant."""
    on = at - max(map(time_of, lines))
    return [json.dumps({**json.loads(line), "time": rfc3339(time_of(line) + on)}).encode() for line in lines]


def set_clock(file: Path, wrong: int) -> None:
    """A clock is wrong by so many seconds from now on."""
    new = file.with_suffix(".new")
    new.write_text(str(wrong))
    new.rename(file)


async def publish(proof: Proof, lines: list[bytes], wrong: tuple[int, ...]) -> None:
    """Each topic has a producer of its own, who writes down when it sent a record by a clock of its own."""
    topics = sorted(INPUTS)
    for line in lines:
        event = json.loads(line)
        topic = TOPIC_OF[event["type"].split(".")[0]]
        at = time_of(line) / SECOND + wrong[topics.index(topic) % len(wrong)]
        key = event.get("customer_id")
        await proof.producer.send(
            proof.broker.name(topic), line, key=None if key is None else key.encode(), timestamp_ms=int(at * 1000)
        )
    await proof.producer.flush()


async def ticks(proof: Proof) -> list[int]:
    """What the partitions were told of the time, so far."""
    controls = [decode_control(one.value) for one in await proof.read("clock")]
    return [int(one.until) for one in controls if isinstance(one, Tick)]


@pytest.mark.parametrize("name", CASES)
async def test_alarms_follow_from_the_events_alone(
    proof: Proof, tmp_path: Path, seed: int, note: Note, name: str
) -> None:
    """States and alarms are those of a replay, which knows no clock, whoever's clock is wrong, stepped or in summer."""
    case, dice = CASES[name], random.Random(seed)
    began = int(time.time() * SECOND)
    lines = ending(simulated(tmp_path / "sim", 500, 20, seed), began)
    live = sum(time_of(line) > began - LIVE for line in lines)
    assert live > 15
    names = "ab"[: len(case.workers)]
    wrong = dict(zip([*names, "clock"], [*case.workers, case.ticking], strict=True))
    files = {who: tmp_path / f"{who}.time" for who in wrong}
    for who, seconds in wrong.items():
        set_clock(files[who], seconds)

    def world(who: str) -> dict[str, str]:
        return {"PYTHONPATH": WORLD, "WORLD_CLOCK": str(files[who]), "TZ": case.zone}

    for who in names:
        proof.start(who, VIGIA_MARGIN=LATER, **world(who))
    await publish(proof, lines[:-live], case.producers)
    await proof.drained()
    where = {"VIGIA_KAFKA": proof.broker.address, "VIGIA_PREFIX": proof.broker.prefix, "VIGIA_PARTITIONS": "4"}
    command = [sys.executable, "-m", "vigia", "clock", "--every", "0.1", "--metrics-port", "0"]
    proof.processes.start("clock", [*command, "--policy", str(proof.policy_file)], where | world("clock"))

    async def ticked() -> bool:
        return len(await ticks(proof)) >= 4

    await proof.until(ticked)
    for number, line in enumerate(lines[-live:]):
        if number == live // 2 and case.then is not None:
            for file in files.values():
                set_clock(file, case.then)
        await publish(proof, [line], case.producers)
        await asyncio.sleep(dice.uniform(0, 3 / live))
    await proof.drained()
    furthest = began + max(case.ticking, case.then or -H) * SECOND

    async def so_far() -> bool:
        return abs(max(await ticks(proof)) - furthest) < 5 * MINUTE

    await proof.until(so_far)
    for who in names:
        said = re.findall(r"^20.{17}", (tmp_path / f"{who}.log").read_text(), re.MULTILINE)
        ahead = datetime.fromisoformat(f"{said[0]}+00:00").timestamp() - began / SECOND
        assert case.zone != "UTC" or abs(ahead - wrong[who]) < 300, "the worker's clock was not wrong"
    assert await proof.processes.stop("clock") == 0
    await proof.drained()
    until = began + 3 * HOUR
    await proof.send_control(Tick(until=Instant(until)))
    await proof.drained()
    for who in names:
        assert await proof.stop(who) == 0
    verdict = await proof.verdict(lines, same_changes=False, until=until)
    note("F19", f"clocks: {name}", seed, 0, len(lines), verdict)
    assert verdict.exact(), verdict

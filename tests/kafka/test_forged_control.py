"""Whoever may write to `clock` of a real Kafka, and has no key, puts nothing in force."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from scorers.contract.events import DAY, Instant
from scorers.in_force.control import Control, PolicyInForce, Tick, encode_control
from streams.records.sealed_control import Headers, sealed
from streams.records.signing import keyring
from tests.kafka.running import Running
from tests.support.driver import instant, purchase
from tests.support.seals import signed_record
from vigia.runtime import dead_letter

pytestmark = pytest.mark.kafka

MAY = instant("2024-05-01T00:00:00Z")
OTHERS = keyring("a secret of somebody else")
REGULARS = [f"C{number}" for number in range(12)]
FUTURE = Tick(until=Instant(instant("2098-01-01T00:00:00Z")), follows=True)
POLICY = PolicyInForce(in_force=Instant(0), version="x", text="[silence]\nfloor = '1d'\n", sent=Instant(MAY))


@pytest_asyncio.fixture
async def running(kafka: str, tmp_path: Path) -> AsyncIterator[Running]:
    async with Running(kafka, f"forged-{uuid4().hex[:8]}.", tmp_path) as running:
        yield running


def forged(clock: str, partition: int) -> list[tuple[bytes, Headers]]:
    """Without a signature, with another key, for another partition or topic, and with the signature of another record."""
    unsigned: list[Control] = [FUTURE, POLICY]
    return [
        *((encode_control(control), ()) for control in unsigned),
        sealed(OTHERS, clock, partition, FUTURE),
        signed_record(FUTURE, partition + 1, clock),
        signed_record(FUTURE, partition, "clock"),
        (encode_control(FUTURE), signed_record(Tick(until=Instant(MAY)), partition, clock)[1]),
        (b"[" * 100_000, (("seal", b"x"),)),
    ]


async def test_a_worker_ignores_forged_control_records_and_goes_on(running: Running) -> None:
    """Before and between records that are signed: each is a dead letter, and the alarms are those without them."""
    clock, partitions = running.broker.name("clock"), range(running.settings.partitions)

    async def attack() -> None:
        for number in partitions:
            for value, headers in forged(clock, number):
                await running.producer.send_and_wait(clock, value, headers=list(headers), partition=number)

    async def drained() -> None:
        async def nothing_left() -> bool:
            return (await running.standing())[1] == 0

        await running.until(nothing_left)

    await attack()
    await running.publish(purchase(MAY + n * 3 * DAY, name) for n in range(8) for name in REGULARS)
    running.start()
    await running.send_control(Tick(until=Instant(MAY + 22 * DAY), follows=True))
    await drained()
    await attack()
    await drained()
    assert not [alarm for alarm in await running.alarms() if alarm.kind == "gone-quiet"]
    await running.send_control(Tick(until=Instant(MAY + 60 * DAY), follows=True))
    await drained()
    assert await running.stop() == 0
    alarms = await running.alarms()
    assert {alarm.customer_id for alarm in alarms if alarm.kind == "gone-quiet"} == set(REGULARS)
    assert max(alarm.time for alarm in alarms) <= MAY + 60 * DAY
    assert {alarm.policy_version for alarm in alarms} == {running.policy.version}
    letters = [dead_letter.read(record) for record in await running.read("dead-letters")]
    found = [letter.code for letter in letters if isinstance(letter, dead_letter.Letter)]
    assert found == ["bad_seal"] * (2 * len(partitions) * len(forged(clock, 0)))
    kept = [json.loads(line) for line in (await running.control()).read_bytes().splitlines()]
    assert {one["type"] for one in kept} == {"clock.ticked", "figures.in_force"}, "the dump has what was signed alone"
    assert max(one["until"] for one in kept if "until" in one) < "2025"

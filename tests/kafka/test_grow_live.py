"""`vigia partitions grow` on a real Kafka, while producers go on: nothing lost, nothing doubled, nothing sent twice."""

import asyncio
import signal
from pathlib import Path
from uuid import uuid4

import pytest

from scorers.contract.alarms import Alarm
from tests.alerts.pipeline.test_notifier import Desk
from tests.kafka.growing import GROW, POLICY, Growing, folder, forwarded, story
from tests.kafka.running import by_day

pytestmark = pytest.mark.kafka

BEFORE, AFTER = 2, 5


async def test_a_running_business_moves_to_more_partitions(kafka: str, tmp_path: Path) -> None:
    name = uuid4().hex[:6]
    lines = story(tmp_path / "sim", 60, 30)
    days = by_day(lines)
    async with (
        Desk().open() as desk,
        Growing(kafka, f"{name}-a-", folder(tmp_path, "old"), BEFORE, POLICY) as old,
    ):
        old.start()
        old.notify(desk.url)
        old.tick()
        old.train()
        await old.step_by_step(days[:14])
        await old.pause()
        await old.publish([line for day in days[14:17] for line in day])
        await old.progress()
        assert await old.stop() == 0  # in the midst of it
        await old.notified()
        assert await old.stop("n") == 0
        before = {change(alarm) for alarm in await old.alarms()}
        told = desk.got.qsize()
        growing = asyncio.create_task(old.grow(f"{name}-b-", AFTER))
        for day in days[17:20]:
            await old.publish(day)
            await asyncio.sleep(0.5)
        done = await growing
        assert done.returncode == 0, done.stderr
        async with Growing(kafka, f"{name}-b-", folder(tmp_path, "new"), AFTER, POLICY) as new:
            new.start()
            new.notify(desk.url)
            follow = [*GROW, "--to", new.broker.prefix, "--partitions", str(AFTER), "--follow"]
            old.processes.start("follow", follow, old.environment())
            await old.publish([line for day in days[20:22] for line in day])
            await forwarded(old, new)
            await new.drained()
            new.tick()
            new.train()
            await new.ticked(max(int(new.clock.newest), 1))
            await new.step_by_step(days[22:])
            await new.pause()
            await new.notified()
            assert await new.stop("n") == 0
            old.processes.signal("follow", signal.SIGTERM)
            assert await old.processes.died("follow") == 0
            await new.conclude(lines)
            verdict = await new.verdict(lines, least=20)
            assert verdict.exact(), verdict
            after = {change(alarm) for alarm in await new.alarms()}
            assert before < after
            ids = [desk.got.get_nowait()[0] for _ in range(desk.got.qsize())]
            assert len(ids) > told > 0
            assert len(set(ids)) == len(ids)
            again = await old.grow(new.broker.prefix, AFTER)
            assert "moved already; 0 more records forwarded" in again.stderr


def change(alarm: Alarm) -> tuple[str, str, int]:
    """What tells two changes of alarms apart."""
    return alarm.alarm_id, alarm.type, int(alarm.time)

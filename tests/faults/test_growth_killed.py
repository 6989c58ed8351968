"""`vigia partitions grow` killed in the middle, at moments that are drawn: repeated as it says, nothing is lost or doubled."""

import asyncio
import random
from pathlib import Path
from uuid import uuid4

import pytest

from tests.alerts.pipeline.test_notifier import Desk
from tests.faults.conftest import Note
from tests.kafka.growing import GROW, POLICY, Growing, folder, forwarded, story
from tests.kafka.running import by_day

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

BEFORE, AFTER = 2, 5
KILLS = 2
PATIENT = {"VIGIA_SESSION": "40"}  # a slow machine is no fault; a stopped worker is gone before `grow` gives up (50 s)


async def killed(old: Growing, to: str, pause: float) -> bool:
    """Start the command, and kill it so long after it has begun to create topics; whether that was before its end."""
    words = [*GROW, "--to", to, "--partitions", str(AFTER)]
    old.processes.start("grow", words, old.environment())

    async def has_created() -> bool:
        return bool(await made(old, to)) or old.workers["grow"].poll() is not None

    with old.processes.may_die("grow"):
        await old.until(has_created)
        await asyncio.sleep(pause)
        was_running = old.workers["grow"].poll() is None
        old.kill("grow")
    return was_running


async def made(old: Growing, to: str) -> list[str]:
    """The new topics that there are."""
    return [name for name in await old.admin.list_topics() if name.startswith(to)]


async def test_killed_while_it_grows(kafka: str, tmp_path: Path, seed: int, note: Note) -> None:
    """Killed before its end it is refused until its topics are deleted; killed while it follows it goes on where it was."""
    dice, name = random.Random(seed), uuid4().hex[:6]
    lines = story(tmp_path / "sim", 80, 36)
    days = by_day(lines)
    to = f"{name}-b-"
    async with Desk().open() as desk, Growing(kafka, f"{name}-a-", folder(tmp_path, "old"), BEFORE, POLICY) as old:
        old.start(**PATIENT)
        old.notify(desk.url)
        old.tick()
        old.train()
        await old.step_by_step(days[:12])
        await old.pause()
        await old.publish([line for day in days[12:16] for line in day])
        await old.progress()
        assert await old.stop() == 0  # in the midst of it
        await old.notified()
        assert await old.stop("n") == 0
        cut = 0
        for _ in range(KILLS):
            if await killed(old, to, dice.uniform(0.0, 2.0)):
                cut += 1
            again = await old.grow(to, AFTER)
            if again.returncode == 0:  # all was copied, it had only not said so
                assert "moved already" in again.stderr
            else:
                assert "exist already: choose another prefix, or delete them and repeat" in again.stderr
            await deleted(old, to)
        assert cut, "no kill came before the end of the command"
        await whole(old, to)
        await deleted(old, to)
        await whole(old, to)
        async with Growing(kafka, to, folder(tmp_path, "new"), AFTER, POLICY) as new:
            new.start(**PATIENT)
            new.notify(desk.url)
            follow = [*GROW, "--to", to, "--partitions", str(AFTER), "--follow"]
            for day in days[16:21]:
                old.processes.start("follow", follow, old.environment())
                await old.publish(day)
                await asyncio.sleep(dice.uniform(1.0, 6.0))
                old.kill("follow")
            old.processes.start("follow", follow, old.environment())
            await forwarded(old, new)
            await new.drained()
            new.tick()
            new.train()
            await new.ticked(max(int(new.clock.newest), 1))
            await new.step_by_step(days[21:])
            await new.pause()
            await new.notified()
            assert await new.stop("n") == 0
            assert await old.processes.stop("follow") == 0
            await new.conclude(lines)
            # What was forwarded in bursts was read topic by topic, so not every change on the way is that of a replay.
            verdict = await new.verdict(lines, same_changes=False)
            kills = old.processes.kills
            note(
                "D11",
                f"grow from {BEFORE} to {AFTER} partitions, killed while it copies and while it follows",
                seed,
                kills,
                len(lines),
                verdict,
            )
            assert verdict.exact(), verdict
            ids = [desk.got.get_nowait()[0] for _ in range(desk.got.qsize())]
            assert len(ids) == len(set(ids)) > 20


async def whole(old: Growing, to: str) -> None:
    """Let the command come to its end; what was copied to topics that were deleted counts for nothing."""
    done = await old.grow(to, AFTER)
    assert done.returncode == 0, done.stderr
    assert "moved already" not in done.stderr, "what was deleted counts as moved"


async def deleted(old: Growing, to: str) -> None:
    """Delete the new topics, and wait until none is left."""
    await old.admin.delete_topics(await made(old, to))

    async def are_gone() -> bool:
        return not await made(old, to)

    await old.until(are_gone)

"""A record at which the process dies, or stands still: it becomes a dead letter after one restart, and the rest is folded."""

from pathlib import Path
from uuid import uuid4
from zlib import crc32

import pytest

from streams.engine.liveness import EXIT_STATUS
from tests.faults.proof import simulated
from tests.kafka.running import Running
from vigia.runtime.crash.failpoints import chosen
from vigia.runtime.dead_letter import Letter, read

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize(("point", "status"), [("fatal", -9), ("slow", EXIT_STATUS)])
async def test_it_ends_the_worker_twice_and_never_again(kafka: str, tmp_path: Path, point: str, status: int) -> None:
    """The worker dies at its first reading and after one restart; the third start folds all others and says which it was."""
    lines = simulated(tmp_path / "sim", 40, 15, 5)
    bad = lines[len(lines) // 2]
    assert [line for line in lines if chosen(line, crc32(bad))] == [bad]
    armed = {"VIGIA_FAILPOINT": f"{point}:{crc32(bad)}", "VIGIA_SESSION": "6"}
    async with Running(kafka, f"fatal-{uuid4().hex[:8]}-", tmp_path, 2) as running:
        await running.publish(lines)
        with running.processes.may_die("a"):
            for _ in range(2):
                running.start("a", **armed)
                assert await running.died("a") == status
        running.start("a", **armed)

        async def all_folded() -> bool:
            return (await running.standing())[1] == 0

        await running.until(all_folded)
        letters = [
            letter for record in await running.read("dead-letters") if isinstance(letter := read(record), Letter)
        ]
        assert [(letter.code, letter.value) for letter in letters] == [("core_error", bad)]
        assert "died twice" in letters[0].detail
        assert await running.stop("a") == 0
    log = (tmp_path / "a.log").read_text()
    assert "which is folded once more" in log
    assert "which becomes a dead letter now" in log

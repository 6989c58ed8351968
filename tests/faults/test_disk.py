"""F12 and F13: a state directory that is full, or whose files were damaged, under the real worker."""

import json
import random
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from rocksdict import AccessType, Options, Rdict

from streams.engine.fences import unpack
from streams.engine.row_store import damaged_stores
from tests.faults.conftest import Note
from tests.faults.proof import LATER, Proof, simulated
from tests.kafka.processes import CHECKOUT
from tests.kafka.running import WORKER as COMMAND
from vigia.runtime.broker import INPUTS
from vigia.runtime.topics import WORKER

ONE = "purchases"  # topic of all events: none is read ahead of the others

pytestmark = [pytest.mark.kafka, pytest.mark.faults]


def flip(path: Path, dice: random.Random) -> None:
    """Damage some bytes of a file."""
    data = bytearray(path.read_bytes())
    for _ in range(max(1, len(data) // 20)):
        data[dice.randrange(len(data))] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize("what", ["MANIFEST", "CURRENT"])
async def test_a_damaged_store_is_put_aside(proof: Proof, tmp_path: Path, seed: int, note: Note, what: str) -> None:
    """Rows that cannot be read are put aside and had again from the changelog; whoever ends is started again."""
    dice = random.Random(seed)
    lines = simulated(tmp_path / "sim", 150, 40, seed)
    half = len(lines) // 2
    proof.start(VIGIA_MARGIN=LATER)
    await proof.publish(lines[:half])
    await proof.drained()
    proof.kill()
    files = [path for path in (proof.directory / "a").rglob(f"*.db/{what}*") if path.is_file()]
    assert files
    for path in files:
        flip(path, dice)
    with proof.processes.supervised("a", lambda name: proof.start(name, VIGIA_MARGIN=LATER)) as ended:
        proof.start(VIGIA_MARGIN=LATER)
        await proof.publish(lines[half:])
        await proof.drained()
    await proof.conclude(lines)
    assert len(ended) < 4, f"ended with {ended}"
    verdict = await proof.verdict(lines)
    note("F13", f"damaged {what}, {len(ended)} workers started again", seed, 1, len(lines), verdict)
    assert verdict.exact(), verdict


class SmallDisk:
    """A file system in memory that those see who are sent there; it lasts as long as a process that sleeps there."""

    def __init__(self, place: Path) -> None:
        place.mkdir()
        self._place = place
        mount = f"mount -t tmpfs -o size=100m tmpfs {place} && echo there && exec sleep 3600"
        self._holder = subprocess.Popen(["unshare", "-rm", "sh", "-c", mount], stdout=subprocess.PIPE, text=True)
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "there\n"

    def send(self, *command: str) -> list[str]:
        """The command, run by one who sees it."""
        there = f"--target={self._holder.pid}", f"--wd={CHECKOUT}"
        return ["nsenter", "--preserve-credentials", "--user", "--mount", *there, *command]

    @property
    def seen(self) -> str:
        """Where it is for those who were not sent there."""
        return f"/proc/{self._holder.pid}/root{self._place}"

    def leave_room(self, room: int) -> None:
        """Be so large that so many bytes are free."""
        size = f"remount,size={shutil.disk_usage(self.seen).used + room}"
        subprocess.run(self.send("mount", "-o", size, str(self._place)), check=True)

    def end(self) -> None:
        self._holder.kill()
        self._holder.communicate()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallDisk]:
    """The disk of worker `a`."""
    try:
        subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("who runs the tests may not mount a file system of his own")
    disk = SmallDisk(tmp_path / "a")
    yield disk
    disk.end()


async def beyond(proof: Proof, state: Path) -> dict[TopicPartition, int]:
    """By how much the last committed fact of each topic and partition is beyond the row of its customer on disk."""
    committed = await proof.admin.list_consumer_group_offsets(proof.broker.name(WORKER))
    last: dict[TopicPartition, Any] = {}
    for record in await proof.read(*INPUTS):
        place = TopicPartition(record.topic, record.partition)
        known = record.key is not None and json.loads(record.value)["type"] != "staff.pulse"  # which makes no row
        if known and place in committed and record.offset < committed[place].offset:
            last[place] = record
    found = {}
    for place, record in last.items():
        (database,) = state.rglob(f"*-{record.partition}.db")
        store = Rdict(str(database), options=Options(raw_mode=True), access_type=AccessType.read_only(False))
        fence, _ = unpack(store.get(record.key) or b"{}\n")
        store.close()
        stored = [at for source, at in fence.items() if source.startswith(f"{record.topic}@")]
        found[place] = record.offset - max(stored, default=-1)
    return found


async def test_a_disk_that_is_full(small: SmallDisk, proof: Proof, tmp_path: Path, seed: int, note: Note) -> None:
    """F12: the worker ends at the write that does not fit and commits nothing past it; with more room all is exact."""
    lines = simulated(tmp_path / "sim", 400, 60, seed)
    start = partial(proof.start, command=small.send(*COMMAND), VIGIA_MARGIN=LATER)
    half = len(lines) // 2
    start()
    await proof.publish(lines[:half], ONE)
    await proof.drained()
    small.leave_room(100_000)
    with proof.processes.may_die("a"):
        await proof.publish(lines[half:], ONE)
        assert await proof.died(within=30) != 0
        assert (await proof.standing())[1] > 0
        past = await beyond(proof, Path(shutil.copytree(small.seen, tmp_path / "copy")))
        assert past
        assert max(past.values()) <= 0, f"committed past what is on disk: {past}"
        start()
        assert await proof.died(within=30) != 0
    said = (tmp_path / "a.log").read_text()
    assert said.count("CRITICAL") == 1
    assert "No space left on device" in said
    assert not damaged_stores(Path(small.seen)), "a full disk is no damage"
    small.leave_room(100_000_000)
    start()
    await proof.conclude(lines)
    verdict = await proof.verdict(lines)
    note("F12", "worker: its disk is full", seed, 2, len(lines), verdict)
    assert verdict.exact(), verdict

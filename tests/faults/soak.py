"""`make soak HOURS=n`: workers count under random faults for hours; then everything must be exact and nothing grown.

`python -m tests.faults.soak HOURS` prints a line for each fault and, in the end, the line of the table. The faults are
those that a night brings: a worker killed or stopped (its disk kept or lost), a second one that joins and leaves, a
broker stopped or killed. Memory and open files are looked at in workers of equal age.
"""

import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

from tests.faults.verdict import Line, table
from tests.kafka.ledger import Ledger
from vigia.lab.local_kafka import LocalKafka

CALM = 20.0  # seconds between faults
CUSTOMERS, RATE = 5_000, 300
GROWTH = 1.3  # the last third of the measurements may be so much above the first


def weight(pid: int) -> tuple[int, int]:
    """Resident kilobytes and open files of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return resident, len(os.listdir(f"/proc/{pid}/fd"))


async def fault(ledger: Ledger, node: LocalKafka, dice: random.Random) -> str:
    """Do one of the things that happen; what it was."""
    match dice.randrange(5):
        case 0:
            ledger.kill()
            ledger.start()
            return "worker killed"
        case 1:
            ledger.kill()
            ledger.processes.wipe("a")
            ledger.start()
            return "worker killed, its disk lost"
        case 2:
            status = await ledger.stop()
            ledger.start()
            return f"worker stopped with {status}"
        case 3:
            with ledger.processes.supervised("b", ledger.start):
                ledger.start("b")
                await asyncio.sleep(dice.uniform(5, 15))
            if "b" in ledger.processes.running:
                ledger.kill("b")
            return "a second worker came and went"
    clean = dice.random() < 0.5
    await asyncio.to_thread(node.stop if clean else node.kill)
    await asyncio.to_thread(node.start)
    return "broker stopped" if clean else "broker killed"


async def soak(hours: float, seed: int) -> int:
    """Faults until the time is over; 0 if all is exact and nothing has grown."""
    dice = random.Random(seed)
    began, faults = time.monotonic(), 0
    weights: list[tuple[int, int]] = []
    with LocalKafka() as node, tempfile.TemporaryDirectory() as directory:
        async with Ledger(node.address, f"soak-{uuid4().hex[:8]}", Path(directory), seed) as ledger:
            ledger.start()
            with ledger.processes.supervised("a", ledger.start):
                async with ledger.traffic(CUSTOMERS, RATE):
                    while time.monotonic() - began < hours * 3600:
                        await asyncio.sleep(CALM)
                        weights.append(weight(ledger.processes.running["a"].pid))
                        what = await fault(ledger, node, dice)
                        faults += 1
                        minutes = (time.monotonic() - began) / 60
                        sys.stdout.write(f"{minutes:6.1f} min  {ledger.number:>9} events  {what}\n")
                        sys.stdout.flush()
                await ledger.until(lambda _, lag: lag == 0, within=600)
            verdict = await ledger.verdict()
            kills = ledger.processes.kills
    line = Line("L1", f"{hours:g} hours, {faults} faults", seed, kills, ledger.number, verdict)
    third = max(1, len(weights) // 3)
    growth = [
        statistics.median(w[n] for w in weights[-third:]) / statistics.median(w[n] for w in weights[:third])
        for n in (0, 1)
    ]
    sys.stdout.write("\n".join(table([line])) + f"\nmemory x{growth[0]:.2f}, open files x{growth[1]:.2f}\n")
    return 0 if verdict.exact() and max(growth) <= GROWTH else 1


if __name__ == "__main__":
    seed = int(os.environ.get("VIGIA_TEST_SEED") or random.randrange(1_000_000))
    sys.stdout.write(f"VIGIA_TEST_SEED={seed}\n")
    sys.exit(asyncio.run(soak(float(sys.argv[1]), seed)))

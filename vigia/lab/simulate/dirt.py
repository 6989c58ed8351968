"""Make a feed realistic: some lines are duplicated, late or damaged.

A damaged line is added and its original stays, so every event still arrives at least once.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from heapq import heappop, heappush
from random import Random

KINDS = ("duplicate", "late", "bad")
TIME = slice(9, 29)  # where a line holds its time, which comes first
DAMAGES: tuple[Callable[[bytes], bytes], ...] = (
    lambda line: line[: len(line) // 2] + b"\n",
    lambda line: line[:9] + b"yesterday" + line[29:],
    lambda line: line.replace(b'"id":', b'"ID":', 1),
    lambda line: line.replace(b'"type":"', b'"type":"strange.', 1),
    lambda line: line.replace(b'{"time"', b'{"schema_version":99,"time"', 1),
)
WITHIN_A_DAY, DAYS_LATE = (0.2, 20.0), (30.0, 120.0)  # hours
MOSTLY = 0.9


def dirtied(lines: Iterable[bytes], share: float, seed: int, count: Counter[str]) -> Iterator[bytes]:
    """Yield the sorted lines with duplicates, late and damaged ones; `count` gets the number of each."""
    rng = Random(f"vigia {seed} dirt")
    waiting: list[tuple[bytes, bytes]] = []
    for line in lines:
        while waiting and waiting[0][0] <= line[TIME]:
            yield heappop(waiting)[1]
        if rng.random() >= share:
            yield line
            continue
        kind = rng.choice(KINDS)
        count[kind] += 1
        if kind != "late":
            yield line
        if kind == "bad":
            yield rng.choice(DAMAGES)(line)
        else:
            heappush(waiting, (_delayed(rng, line[TIME]), line))
    while waiting:
        yield heappop(waiting)[1]


def _delayed(rng: Random, time: bytes) -> bytes:
    """Delay an instant: nine of ten times by less than a day."""
    hours = rng.uniform(*(WITHIN_A_DAY if rng.random() < MOSTLY else DAYS_LATE))
    return f"{datetime.fromisoformat(time.decode()) + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}".encode()

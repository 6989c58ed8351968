"""Write a simulated business to a folder: `events.jsonl` for Vigía, `truth.jsonl` to measure it."""

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from msgspec import Struct, json

from vigia.lab.simulate.dirt import dirtied
from vigia.lab.simulate.hours import Calendar
from vigia.lab.simulate.life import Layer
from vigia.lab.simulate.spool import Spool
from vigia.lab.simulate.staff import pulses
from vigia.lab.simulate.stories import live
from vigia.lab.simulate.world import World, build

START = 1_704_067_200_000_000
"""2024-01-01T00:00:00Z in microseconds."""
VALUE_CLASSES = ((0.05, "platinum"), (0.25, "gold"), (0.90, "iron"), (1.0, "lead"))
"""The cumulative share of buyers, ranked by expected yearly margin, at which each class ends."""


class Summary(Struct, frozen=True, kw_only=True):
    """What was written."""

    events: int  # without the lines that `dirt` adds
    by_type: dict[str, int]
    customers: int
    buyers: int
    left: int
    reasons: dict[str, int]
    grievances: dict[Layer, int]
    dirt: dict[str, int]


def simulate(
    customers: int,
    days: int,
    seed: int,
    out: Path,
    *,
    start: int = START,
    dirt: float = 0.0,
    world: World | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Summary:
    """Simulate and write; the same seed gives the same bytes, and a customer does not depend on the number of others.

    `start` is in microseconds since 1970, `dirt` the share of lines sent twice, late or damaged, `world` the parameters,
    and `progress` is called with (done, total).
    """
    for name, value in (("customers", customers), ("days", days)):
        if value < 1:
            raise ValueError(f"{name} = {value}: must be at least 1")
    if not 0.0 <= dirt <= 1.0:
        raise ValueError(f"dirt = {dirt}: a share lies between 0 and 1")
    calendar = Calendar(start // 1_000_000, days)
    scene = build(world or World(), calendar, seed)
    out.mkdir(parents=True, exist_ok=True)
    reasons: Counter[str] = Counter()
    grievances: Counter[Layer] = Counter()
    dirt_count: Counter[str] = Counter()
    worth: list[int] = []
    with tempfile.TemporaryDirectory(dir=out, prefix=".simulate-") as folder:
        spool = Spool(Path(folder))
        pulses(scene, seed, spool.put)
        unclassed, events, truths = Path(folder) / "unclassed", Path(folder) / "events", Path(folder) / "truths"
        with unclassed.open("wb") as file:
            for number in range(1, customers + 1):
                truth = live(scene, seed, number, spool.put)
                worth.append(truth.margin_year_minor if truth.purchases else -1)
                reasons.update([truth.reason] if truth.reason else [])
                grievances.update(mishap.voiced for mishap in truth.mishaps)
                file.write(json.encode(truth) + b"\n")
                if progress and (number % 500 == 0 or number == customers):
                    progress(number, customers)
        with events.open("wb") as file:
            weeks = spool.weeks()
            if dirt:
                file.writelines(dirtied(chain.from_iterable(weeks), dirt, seed, dirt_count))
            else:
                file.writelines(map(b"".join, weeks))
        with truths.open("wb") as file:
            file.writelines(_classed(unclassed, worth))
        os.replace(events, out / "events.jsonl")
        os.replace(truths, out / "truth.jsonl")
    return Summary(
        events=spool.by_type.total(),
        by_type=dict(sorted(spool.by_type.items())),
        customers=customers,
        buyers=sum(value >= 0 for value in worth),
        left=reasons.total(),
        reasons=dict(reasons.most_common()),
        grievances=dict(sorted(grievances.items())),
        dirt=dict(sorted(dirt_count.items())),
    )


def _classed(unclassed: Path, worth: list[int]) -> Iterator[bytes]:
    """Add each buyer's value class to the truths; it depends on all customers."""
    ranked = sorted((i for i, value in enumerate(worth) if value >= 0), key=lambda i: (-worth[i], i))
    classes = ["none"] * len(worth)
    for rank, i in enumerate(ranked):
        classes[i] = next(name for share, name in VALUE_CLASSES if rank < share * len(ranked))
    with unclassed.open("rb") as file:
        for line, name in zip(file, classes, strict=True):
            yield b'{"value_class":"%s",' % name.encode() + line[1:]

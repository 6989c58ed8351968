"""How many of those who leave are named in time, at a given number of names: `python -m tests.quality.leavers [CUSTOMERS] [DAYS] [SEED...]`.

A name is a customer in one silence, named once. The alarms name whom `gone-quiet` or `risk-high` is raised for; the worklist names, each week,
the entries with the highest net. Both are cut to the same number of names, as many as the build 9e75286 raised on the same business
(`BEFORE`), or as the alarms of today where that is not known. A name is right if the customer has left, or leaves within the horizon. A leaver, who
had bought on two occasions at least, is found if such a name came before the loss or within `SOON` days after it.
"""

import sys
import tempfile
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from scorers.contract.events import DAY
from scorers.contract.rfc3339 import parse_instant
from scorers.policy.tables import Policy
from streams.replay.replay import replay
from tests.quality.kinds import read
from vigia.lab.simulate import simulate

KINDS = ("gone-quiet", "risk-high")
SOON = 60 * DAY
WEEK = 7 * DAY
BEFORE: dict[tuple[int, int, int], int] = {}
"""By customers, days and seed of `vigia simulate`: how many names the build 9e75286 raised."""

Name = tuple[int, str]  # when, who


class Found(NamedTuple):
    """What a number of names brings."""

    names: int
    right: int
    leavers: int
    in_time: int
    ever: int

    def __str__(self) -> str:
        return (
            f"{self.names} names, {self.right / max(self.names, 1):.2f} right; of {self.leavers} leavers "
            f"{self.in_time / max(self.leavers, 1):.2f} named before or within {SOON // DAY} days, {self.ever / max(self.leavers, 1):.2f} ever"
        )


class Business:
    """A simulated business: who bought when, and who left."""

    def __init__(self, folder: Path) -> None:
        self.left: dict[str, int] = {}
        self.repeat: set[str] = set()
        for who in read(folder / "truth.jsonl"):
            if who["occasions"] > 1:
                self.repeat.add(who["customer_id"])
                if who["left_at"]:
                    self.left[who["customer_id"]] = int(parse_instant(who["left_at"]))
        self.bought: dict[str, list[int]] = defaultdict(list)
        for event in read(folder / "events.jsonl"):
            if event["type"] == "purchase.completed" and "customer_id" in event:
                self.bought[event["customer_id"]].append(int(parse_instant(event["time"])))
        for times in self.bought.values():
            times.sort()

    def fresh(self, names: Iterable[Name], seen: set[tuple[str, int]]) -> Iterator[Name]:
        """The names of repeat buyers, each once in a silence; `seen` holds those of before, and takes these."""
        for at, who in names:
            silence = bisect_right(self.bought[who], at)
            if who in self.repeat and silence > 1 and (who, silence) not in seen:
                seen.add((who, silence))
                yield at, who

    def judge(self, names: Sequence[Name], horizon: int) -> Found:
        """How many names are right, and how many leavers they find."""
        right = [(at, who) for at, who in names if who in self.left and self.left[who] <= at + horizon]
        soon = {who for at, who in right if at <= self.left[who] + SOON}
        return Found(len(names), len(right), len(self.left), len(soon), len({who for _, who in right}))


def raised(business: Business, alarms: Path) -> list[Name]:
    """Whom the alarms name, in their order."""
    found = sorted(
        (int(parse_instant(alarm["at"])), alarm["customer_id"])
        for alarm in read(alarms)
        if alarm["type"] == "alarm.raised" and alarm["kind"] in KINDS
    )
    return list(business.fresh(found, set()))


def listed(business: Business, worklist: Path, most: int, weeks: int) -> list[Name]:
    """Whom the worklist names, each week the same number as near as whole names allow; `most` in all."""
    entries = sorted(
        (int(parse_instant(entry["at"])), -entry["net_minor"], entry["customer_id"]) for entry in read(worklist)
    )
    names: list[Name] = []
    seen: set[tuple[str, int]] = set()
    start = entries[0][0] if entries else 0
    for week, these in groupby(entries, key=lambda entry: (entry[0] - start) // WEEK):
        best = sorted(these, key=lambda entry: (entry[1], entry[0]))
        room = round(most * (week + 1) / weeks) - len(names)
        for name in business.fresh(((at, who) for at, _, who in best), seen):
            if room <= 0:
                seen.discard((name[1], bisect_right(business.bought[name[1]], name[0])))
                break
            names.append(name)
            room -= 1
    return names


def measure(folder: Path, out: Path, days: int, before: int | None) -> dict[str, Found]:
    """What alarms and worklist of a run bring; `before` names, or as many as the alarms of the run."""
    business = Business(folder)
    told = raised(business, out / "alarms.jsonl")
    most = before or len(told)
    found = {"alarms": told, "worklist": listed(business, out / "worklist.jsonl", most, days // 7)}
    horizon = Policy().risk.horizon
    return {name: business.judge(names, horizon) for name, names in found.items()}


def main(customers: int = 2000, days: int = 730, *seeds: int) -> None:
    """Print a line for each seed and each way to name."""
    for seed in seeds or (1, 2, 3):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            simulate(customers, days, seed, folder)
            replay([str(folder / "events.jsonl")], folder / "out", Policy())
            found = measure(folder, folder / "out", days, BEFORE.get((customers, days, seed)))
            sys.stdout.write("".join(f"seed {seed}, {way}: {what}\n" for way, what in found.items()))
            sys.stdout.flush()


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))

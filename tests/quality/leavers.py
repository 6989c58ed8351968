"""How many of those who leave are named in time, at a given number of names: `python -m tests.quality.leavers [CUSTOMERS] [DAYS] [SEED...]`.

A name is a customer in one silence, named once. The alarms name whom `gone-quiet` or `risk-high` is raised for, each week the gravest first; the worklist
names, each week, the entries with the highest net. Both are cut to the same number of names, as many as the build 9e75286 raised on the same business
(`BEFORE`), or as the alarms of today where that is not known. A name is right if the customer has left, or leaves within the horizon. A leaver, who
had bought on two occasions at least, is found if such a name came before the loss or within `SOON` days after it.
"""

import sys
import tempfile
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import NamedTuple

from scorers.contract.alarms import SEVERITIES
from scorers.contract.events import DAY
from scorers.contract.rfc3339 import parse_instant
from scorers.policy.tables import Policy
from streams.replay.replay import replay
from tests.quality.lines import read
from vigia.lab.simulate import simulate

KINDS = ("gone-quiet", "risk-high")
SOON = 60 * DAY
WEEK = 7 * DAY
BEFORE = {(2000, 730, 1): 803, (2000, 730, 2): 779, (2000, 730, 3): 762}
"""By customers, days and seed of `vigia simulate`: how many names the build 9e75286 raised."""

Name = tuple[int, str]  # when, who
Offer = tuple[int, tuple[int, float], str]  # when, in which order, who


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


def raised(alarms: Path) -> list[Offer]:
    """Whom the alarms name: the gravest first, then by value times risk."""
    return [
        (
            int(parse_instant(a["at"])),
            (SEVERITIES.index(a["severity"]), -(a["risk"] or 0) * a["value_at_risk_minor"]),
            a["customer_id"],
        )
        for a in read(alarms)
        if a["type"] == "alarm.raised" and a["kind"] in KINDS
    ]


def listed(worklist: Path) -> list[Offer]:
    """Whom the worklist names: the highest net first."""
    return [
        (int(parse_instant(entry["at"])), (0, -entry["net_minor"]), entry["customer_id"]) for entry in read(worklist)
    ]


def weekly(business: Business, offers: list[Offer], most: int, weeks: int) -> list[Name]:
    """The first of each week, in all weeks the same number as near as whole names allow; `most` in all, fewer where a week has not enough."""
    names: list[Name] = []
    seen: set[tuple[str, int]] = set()
    start = min(offers)[0] if offers else 0
    for week, these in groupby(sorted(offers), key=lambda offer: (offer[0] - start) // WEEK):
        best = sorted(these, key=lambda offer: (offer[1], offer[0], offer[2]))
        room = round(most * (week + 1) / weeks) - len(names)
        names += islice(business.fresh(((at, who) for at, _, who in best), seen), max(room, 0))
    return names


def measure(folder: Path, out: Path, days: int, before: int | None) -> dict[str, Found]:
    """What alarms and worklist of a run bring; all alarms, and `before` names of each, or as many as there are of the alarms."""
    business = Business(folder)
    offers = {"alarms": raised(out / "alarms.jsonl"), "worklist": listed(out / "worklist.jsonl")}
    everything = weekly(business, offers["alarms"], 10**9, 1)
    found = {way: weekly(business, offered, before or len(everything), days // 7) for way, offered in offers.items()}
    horizon = Policy().risk.horizon
    return {name: business.judge(names, horizon) for name, names in ({"all alarms": everything} | found).items()}


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

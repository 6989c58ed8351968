"""How often silence is called wrongly, and who comes back: `python -m tests.quality.silences EVENTS.jsonl[.gz] RUN`.

RUN is the folder that `vigia replay EVENTS.jsonl --out RUN` has written. Two tables (J2, J8):

- `gone-quiet` of customers who came back, for each year between their first and last purchase, by their mean gap: 0.5 a year is meant
  whatever the rhythm. Customers with four purchase dates or more.
- `defected`, the two sorts apart: those that say "has most likely left" (from when it was said), and those that say "silent for long"
  only; of each the share that bought within 90 days, where so many days are left.
"""

import gzip
import json
import sys
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from scorers.contract.events import DAY
from scorers.contract.rfc3339 import parse_instant
from scorers.customer.lifecycle import LEFT
from tests.quality.lines import read

CLASSES = (2, 4, 7, 14, 30, 60, 120, 10_000)  # days between purchases, up to
FEWEST = 4  # purchase dates
WITHIN = 90 * DAY
YEAR = 365.25 * DAY

Bought = dict[str, list[int]]


class Sort(NamedTuple):
    """One sort of `defected`."""

    said: int
    judged: int
    back: int

    def __str__(self) -> str:
        share = f"{self.back / self.judged:.2f}" if self.judged else "-"
        return f"{self.said} customers, {self.judged} with 90 days left, of whom {share} bought again"


def purchases(events: Path) -> Bought:
    """When each customer bought, ascending."""
    bought: Bought = defaultdict(list)
    with gzip.open(events, "rt") if events.suffix == ".gz" else events.open() as file:
        for line in file:
            event = json.loads(line)
            if event["type"] == "purchase.completed" and event.get("customer_id"):
                bought[event["customer_id"]].append(int(parse_instant(event["time"])))
    for times in bought.values():
        times.sort()
    return bought


def false_a_year(bought: Bought, alarms: Path) -> list[tuple[int, int, float, int]]:
    """By the upper end of each class of mean gaps: customers, their years, and wrong `gone-quiet`."""
    wrong: dict[str, int] = defaultdict(int)
    for alarm in read(alarms):
        if alarm["type"] == "alarm.raised" and alarm["kind"] == "gone-quiet":
            who = alarm["customer_id"]
            wrong[who] += int(parse_instant(alarm["at"])) < bought[who][-1]
    table: dict[int, list[float]] = {most: [0, 0.0, 0] for most in CLASSES}
    for who, times in bought.items():
        dates = len({at // DAY for at in times})
        if dates >= FEWEST:
            lived = times[-1] - times[0]
            row = table[next(most for most in CLASSES if lived / DAY / (dates - 1) <= most)]
            row[0], row[1], row[2] = row[0] + 1, row[1] + lived / YEAR, row[2] + wrong[who]
    return [(most, int(n), years, int(count)) for most, (n, years, count) in table.items() if n]


def returns(bought: Bought, alarms: Path) -> dict[str, Sort]:
    """Who came back after which words of `defected`; `end` of the data is the last purchase of all."""
    first: dict[str, tuple[str, int]] = {}
    left: dict[str, tuple[str, int]] = {}
    for alarm in read(alarms):
        if alarm["kind"] == "defected" and alarm["type"] in ("alarm.raised", "alarm.updated"):
            first.setdefault(alarm["alarm_id"], (alarm["customer_id"], int(parse_instant(alarm["at"]))))
            if alarm["stage"] in LEFT:
                left.setdefault(alarm["alarm_id"], (alarm["customer_id"], int(parse_instant(alarm["time"]))))
    end = max(times[-1] for times in bought.values())
    milder = [said for name, said in first.items() if name not in left]
    sorts = {"has most likely left": list(left.values()), "silent for long only": milder}
    return {words: _sort(bought, said, end) for words, said in sorts.items()}


def _sort(bought: Bought, said: list[tuple[str, int]], end: int) -> Sort:
    judged = [(who, at) for who, at in said if end - at >= WITHIN and bought[who]]
    back = [who for who, at in judged if _next(bought[who], at) - at <= WITHIN]
    return Sort(len(said), len(judged), len(back))


def _next(times: list[int], at: int) -> int:
    place = bisect_right(times, at)
    return times[place] if place < len(times) else at + 2 * WITHIN


def report(events: Path, run: Path) -> Iterator[str]:
    """Both tables, for people."""
    bought = purchases(events)
    alarms = run / "alarms.jsonl"
    table = false_a_year(bought, alarms)
    yield "mean gap, up to days | customers | years | wrong gone-quiet a year"
    for most, customers, years, count in table:
        yield f"{most:>20} | {customers:>9} | {years:>5.0f} | {count / years:.2f}"
    yield f"all: {sum(row[3] for row in table) / sum(row[2] for row in table):.2f}"
    for words, sort in returns(bought, alarms).items():
        yield f"defected, {words}: {sort}"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in report(Path(sys.argv[1]), Path(sys.argv[2])))

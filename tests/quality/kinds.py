"""How good each kind of alarm is, against the truth of a simulation.

A leaver is a customer who, in the simulation, stopped coming for good on a certain day. An alarm of a customer is right
if that day lies before it or at most a horizon after it. Two lead times are told, in days: to that day itself, which
nobody can see and which silence can only follow, and to the day on which the loss was given as certain (`defected`).
"""

import json
import statistics
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from scorers.alarms.catalogue import KINDS, STATE_CHANGES
from scorers.contract.events import DAY
from scorers.contract.rfc3339 import parse_instant


class Row(NamedTuple):
    """One kind of alarm."""

    kind: str
    raised: int
    precision: float
    recall: float
    lead_to_leaving: float
    lead_to_certainty: float


def read(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def measure(truth: Path, alarms: Path, horizon: int) -> list[Row]:
    """A row for each kind, and one for all kinds together that come before certainty."""
    left: dict[str, int] = {}
    for person in read(truth):
        if person["left_at"] and person["purchases"]:
            left[person["customer_id"]] = parse_instant(person["left_at"])
    raised: dict[str, list[tuple[str, int]]] = defaultdict(list)
    certain: dict[str, int] = {}
    for alarm in read(alarms):
        if alarm["type"] == "alarm.raised" and alarm["kind"] not in STATE_CHANGES:
            at = parse_instant(alarm["at"])
            raised[alarm["kind"]].append((alarm["customer_id"], at))
            if alarm["kind"] == "defected":
                certain[alarm["customer_id"]] = at
    early = [one for kind, many in raised.items() if kind != "defected" for one in many]
    table = [(kind, raised[kind]) for kind in KINDS if kind in raised] + [("any but defected", early)]
    return [_row(kind, many, left, certain, horizon) for kind, many in table]


def _row(kind: str, many: list[tuple[str, int]], left: dict[str, int], certain: dict[str, int], horizon: int) -> Row:
    right = [(who, at) for who, at in many if who in left and left[who] <= at + horizon]
    first: dict[str, int] = {}
    for who, at in right:
        if at <= certain.get(who, at):
            first[who] = min(at, first.get(who, at))
    to_leaving = [(left[who] - at) / DAY for who, at in first.items()]
    to_certainty = [(certain[who] - at) / DAY for who, at in first.items() if who in certain]
    return Row(
        kind,
        len(many),
        len(right) / len(many),
        len(first) / len(left) if left else 0.0,
        statistics.median(to_leaving) if to_leaving else float("nan"),
        statistics.median(to_certainty) if to_certainty else float("nan"),
    )


def table(rows: list[Row]) -> str:
    """The rows for people."""
    head = ("kind", "raised", "precision", "recall", "days before leaving", "days before certainty")
    lines = ["| " + " | ".join(head) + " |", "|---|---|---|---|---|---|"]
    for r in rows:
        told = f"{r.lead_to_leaving:.0f} | {r.lead_to_certainty:.0f}"
        lines.append(f"| {r.kind} | {r.raised} | {r.precision:.2f} | {r.recall:.2f} | {told} |")
    return "\n".join(lines) + "\n"

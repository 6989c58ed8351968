"""What is judged, and by which question."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from scorers.contract.rfc3339 import parse_instant
from tests.quality import purchases, worlds
from tests.quality.history import History, Recorded
from tests.quality.purchases import Fact
from vigia.lab.simulate import simulate

EVERY_DAYS = 28


class DataSet(NamedTuple):
    """A shop and its question: who buys nothing within the horizon, asked every four weeks from a first day on."""

    read: Callable[[], History]
    horizon_days: int
    first_day: int


def _of(facts: Callable[[], list[Fact]]) -> Callable[[], History]:
    return lambda: History(facts())


def simulated(customers: int = 1200, days: int = 600, seed: int = 5) -> History:
    """The business of `vigia simulate`: requests, complaints, marks, campaigns and all."""
    with tempfile.TemporaryDirectory() as folder:
        simulate(customers, days, seed, Path(folder))
        lines = (Path(folder) / "events.jsonl").read_bytes().splitlines()
    facts = []
    for line in lines:
        event = msgspec.json.decode(line)
        if who := event.get("customer_id"):
            kind = "purchase" if event["type"] == "purchase.completed" else event["type"]
            money = event.get("amount_minor", 0) if kind == "purchase" else 0
            facts.append(Fact(int(parse_instant(event["time"])), who, kind, money, event.get("discount_minor", 0)))
    return Recorded(facts, lines)


PUBLIC = {
    "cdnow": DataSet(_of(purchases.cdnow), 91, 196),
    "complete-journey": DataSet(_of(purchases.complete_journey), 28, 84),
}
INVENTED = {
    "bg-nbd": DataSet(_of(worlds.bg_nbd), 91, 196),
    "pareto-nbd": DataSet(_of(worlds.pareto_nbd), 60, 140),
    "regular": DataSet(_of(worlds.regular), 45, 140),
    "regime": DataSet(_of(worlds.regime), 45, 200),
    "subscription": DataSet(_of(worlds.subscription), 45, 200),
    "gifts": DataSet(_of(worlds.gifts), 90, 420),
    "corner": DataSet(_of(worlds.corner), 45, 200),
    "b2b": DataSet(_of(worlds.b2b), 42, 200),
    "simulated": DataSet(simulated, 60, 180),
}
SETS = {**PUBLIC, **INVENTED}

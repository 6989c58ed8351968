"""What is judged, and by which question."""

from collections.abc import Callable
from typing import NamedTuple

from tests.quality import purchases, worlds
from tests.quality.purchases import Fact

EVERY_DAYS = 28


class DataSet(NamedTuple):
    """A shop and its question: who buys nothing within the horizon, asked every four weeks from a first day on."""

    read: Callable[[], list[Fact]]
    horizon_days: int
    first_day: int
    known_to: str = ""  # the rival whose own process made it, if any


PUBLIC = {
    "cdnow": DataSet(purchases.cdnow, 91, 196),
    "complete-journey": DataSet(purchases.complete_journey, 28, 84),
}
INVENTED = {
    "bg-nbd": DataSet(worlds.bg_nbd, 91, 196, "BG/NBD"),
    "pareto-nbd": DataSet(worlds.pareto_nbd, 60, 140),
    "regular": DataSet(worlds.regular, 45, 140),
    "regime": DataSet(worlds.regime, 45, 200),
    "subscription": DataSet(worlds.subscription, 45, 200),
    "gifts": DataSet(worlds.gifts, 90, 420),
    "corner": DataSet(worlds.corner, 45, 200),
    "b2b": DataSet(worlds.b2b, 42, 200),
}
SETS = {**PUBLIC, **INVENTED}

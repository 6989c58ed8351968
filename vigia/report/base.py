"""The figures of the base in `base.json` of a replay: who was lost and won, what customers bring with time, which deadlines were met."""

from pathlib import Path

import msgspec
from msgspec import Struct


class LostAndWon(Struct, frozen=True):
    """Customers lost and won in the newest window, of the base, a tier or a store, and the projected gap in money (L8)."""

    flow: str
    lost: int
    won: int
    currency: str | None
    gap_minor: int


class Tenure(Struct, frozen=True):
    """What a customer spends and costs in 28 days, by days since the first purchase and currency (P7)."""

    from_day: int
    to_day: int | None
    active_days: int
    spent_in_28_days_minor: dict[str, int]
    cost_in_28_days_minor: dict[str, int]


class Kept(Struct, frozen=True):
    """How many deadlines of a kind were met, by tier (X6)."""

    deadline: str
    tier: str
    met: int
    missed: int


class Base(Struct, frozen=True):
    """What the report shows of them; empty where a run wrote none."""

    flows: tuple[LostAndWon, ...] = ()
    tenure: tuple[Tenure, ...] = ()
    deadlines: tuple[Kept, ...] = ()
    days_since_lost: dict[str, int | None] = {}


def read_base(folder: Path) -> Base:
    """The figures of a run; a folder of an earlier version may have none."""
    path = folder / "base.json"
    return msgspec.json.decode(path.read_bytes(), type=Base) if path.is_file() else Base()

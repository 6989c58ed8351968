"""The state of one simulated customer, and the writer of the events.

`stories` and its neighbours decide what happens; this module only holds state.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from msgspec import Struct

from vigia.lab.simulate.hours import DAY, Calendar
from vigia.lab.simulate.people import Person
from vigia.lab.simulate.world import Scene

Stage = Literal["prospect", "first_time_buyer", "early_repeat_buyer", "core_customer"]
Layer = Literal["silent", "informal", "formal"]
Put = Callable[[int, str, str], None]
"""Takes an instant, an event type and its line."""

CORE_OCCASIONS, CORE_AGE = 5, 180 * DAY


class Mishap(Struct, frozen=True, kw_only=True):
    """A bad experience, voiced or not."""

    time: str
    event: str | None  # the purchase, request or promise that went wrong
    kind: str
    severity: str
    stage: Stage
    voiced: Layer
    remedy: str
    drove_out: bool  # whether it is the cause of leaving so far; an earlier cause may replace it


@dataclass(frozen=True, slots=True)
class Leaving:
    """The decision to leave: from `at` on this customer never buys again."""

    at: int
    reason: str
    cause_at: int
    cause: str | None
    voiced: Layer | None


class EventWriter:
    """Writes the events of one customer; events after the end of the period are dropped.

    Each line begins with time and id, so that lines sort as (time, id).
    """

    __slots__ = ("_calendar", "_customer", "_number", "_prefix", "_put")

    def __init__(self, calendar: Calendar, put: Put, prefix: str, customer_id: str | None) -> None:
        self._calendar = calendar
        self._put = put
        self._prefix = prefix
        self._customer = f',"customer_id":"{customer_id}"' if customer_id else ""
        self._number = 0

    def write(self, at: int, source: str, kind: str, fields: str = "") -> str:
        """Write one event, with its own fields as JSON text; return its id."""
        self._number += 1
        name = f"{self._prefix}-{self._number}"
        if at < self._calendar.end:
            stamp = self._calendar.stamp(at)
            line = f'{{"time":"{stamp}","id":"{name}","source":"{source}","type":"{kind}"{self._customer}{fields}}}\n'
            self._put(at, kind, line)
        return name


@dataclass(slots=True)
class Life:
    """The state of one customer at the current point of the simulation."""

    scene: Scene
    rng: Random
    writer: EventWriter
    who: Person
    mood: float
    met: int
    first: int = 0
    last: int = 0
    purchases: int = 0
    occasions: int = 0
    leaving: Leaving | None = None
    mishaps: list[Mishap] = field(default_factory=list)
    bonds: list[str] = field(default_factory=list)

    @property
    def until(self) -> int:
        """The end of this customer's activity: the day of leaving or the end of the period."""
        return self.leaving.at if self.leaving else self.scene.calendar.end

    @property
    def stage(self) -> Stage:
        """The stage, by occasions and age."""
        if self.occasions < 2:
            return "first_time_buyer" if self.occasions else "prospect"
        core = self.occasions >= CORE_OCCASIONS and self.last - self.first >= CORE_AGE
        return "core_customer" if core else "early_repeat_buyer"

    def bought(self, at: int) -> None:
        """Count a purchase; purchases of one day are one occasion."""
        if not self.purchases:
            self.first = at
        if not self.purchases or at // DAY != self.last // DAY:
            self.occasions += 1
        self.purchases += 1
        self.last = at

    def leave(self, at: int, reason: str, cause_at: int, cause: str | None = None, voiced: Layer | None = None) -> bool:
        """Set the day of leaving if it is earlier than the current one; return whether it was set."""
        at = max(at, self.last + 1, cause_at + 1)
        if at >= self.until:
            return False
        self.leaving = Leaving(at, reason, cause_at, cause, voiced)
        return True

    def feel(self, change: float) -> None:
        """Change the mood, which also drifts back to the person's own level."""
        mood = self.mood + 0.1 * (self.who.content - self.mood) + change
        self.mood = min(max(mood, 0.0), 1.0)

    def stars(self) -> int:
        """Draw the answer to a survey, 1 to 5, from the mood."""
        return min(5, max(1, round(1 + 4.4 * self.mood + self.rng.gauss(0.0, 0.5))))

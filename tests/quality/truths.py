"""What is true of a simulated business at an instant, for each kind of alarm that the simulation has a truth for.

The truth of customers is `truth.jsonl`: who left and when, what went wrong and whether they told. Troubles of stores and bad lots stand in no
file; the scene is drawn again from the seed.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from scorers.contract.events import DAY, SECOND
from scorers.contract.rfc3339 import parse_instant
from vigia.lab.simulate import START, World
from vigia.lab.simulate.hours import Calendar
from vigia.lab.simulate.staff import WARNS_BEFORE
from vigia.lab.simulate.stories import Truth
from vigia.lab.simulate.world import build

RECENT = 60 * DAY  # how long before an alarm the matter may have happened that it is about
SOON = 7 * DAY  # how long after an alarm about a deadline the customer feels that it has passed
AFTERMATH = 30 * DAY  # how long a store's trouble, or a bad lot, is heard of after its end
LOST_LATE = (
    180 * DAY
)  # within this time before an alarm about the base customers have left; a silence is long until it is a loss


class _Event(msgspec.Struct):
    type: str
    time: str
    customer_id: str | None = None


class Alarm(msgspec.Struct):
    """What is read of an alarm."""

    type: str
    kind: str
    severity: str
    at: str
    subject: "Subject"
    customer_id: str | None = None
    store_id: str | None = None

    @property
    def instant(self) -> int:
        """When it became true."""
        return int(parse_instant(self.at))


class Subject(msgspec.Struct):
    """What an alarm is about."""

    type: str
    id: str


class Business:
    """A simulated business and all that is true of it."""

    def __init__(self, folder: Path, days: int, seed: int) -> None:
        decode = msgspec.json.Decoder(Truth).decode
        self.truth = {one.customer_id: one for one in map(decode, (folder / "truth.jsonl").open("rb"))}
        self.left = {name: int(parse_instant(one.left_at)) for name, one in self.truth.items() if one.left_at}
        self.first = {
            name: int(parse_instant(one.first_purchase)) for name, one in self.truth.items() if one.first_purchase
        }
        self.bought: dict[str, list[int]] = defaultdict(list)
        self.seen: dict[str, int] = {}
        event_of = msgspec.json.Decoder(_Event).decode
        for event in map(event_of, (folder / "events.jsonl").open("rb")):
            if event.customer_id is not None and event.customer_id in self.truth:
                at = int(parse_instant(event.time))
                self.seen.setdefault(event.customer_id, at)
                if event.type == "purchase.completed":
                    self.bought[event.customer_id].append(at)
        self.names = sorted(self.seen)
        self.scene = build(World(), Calendar(START // SECOND, days), seed)
        self.start, self.end = START, START + days * DAY
        self.years = sum(self.end - at for at in self.first.values()) / (365 * DAY)
        self._mishaps: dict[str, list[tuple[int, str, bool]]] = {
            name: [(int(parse_instant(one.time)), one.kind, one.voiced == "silent") for one in who.mishaps]
            for name, who in self.truth.items()
            if who.mishaps
        }
        self._moves: dict[str, tuple[list[int], list[int]]] = {
            store: (_times(self.left, self.truth, store), _times(self.first, self.truth, store))
            for store in ("", *(one.id for one in self.scene.stores))
        }

    def leaves_by(self, who: str, until: int) -> bool:
        """Whether a customer has left by an instant."""
        return who in self.left and self.left[who] <= until

    def times_bought(self, who: str, at: int) -> int:
        """How often a customer has bought up to an instant."""
        return bisect_right(self.bought.get(who, []), at)

    def last_bought(self, who: str, at: int) -> int:
        """When a customer bought last up to an instant; 0 for never."""
        bought = self.times_bought(who, at)
        return self.bought[who][bought - 1] if bought else 0

    def had(self, who: str, at: int, kinds: tuple[str, ...] = (), *, silent: bool | None = None) -> bool:
        """Whether something went wrong for a customer lately: of these kinds, told or not."""
        return any(
            at - RECENT <= when <= at + SOON and (not kinds or kind in kinds) and silent in (None, kept_silent)
            for when, kind, kept_silent in self._mishaps.get(who, [])
        )

    def mishaps_of(self, who: str) -> list[int]:
        """When something went wrong for a customer, told or not."""
        return [when for when, _, _ in self._mishaps.get(who, [])]

    def in_trouble(self, store: str, at: int, before: int = 0) -> bool:
        """Whether a store is in trouble, or was lately, or will be after so long a time."""
        second = at // SECOND
        return any(
            one.id == store and begin - before // SECOND <= second < end + AFTERMATH // SECOND
            for one in self.scene.stores
            for begin, end in (one.trouble,)
            if end
        )

    def has_bad_lot(self, sku: str, at: int) -> bool:
        """Whether a bad lot of a product is sold, or was lately."""
        begin, end = self.scene.bad_lots.get(sku, (0, 0))
        return begin <= at // SECOND < end + AFTERMATH // SECOND

    def more_left(self, store: str, at: int) -> bool:
        """Whether more have left than come, of a store or, without one, of the base, in the time of which a loss is known by now."""
        left, came = (bisect_left(times, at) - bisect_left(times, at - LOST_LATE) for times in self._moves[store])
        return left > came


def _times(of: dict[str, int], truth: dict[str, Truth], store: str) -> list[int]:
    return sorted(at for name, at in of.items() if not store or truth[name].store_id == store)


class Given(NamedTuple):
    """The alarms of a run: those raised, and when each customer was given up."""

    raised: list[Alarm]
    given_up: dict[str, list[int]]


def raised(path: Path, kinds: frozenset[str]) -> Given:
    """The alarms that are raised, of some kinds."""
    decode = msgspec.json.Decoder(Alarm).decode
    found = [
        one for one in (decode(line) for line in path.open("rb") if b'"alarm.raised"' in line[:40]) if one.kind in kinds
    ]
    given_up: dict[str, list[int]] = defaultdict(list)
    for one in found:
        if one.kind == "defected" and one.customer_id is not None:
            given_up[one.customer_id].append(one.instant)
    return Given(found, {name: sorted(times) for name, times in given_up.items()})


Truths = Callable[[Business, str, int], bool]
"""Whether something is true of a subject, by name, at an instant."""


def leaving(horizon: int) -> Truths:
    """A customer has left, or leaves within the horizon."""
    return lambda business, who, at: business.leaves_by(who, at + horizon)


def stays_away(business: Business, who: str, at: int) -> bool:
    """A prospect does not buy within a month."""
    return not at < business.first.get(who, business.end) <= at + 30 * DAY


def in_decline(*reasons: str) -> Truths:
    """A customer who leaves for one of these reasons in the end has begun to come less often, or for less."""

    def truth(business: Business, who: str, at: int) -> bool:
        of = business.truth[who]
        return of.reason in reasons and of.cause_at is not None and int(parse_instant(of.cause_at)) <= at

    return truth


def had(*kinds: str, silent: bool | None = None) -> Truths:
    """Something went wrong for a customer lately."""
    return lambda business, who, at: business.had(who, at, kinds, silent=silent)


def in_trouble(business: Business, store: str, at: int) -> bool:
    """The staff of a store neither are asked nor thanked before and in its trouble."""
    return business.in_trouble(store, at, WARNS_BEFORE * SECOND)


def theme_is_true(business: Business, theme: str, at: int) -> bool:
    """A store is in trouble, or a product has a bad lot. A theme by reason is true if any is."""
    thing = theme.rpartition("/")[2]
    by, _, name = thing.partition(":")
    if by == "store":
        return business.in_trouble(name, at)
    if by == "sku":
        return business.has_bad_lot(name, at)
    return any(business.in_trouble(store.id, at) for store in business.scene.stores) or any(
        business.has_bad_lot(sku, at) for sku in business.scene.bad_lots
    )


def more_left(business: Business, name: str, at: int) -> bool:
    """More customers of the store have left than come; of a tier as of the base."""
    return business.more_left(name if any(name == store.id for store in business.scene.stores) else "", at)

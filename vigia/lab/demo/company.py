"""Invent what the data set lacks besides the service desk, labelled `simulated`: staff, the owner's opinion, bundles, a bad delivery.

Each is a story of the year that some kinds of alarms are about: staff of a store who are asked and thanked no more, an owner who thinks
better of silent customers than the risk does, bundles that end, and a store whose customers complain of one delivery.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

from scorers.contract.events import (
    DAY,
    HOUR,
    AnyEvent,
    BondEnded,
    BondStarted,
    ComplaintOpened,
    Instant,
    Micros,
    OwnerJudged,
    Purchase,
    StaffPulse,
)
from vigia.lab.demo.desk import SOURCE, silences

ASKED, THANKED = 60 * DAY, 20 * DAY  # how often staff are
STAFF = ((366 * DAY, 366 * DAY), (60 * DAY, 366 * DAY), (366 * DAY, 40 * DAY))
"""How long into the year the staff of the largest stores are asked, and thanked."""
JUDGED = 0.25  # share of the real silences in which the owner is asked, and thinks well of the customer
DELIVERY = 90 * DAY  # when a small store sells what is spoilt
BUYERS = range(3, 21)  # of that store within the month before
BUNDLES = 0.03  # share of the households with a bundle, which ends


class Company:
    """Invents the events of one year of a business with these purchases."""

    def __init__(self, purchases: Iterable[Purchase], seed: int, start: Micros, end: Micros) -> None:
        sales = [purchase for purchase in purchases if purchase.store_id]
        stores = Counter(str(purchase.store_id) for purchase in sales)
        self._sales = sales
        self._stores = [store for store, _ in stores.most_common()]
        self._seed, self._start, self._end = seed, start, end

    def events_of(self, visits: Mapping[str, Sequence[Micros]]) -> Iterator[AnyEvent]:
        """Yield the invented events, given the instants of each household's real purchases."""
        invented = [*self._staff(), *self._opinions(visits), *self._bundles(visits), *self._complaints()]
        return (event for event in invented if event.time < self._end)

    def _staff(self) -> Iterator[AnyEvent]:
        for store, (asked, thanked) in zip(self._stores, STAFF, strict=False):
            for at in range(self._start + 9 * HOUR, self._start + asked, ASKED):
                yield StaffPulse(**_fact(f"asked-{store}", at, store), store_id=store, pulse="asked")
                yield StaffPulse(
                    **_fact(f"answered-{store}", at + DAY, store), store_id=store, pulse="answered", score=4
                )
            for at in range(self._start + 10 * HOUR, self._start + thanked, THANKED):
                yield StaffPulse(**_fact(f"thanked-{store}", at, store), store_id=store, pulse="thanked")

    def _opinions(self, visits: Mapping[str, Sequence[Micros]]) -> Iterator[AnyEvent]:
        """The owner thinks well of some who stay away, two weeks into their silence."""
        for household, times in visits.items():
            rng = Random(f"vigia demo {self._seed} owner {household}")
            for last, _ in silences(times, self._end):
                if rng.random() < JUDGED:
                    yield OwnerJudged(**_fact(f"owner-{household}", last + 14 * DAY, household), good=True, by="owner")

    def _bundles(self, visits: Mapping[str, Sequence[Micros]]) -> Iterator[AnyEvent]:
        """Some households have a bundle from their third visit on, and lose it ten weeks later."""
        for household, times in visits.items():
            if len(times) > 3 and Random(f"vigia demo {self._seed} bundle {household}").random() < BUNDLES:
                yield BondStarted(**_fact(f"bundle-{household}", times[2] + HOUR, household), bond="bundle")
                yield BondEnded(**_fact(f"no-bundle-{household}", times[2] + 70 * DAY, household), bond="bundle")

    def _complaints(self) -> Iterator[AnyEvent]:
        """Nobody says who complains; those who bought there and say nothing are the matter."""
        at = self._start + DELIVERY
        recent = [sale for sale in self._sales if at - 30 * DAY <= sale.time < at and sale.customer_id]
        for store in self._stores:
            if len({sale.customer_id for sale in recent if sale.store_id == store}) in BUYERS:
                for n in range(8):
                    about = _fact(f"spoilt-{n}", at + n * 5 * HOUR, None)
                    yield ComplaintOpened(**about, complaint_id=f"spoilt-{n}", store_id=store, reason="spoilt")
                return


def _fact(name: str, at: Micros, about: str | None) -> dict[str, Any]:
    return {"id": f"{name}-{at // DAY}", "source": SOURCE, "time": Instant(at), "customer_id": about}

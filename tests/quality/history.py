"""Facts as a judge needs them: purchase days by customer, labels at origins, events of the contract."""

import json
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from scorers.contract.events import DAY, SECOND
from scorers.contract.rfc3339 import rfc3339
from tests.quality.judge import Origin
from tests.quality.purchases import Fact


class History:
    """All facts of a shop, by customer and day."""

    def __init__(self, facts: Sequence[Fact]) -> None:
        self.facts = facts
        self.bought: dict[str, list[int]] = defaultdict(list)  # days of purchase, each once
        for fact in facts:
            if fact.kind == "purchase":
                days = self.bought[fact.customer]
                if not days or days[-1] != fact.at // DAY:
                    days.append(fact.at // DAY)
        self.start = min(days[0] for days in self.bought.values())
        self.end = max(days[-1] for days in self.bought.values())

    def known(self, day: int) -> list[str]:
        """Who had bought by the end of a day."""
        return sorted(name for name, days in self.bought.items() if days[0] <= day)

    def buys(self, who: str, after: int, upto: int) -> bool:
        """Whether there is a purchase on the days (after, upto]."""
        days = self.bought[who]
        n = bisect_right(days, after)
        return n < len(days) and days[n] <= upto

    def origin(self, day: int, horizon: int) -> Origin:
        """What came true after the last second of a day."""
        who = self.known(day)
        inactive = np.array([not self.buys(name, day, day + horizon) for name in who], dtype=float)
        recent = np.array([self.buys(name, day - horizon, day) for name in who])
        return Origin(day, who, inactive, recent)

    def days_before(self, who: str, day: int) -> list[int]:
        """The days of purchase up to a day, that day included."""
        days = self.bought[who]
        return days[: bisect_left(days, day + 1)]

    def lines(self) -> Iterator[bytes]:
        """Every fact as a line of the contract."""
        for n, fact in enumerate(self.facts):
            yield json.dumps(wire(n, fact)).encode()


class Recorded(History):
    """A shop whose events tell more than facts can hold."""

    def __init__(self, facts: Sequence[Fact], events: Sequence[bytes]) -> None:
        super().__init__(facts)
        self.events = events

    def lines(self) -> Iterator[bytes]:
        """Every event as it was recorded."""
        return iter(self.events)


def last_second(day: int) -> int:
    """The instant at which an origin's scores are asked for."""
    return (day + 1) * DAY - SECOND


def wire(n: int, fact: Fact) -> dict[str, object]:
    """A fact as an event of the contract."""
    event: dict[str, object] = {
        "id": str(n),
        "source": "quality",
        "customer_id": fact.customer,
        "time": rfc3339(fact.at),
    }
    if fact.kind == "outreach":
        return event | {"type": "contact.made", "channel": "mail", "purpose": "marketing"}
    if fact.kind == "reward":
        return event | {"type": "reward.granted", "reward": "financial"}
    items = [{"sku": kind, "quantity": 1, "category": kind} for kind in fact.categories]
    money = {"amount_minor": fact.amount_minor, "currency": "USD", "discount_minor": fact.discount_minor}
    return event | {"type": "purchase.completed", "items": items} | money

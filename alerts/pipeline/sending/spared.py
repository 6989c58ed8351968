"""On whom nothing is to be spent: nobody is told of each alarm about them, and the digest says how many they are (T4)."""

from collections.abc import Iterable

from alerts.pipeline.incident import Delivery
from scorers.contract.events import DAY, Duration, Instant

RULE = "do_not_spend"
WITHIN: Duration = DAY


class Spared:
    """The customers whose alarms a route has held back by this rule within a day."""

    def __init__(self) -> None:
        self._last: dict[str, Instant] = {}

    def note(self, customer_id: str | None, deliveries: Iterable[Delivery]) -> None:
        """These deliveries of an alarm about the customer were decided."""
        if customer_id is not None:
            for one in deliveries:
                if one.rule == RULE and one.state == "stopped":
                    self._last[customer_id] = max(one.time, self._last.get(customer_id, Instant(0)))

    def forget(self, customer_id: str) -> None:
        """The customer was erased."""
        self._last.pop(customer_id, None)

    def count(self, now: Instant) -> int:
        """How many there were within a day."""
        self._last = {customer: at for customer, at in self._last.items() if now - at <= WITHIN}
        return len(self._last)

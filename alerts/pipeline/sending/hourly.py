"""How many notifications of an hour went alone on each channel, for the limit `per_hour`."""

from alerts.pipeline.incident import Delivery
from alerts.pipeline.stages import hour_of
from scorers.contract.events import Instant


class Hourly:
    """Counts by channel, of the newest hour only."""

    def __init__(self) -> None:
        self._counts: dict[str, tuple[Instant, int]] = {}

    def count(self, delivery: Delivery) -> None:
        """A delivery was decided; it counts if it goes alone."""
        hour = hour_of(delivery.time)
        alone = delivery.group == delivery.id and delivery.state != "stopped"
        if alone and hour >= self._counts.get(delivery.channel, (0, 0))[0]:
            self._counts[delivery.channel] = (hour, self.sent_alone(delivery.channel, hour) + 1)

    def sent_alone(self, channel: str, hour: Instant) -> int:
        """How many went alone in this hour."""
        at, count = self._counts.get(channel, (hour, 0))
        return count if at == hour else 0

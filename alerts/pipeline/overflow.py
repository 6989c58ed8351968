"""What a full queue does with further deliveries: they are folded into one digest an hour, counted and not held.

A queue holds each waiting delivery with its alarm, so their number is bounded. A tenth of the places is reserved for critical
alarms. A delivery that finds no place waits in the digest of its hour without its alarm: its incident has it. The digest
lists the most severe and valuable alarms of all that were folded, and says how many others there are, by severity.
"""

from collections import Counter
from collections.abc import Iterable

import msgspec

from alerts.channels.contract import change_id
from alerts.pipeline.incident import Delivery
from alerts.pipeline.stages import hour_of
from alerts.wording.message import LISTED, rank
from scorers.contract.alarms import SEVERITIES, Alarm
from scorers.contract.events import HOUR, Instant

RULE = "folded"
RESERVED = 10  # one place of so many is kept for critical alarms


def has_place(delivery: Delivery, waiting: int, places: int) -> bool:
    """Whether a queue with so many waiting deliveries holds one more."""
    return waiting < (places if delivery.severity == "critical" else places - -(-places // RESERVED))


def is_folded(delivery: Delivery) -> bool:
    """Whether it waits in a digest of an overflow."""
    return delivery.rule == RULE


def folded(delivery: Delivery, waiting: int) -> Delivery:
    """The delivery as a part of the digest of its hour, without its alarm.

    One that waits for a full hour already, as those over the limit of their channel do, goes at that hour.
    """
    begun = hour_of(delivery.due)
    due = begun if begun == delivery.due > delivery.time else Instant(hour_of(max(delivery.time, delivery.due)) + HOUR)
    return msgspec.structs.replace(
        delivery,
        rule=RULE,
        detail=f"{waiting} were waiting, so it goes with the digest",
        due=due,
        group=change_id(delivery.channel, RULE, due),
        alarm=None,
    )


class Listed:
    """The alarms that the digests of an overflow list: at most twice `LISTED` for each digest."""

    def __init__(self) -> None:
        self._alarms: dict[str, dict[str, Alarm]] = {}

    def add(self, delivery: Delivery, alarm: Alarm) -> None:
        """An alarm was folded into the digest of the delivery's group."""
        some = self._alarms.setdefault(delivery.group, {})
        some[delivery.id] = alarm
        if len(some) >= 2 * LISTED:
            best = sorted(some.items(), key=lambda item: rank(item[1]))[:LISTED]
            self._alarms[delivery.group] = dict(best)

    def of(self, group: str, deliveries: Iterable[Delivery]) -> dict[str, Alarm]:
        """The listed alarms that are still among these deliveries, by the delivery."""
        some = self._alarms.get(group, {})
        best = sorted(((one.id, some[one.id]) for one in deliveries if one.id in some), key=lambda item: rank(item[1]))
        return dict(best[:LISTED])

    def forget(self, group: str) -> None:
        """The digest is done."""
        self._alarms.pop(group, None)


def by_severity(deliveries: Iterable[Delivery]) -> dict[str, int]:
    """How many there are of each severity, the most severe first."""
    counts = Counter(delivery.severity for delivery in deliveries)
    return {severity: counts[severity] for severity in SEVERITIES if counts[severity]}

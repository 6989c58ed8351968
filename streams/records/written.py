"""When a record was written, as far as that can be believed: no event may lie more than a day ahead of it."""

import time
from typing import Any, Final

from scorers.contract.events import DAY, Instant, Micros

AHEAD = DAY  # how far an event may be ahead of the time at which its record was written
BY_THE_BROKER: Final = 1  # the type of a timestamp that Kafka set; any other is the producer's


def written_at(record: Any) -> Micros:
    """The Kafka timestamp of a record; this host's clock where a producer chose a later time, or none."""
    written: Micros = (record.timestamp or 0) * 1_000
    if record.timestamp_type == BY_THE_BROKER:
        return written
    now = time.time_ns() // 1_000
    return written if 0 < written <= now else now


def is_ahead(time: Instant, record: Any) -> bool:
    """Whether an event claims a time more than a day after its record was written."""
    return int(time) > written_at(record) + AHEAD

"""Which rows of customers are due on the topic `customers`, and their records.

A row is published at a tick after it has changed, the row of an erased customer at once as null. Publishing a row costs about
half an event, so a tick spends on it a share of the time in which the process had nothing to do since the last one, and the
rest waits: a customer with many events is published once, and a worker that is behind its inputs catches up first. What waited when a partition was lost is not known to its next owner, who therefore publishes
all rows again, at the same pace.
"""

from collections.abc import Callable, Iterator
from time import perf_counter, process_time

import msgspec

from scorers.contract.events import Micros
from scorers.in_force.context import Context
from scorers.subjects.customer import CUSTOMER
from scorers.subjects.customer_row import customer_row
from streams.engine.batching_producer import Output
from streams.worker.rows.row_timelines import RowTimelines

SHARE, MOST = 0.1, 0.02  # of the idle time since the last tick, and seconds at one tick; at least one row

_encode = msgspec.json.Encoder().encode


class PublishedCustomers:
    """The rows of one partition to publish; `topic` is the name of the topic `customers`."""

    def __init__(
        self,
        topic: str,
        timelines: RowTimelines,
        ctx: Context,
        clock: Callable[[], float] = perf_counter,
        busy: Callable[[], float] = process_time,
    ) -> None:
        self._topic, self._timelines, self._ctx = topic, timelines, ctx
        self._clock, self._busy = clock, busy
        self._recovered = (
            bytearray()
        )  # names with a line feed each, which no id contains: a million are a few megabytes
        self._at = 0
        self._last, self._last_busy = clock() - 1.0, busy()

    def recover(self, key: bytes) -> None:
        """A customer's row was stored earlier: it is published again."""
        self._recovered += key
        self._recovered += b"\n"

    @property
    def waiting(self) -> int:
        """How many changed rows wait, without the recovered ones."""
        return len(self._timelines.changed)

    def gone(self) -> list[Output]:
        """The tombstones of customers whose rows the record at hand has deleted."""
        return [Output(self._topic, name.encode(), None) for name in self._timelines.take_gone()]

    def due(self, now: Micros) -> list[Output]:
        """The rows to publish at a tick, as of an instant."""
        began, busy = self._clock(), self._busy()
        idle = max(0.0, (began - self._last) - (busy - self._last_busy))
        self._last, self._last_busy = began, busy
        until = began + min(MOST, SHARE * idle)
        outputs = []
        for name in self._names():
            timeline = self._timelines.peek(name)
            if timeline is None or timeline.subject is not CUSTOMER or not timeline.state.first_seen:
                continue
            at = max(now, int(timeline.state.last_fact))
            outputs.append(Output(self._topic, name.encode(), _encode(customer_row(timeline, at, self._ctx))))
            if self._clock() >= until:
                break
        return outputs

    def _names(self) -> Iterator[str]:
        """Names of rows to publish: first those that have changed, then the recovered ones; each is taken as it is yielded."""
        changed = self._timelines.changed
        while changed:
            name = next(iter(changed))
            del changed[name]
            yield name
        while self._at < len(self._recovered):
            end = self._recovered.index(b"\n", self._at)
            name = self._recovered[self._at : end].decode()
            self._at = end + 1
            yield name
        self._recovered, self._at = bytearray(), 0

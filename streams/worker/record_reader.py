"""Reads the event of a record, or says why the record must be rejected."""

from collections.abc import Callable, Mapping
from typing import Any

from scorers.contract.events import AnyEvent, CustomerErased, Instant
from scorers.contract.rejection import Rejection
from scorers.contract.wire import decode
from streams.engine.rows import Rows
from streams.records.written import is_ahead
from streams.worker.partition_state import PartitionState
from streams.worker.rows.row_timelines import RowTimelines
from streams.worker.rows.stored_row import StoredRow
from vigia.runtime.erasures import customer_of, null_id

TOO_FAR = "time is more than a day ahead of the record's Kafka timestamp"


class RecordReader:
    """Reads the records of one partition. `plain` gives the plain name of a topic, `home` the partition of a key."""

    def __init__(
        self,
        rows: Rows[StoredRow],
        timelines: RowTimelines,
        state: PartitionState,
        plain: Mapping[str, str],
        home: Callable[[bytes], int] | None,
    ) -> None:
        self._rows, self._timelines, self._state = rows, timelines, state
        self._plain, self._home = plain, home

    def read(self, record: Any) -> AnyEvent | Rejection:
        """The event of a record, or why it must be rejected."""
        if record.value is None:
            return self._forget(record)
        event = decode(record.value)
        if isinstance(event, Rejection):
            return event
        customer = event.customer_id
        if record.key != (None if customer is None else customer.encode()):
            return Rejection("key_mismatch", "the record's key is not its customer_id", event.id, event.source)
        if customer is not None and (fault := self._misrouted(record)):
            return Rejection("key_mismatch", fault, event.id, event.source)
        if is_ahead(event.time, record):
            return Rejection("bad_time", TOO_FAR, event.id, event.source)
        return event

    def _misrouted(self, record: Any) -> str:
        """Why a new customer does not belong to this partition; empty if it does.

        A producer with another partitioner would split a customer into two.
        """
        if self._home is None or self._rows.get(record.key) is not None:
            return ""
        home = self._home(record.key)
        if home == record.partition:
            return ""
        return f"the key belongs to partition {home}: its producer must spread keys by murmur2, as Java's clients do"

    def _forget(self, record: Any) -> AnyEvent | Rejection:
        """The erasure that a null value requests: forget everything known of the key's customer up to now."""
        name = customer_of(record.key)
        if not name:
            return Rejection("key_mismatch", "neither a value nor a key that names a customer")
        if fault := self._misrouted(record):
            return Rejection("key_mismatch", fault)
        timeline = self._timelines.get(name)
        known = timeline.state.last_fact if timeline is not None else 0
        at = Instant(max(known, self._state.progress.clock))
        plain = self._plain.get(record.topic, record.topic)
        event_id = null_id(plain, record.partition, record.offset)
        return CustomerErased(id=event_id, source=record.topic, time=at, customer_id=name)

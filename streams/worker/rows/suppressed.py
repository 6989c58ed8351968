"""What remains of the erased customers of one partition: a row for each, under a keyed hash of the id and without the id.

The customer's own row is deleted, and a changelog forgets a deletion after some time. So when a partition is opened, the row of a
customer that is older than its suppression is recognised and deleted again: a disk from before an erasure brings nobody back.
"""

import logging

import msgspec

from scorers.contract.events import Micros
from scorers.partition.suppression import Suppression
from scorers.timeline.row import decode_row
from streams.engine.rows import Rows
from streams.worker.rows.stored_row import StoredRow
from vigia.runtime.privacy.keyed_hash import KeyedHash

log = logging.getLogger(__name__)

GONE = b"\x00gone:"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Suppression).decode


def until_of(data: bytes) -> Micros:
    """Up to when the facts of an erased customer stay out, of a stored suppression."""
    return _decode(data).until


class RowSuppressions:
    """Suppressions by the customer's name, stored as rows of the partition."""

    def __init__(self, rows: Rows[StoredRow], hashes: KeyedHash) -> None:
        self._rows, self._hashes = rows, hashes
        self._until: dict[bytes, Micros] = {}  # by the row's key; a row whose change was undone may be missing
        self._unreadable = 0

    def recover(self, key: bytes, data: bytes) -> None:
        """Take a stored suppression; they are read before the rows of customers, because of their keys."""
        if key[len(GONE) :].split(b":")[0].decode() not in self._hashes.names:
            if not self._unreadable:
                log.error(
                    "partition %d has suppressions of erased customers under another key: their late facts would be taken "
                    "again; set VIGIA_PRIVACY_KEY to the former key, or to the new and the former one",
                    self._rows.partition,
                )
            self._unreadable += 1
        self._until[key] = _decode(data).until

    def is_stale(self, name: str, row: StoredRow) -> bool:
        """Whether a stored row is of a customer who was erased after it was written."""
        key = self._key(name)
        return key is not None and isinstance(row.data, bytes) and decode_row(row.data).erased < self._until[key]

    def get(self, name: str, /) -> Suppression | None:
        """The suppression of a customer; None if there is none."""
        key = self._key(name)
        row = None if key is None else self._rows.get(key)
        return _decode(row.data) if row is not None and isinstance(row.data, bytes) else None

    def __setitem__(self, name: str, suppression: Suppression, /) -> None:
        key = GONE + self._hashes.of(name).encode()
        self._rows.put(key, StoredRow.of_partition(_encode(suppression)))
        self._until[key] = suppression.until

    def digests(self, identity: str, /) -> tuple[str, ...]:
        """The keyed hashes of an erasure's identity, which may contain the customer's id; the first is the one to store."""
        return tuple(self._hashes.all(identity))

    def _key(self, name: str) -> bytes | None:
        if not self._until:
            return None
        return next((key for one in self._hashes.all(name) if (key := GONE + one.encode()) in self._until), None)

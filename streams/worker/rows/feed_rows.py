"""The rows of what feeds reported in a partition: one for each feed, written with the next flush after it has changed."""

from scorers.partition.feed_log import FeedLog, Heard
from streams.engine.rows import Rows
from streams.worker.rows.stored_row import StoredRow

FEED_ROW = b"\x00feed:"


class FeedRows(FeedLog):
    """The feeds of one partition, kept in its rows. A record that a row holds already is not counted again."""

    def __init__(self, rows: Rows[StoredRow]) -> None:
        super().__init__(str(rows.partition), self._put, self._holds_record)
        self._rows = rows

    def _put(self, heard: Heard) -> None:
        key = FEED_ROW + heard.feed.encode()
        if heard.runs or heard.feed in self.heard:
            self._rows.put(key, StoredRow.of_partition(heard))
        else:
            self._rows.delete(key)

    def _holds_record(self, feed: str) -> bool:
        return self._rows.folded(FEED_ROW + feed.encode())

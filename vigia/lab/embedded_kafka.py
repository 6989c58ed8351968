"""A broker inside the process, for the demo and for tests without Java: the mock cluster of confluent-kafka.

It speaks the Kafka protocol to any client on this machine, holds everything in memory and ends with the process. Topics
are created with four partitions on first use; creating topics by request, compaction and describing settings are not
supported. It keeps the newest 5 MB of each partition, so older records must be read in time.
"""

from types import TracebackType
from typing import Self

from vigia.runtime.distribution import install

PARTITIONS = 4  # of every topic; fixed in the library


class EmbeddedUnavailable(RuntimeError):
    """The embedded broker cannot run here; the message says how to fix it."""


class EmbeddedKafka:
    """One mock broker; clients connect to `address` until `stop`."""

    def __init__(self) -> None:
        try:
            from confluent_kafka import Producer
        except ImportError as missing:
            raise EmbeddedUnavailable(
                f"the embedded broker needs confluent-kafka: {install('demo')}, or start a Kafka (make kafka)"
            ) from missing
        self._owner = Producer({"test.mock.num.brokers": 1, "log_level": 3})
        broker = next(iter(self._owner.list_topics(timeout=10).brokers.values()))
        self.address = f"{broker.host}:{broker.port}"

    def create(self, *topics: str) -> None:
        """Create topics, each with PARTITIONS partitions."""
        for topic in topics:
            self._owner.list_topics(topic, timeout=10)

    def stop(self) -> None:
        """Stop the broker and discard its data."""
        del self._owner

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

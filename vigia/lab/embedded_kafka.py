"""A broker inside the process, for the demo and for tests without Java: the mock cluster of confluent-kafka.

It speaks the Kafka protocol to any client on this machine, keeps everything in memory and is gone with its process.
Topics appear with four partitions when they are first asked for; it cannot create them by request, compact or check.
It keeps the newest five megabytes of each partition: whoever needs what is older has to read it in time.
"""

from types import TracebackType
from typing import Self

PARTITIONS = 4  # fixed in the library: every topic of the mock cluster has as many


class EmbeddedUnavailable(RuntimeError):
    """The embedded broker cannot run here; the message says how to mend it."""


class EmbeddedKafka:
    """One mock broker: `address` is where clients connect while it lives."""

    def __init__(self) -> None:
        try:
            from confluent_kafka import Producer
        except ImportError as missing:
            raise EmbeddedUnavailable(
                "the embedded broker needs confluent-kafka: pip install 'vigia[demo]', or start a Kafka (make kafka)"
            ) from missing
        self._owner = Producer({"test.mock.num.brokers": 1, "log_level": 3})
        broker = next(iter(self._owner.list_topics(timeout=10).brokers.values()))
        self.address = f"{broker.host}:{broker.port}"

    def create(self, *topics: str) -> None:
        """Make topics exist, each with PARTITIONS partitions."""
        for topic in topics:
            self._owner.list_topics(topic, timeout=10)

    def stop(self) -> None:
        """Forget the broker and all that was written to it."""
        del self._owner

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

"""The processor of one partition on rows in memory, driven record by record as the engine drives it."""

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, Instant
from scorers.contract.lessons import Lesson
from scorers.contract.wire import decode_alarm
from scorers.in_force.control import Control, FiguresInForce, Tick
from scorers.in_force.figures import FigureBook
from scorers.partition.routing import FEED_PREFIX
from scorers.policy.reading import parse_policy
from scorers.policy.tables import Policy
from scorers.risk.columns import FEATURES_VERSION, WIDTH
from streams.engine.batching_producer import Output
from streams.engine.rows import Rows
from streams.metrics.worker import WorkerMetrics
from streams.records.signing import Keyring
from streams.records.written import BY_THE_BROKER
from streams.worker.partition_processor import PartitionProcessor
from streams.worker.reports import Report, decode_report
from streams.worker.rows.stored_row import CODEC, StoredRow
from tests.support.driver import BASE_PREFIX, instant
from tests.support.hashes import HASHES
from tests.support.seals import KEYS, signed_record

MAY = instant("2024-05-01T00:00:00Z")
LATE = (
    instant("2099-01-01T00:00:00Z") // 1_000
)  # no event of a test is ahead of it, unless the test says when it was written


class Record(NamedTuple):
    topic: str
    offset: int
    key: bytes | None
    value: bytes | None
    partition: int = 0
    timestamp: int = LATE
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp_type: int = BY_THE_BROKER


class Memory:
    """A store that is a dict; like RocksDB it gives rows in the order of their keys."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}

    def get(self, partition: int, key: bytes) -> bytes | None:
        return self.rows.get(key)

    def items(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        return iter(sorted(self.rows.items()))

    def scrub(self, partition: int) -> int:
        return 0

    def write(self, partition: int, rows: Sequence[tuple[bytes, bytes | None]], offset: int) -> None:
        for key, value in rows:
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = value


class Desk:
    """A processor on rows in memory, driven as the engine drives it."""

    def __init__(self, policy: str = "", partition: int = 0, partitions: int = 1, keys: Keyring = KEYS) -> None:
        self.policy, self.keys = parse_policy(policy), keys
        self.partition, self.partitions = partition, partitions
        self.store = Memory()
        self.log: list[Record] = []
        self.offsets: dict[str, int] = {}
        self.outputs: list[Output] = []
        self.open()

    def open(self) -> None:
        """Begin a run: rows are recovered."""
        self.rows: Rows[StoredRow] = Rows(self.partition, self.store, CODEC)
        self.metrics = WorkerMetrics()
        self.processor = PartitionProcessor(
            self.rows, self.policy, lambda plain: plain, self.metrics, HASHES, self.keys, partitions=self.partitions
        )
        for key, row in self.rows.recovered():
            self.processor.recover(key, row)

    def send(self, topic: str, value: bytes | None, key: bytes | None = None, written: int = LATE) -> list[Output]:
        """Fold one new record; its key is the customer's unless one is given."""
        if key is None and value is not None and topic != "clock":
            try:
                key = json.loads(value).get("customer_id", "").encode() or None
            except (ValueError, AttributeError):
                key = None
        return self.receive(topic, key, value, written=written)

    def receive(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: tuple[tuple[str, bytes], ...] = (),
        written: int = LATE,
    ) -> list[Output]:
        """Fold one new record as it is on its topic; Kafka wrote it at `written`, in milliseconds."""
        offset = self.offsets[topic] = self.offsets.get(topic, -1) + 1
        self.log.append(Record(topic, offset, key, value, self.partition, written, headers))
        return self.fold(self.log[-1])

    def fold(self, one: Record) -> list[Output]:
        """Fold a record as the engine does; the outputs are sent at once."""
        if not self.rows.begin(one.topic, one.offset, one.key):
            return []
        outputs = self.processor.fold(one)
        self.outputs += outputs
        return outputs

    def control(self, control: Control) -> list[Output]:
        """Fold one new control record, signed with the keys of the tests."""
        value, headers = signed_record(control, self.partition)
        return self.receive("clock", None, value, headers)

    def tick(self, at: int, follows: bool = False) -> list[Output]:
        return self.control(Tick(until=Instant(at), follows=follows))

    def flush(self, share: float = 1.0) -> None:
        """Write the changed rows, or only a share of them, as a process that dies in the middle does."""
        changed = list(self.rows.take_changed())
        self.store.write(0, changed[: round(len(changed) * share)], 0)

    def alarms(self) -> list[Alarm]:
        return [a for o in self.outputs if o.topic == "alarms" and isinstance(a := decode_alarm(o.value or b""), Alarm)]

    def subjects(self) -> set[str]:
        """The names of the subjects that have a row, without the feeds, which every fact makes known."""
        rows = self.rows._cache.items()
        names = {key.decode() for key, row in rows if row is not None and not key.startswith(b"\x00")}
        return {name for name in names if not name.startswith((FEED_PREFIX, BASE_PREFIX))}

    def codes(self) -> list[str]:
        return [dict(o.headers)["code"].decode() for o in self.outputs if o.topic == "dead-letters"]

    def reports(self) -> list[Report]:
        return [decode_report(o.value or b"") for o in self.outputs if o.topic == "figures" and o.key == Report.KEY]


def figures(policy: Policy, day: int, at: int) -> FiguresInForce:
    """The figures of a base of sixty buyers, in force from an instant on."""
    book = FigureBook(policy)
    book.add([(day, "year:EUR", 900 + n, 1) for n in range(60)])
    return FiguresInForce.of(day, msgspec.structs.replace(book.close(day), in_force=at))


def a_lesson() -> Lesson:
    return Lesson(
        customer_id="C1",
        asked_at=Instant(MAY),
        answered_at=Instant(MAY + 11 * DAY),
        horizon=10 * DAY,
        features=(0.5,) * WIDTH,
        inactive=True,
        rules=0.4,
        predicted=0.4,
        model_version="cold",
        features_version=FEATURES_VERSION,
    )

"""A read model on a broker of its own: what stands on the topics, and what the tables say of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer

from scorers.contract.alarms import Alarm
from scorers.contract.events import AlarmAction, CustomerErased, Instant
from scorers.contract.wire import encode_alarm, encode_event
from scorers.contract.worklist import WorklistEntry
from tests.support.hashes import HASHES
from vigia.lab.embedded_kafka import EmbeddedKafka
from vigia.readmodel.store.following import Follower
from vigia.readmodel.store.model import ReadModel
from vigia.readmodel.store.sqlite.store import SqliteStore
from vigia.readmodel.store.tables import Store
from vigia.runtime.broker import Broker
from vigia.runtime.rights.table import PROCESSES, READ_MODEL

NOW = Instant(1_709_632_800_000_000)  # 2024-03-05T10:00:00Z
T = Any


def a_customer(customer: str, name: str = "", **changed: Any) -> bytes:
    """A row of `customers`."""
    row = {
        "customer_id": customer,
        "name": name or None,
        "stage": "core_customer",
        "tier": "gold",
        "loyalty_type": "loyal",
        "risk": 0.5,
        "value_at_risk_minor": 10_000,
        "currency": "EUR",
        "last_purchase": "2024-01-05T00:00:00Z",
        "store_id": "s1",
        "occasions": 5,
        "rhythm": {
            "visits": ["2023-12-08T10:00:00Z", "2023-12-22T10:00:00Z", "2024-01-05T00:00:00Z"],
            "gap_days": 14.0,
            "quiet_after": "2024-02-05T00:00:00Z",
        },
    }
    return msgspec.json.encode(row | changed)


def an_entry(customer: str, rank: int = 1, date: str = "2024-03-05", **changed: Any) -> WorklistEntry:
    """An entry of a worklist."""
    fields: dict[str, Any] = {
        "date": date,
        "at": Instant(NOW),
        "rank": rank,
        "customer_id": customer,
        "risk": 0.7,
        "horizon_days": 90.0,
        "worth_minor": 10_000,
        "expected_loss_minor": 7_000,
        "save_chance": 0.2,
        "cost_minor": 500,
        "net_minor": 900,
        "currency": "EUR",
        "stage": "core_customer",
        "tier": "gold",
        "reasons": (),
        "treatment": "help",
        "alarms": (),
        "funded": True,
        "held_out": False,
        "final": True,
        "listed": 1,
        "not_listed": 0,
    }
    return WorklistEntry(**(fields | changed))


def an_action(
    alarm_id: str | None, action: str = "ack", by: str = "Eva", after: int = 1, **changed: Any
) -> AlarmAction:
    """What somebody did, so many seconds after `NOW`."""
    fields: dict[str, Any] = {
        "id": f"{alarm_id}-{action}-{by}-{after}",
        "source": "desk",
        "time": Instant(NOW + after * 1_000_000),
        "customer_id": "C1",
        "alarm_id": alarm_id,
        "action": action,
        "by": by,
    }
    return AlarmAction(**(fields | changed))


class Desk:
    """A broker, and a read model that may follow it."""

    def __init__(self, broker: Broker, store: Callable[[], Store], producer: AIOKafkaProducer) -> None:
        self.broker, self.store, self.producer = broker, store, producer
        self.now = int(NOW) + 3_600_000_000
        self.follows = False
        self.model = self.fresh()

    def fresh(self) -> ReadModel:
        """The store as a process that starts sees it."""
        self.model = ReadModel(self.store(), lambda: self.now)
        return self.model

    @asynccontextmanager
    async def following(self) -> AsyncIterator[Follower]:
        """Follow the topics while the block runs, from what is there on."""
        follower, stop = (
            Follower(self.fresh(), self.broker.limited_to(PROCESSES["console"].names), HASHES),
            asyncio.Event(),
        )
        running = asyncio.create_task(follower.run(stop))
        try:
            await self.until(lambda: self.model.fresh_at)
            self.follows = True
            yield follower
        finally:
            self.follows = False
            stop.set()
            await running
            self.model.close()

    async def until(self, true: Callable[[], object]) -> None:
        """Wait for it to be so."""
        async with asyncio.timeout(60):
            while not true():
                await asyncio.sleep(0.02)

    async def send(self, topic: str, key: str | None, value: bytes | None, headers: Any = ()) -> None:
        """A record that stands on a topic, and in the read model if it follows."""
        sent = await self.producer.send_and_wait(
            topic, value, key=None if key is None else key.encode(), headers=list(headers)
        )
        if self.follows:
            assert await self.model.reached(topic, sent.partition, sent.offset, 20.0)

    async def alarms(self, *alarms: Alarm) -> None:
        """Changes of alarms, in this order."""
        handed = [await self.producer.send("alarms", encode_alarm(one), key=one.subject.id.encode()) for one in alarms]
        for sent in await asyncio.gather(*handed):
            if self.follows:
                assert await self.model.reached("alarms", sent.partition, sent.offset, 20.0)

    async def act(self, action: AlarmAction) -> None:
        """What somebody did."""
        await self.send("alarm-actions", action.customer_id, encode_event(action))

    async def erase(self, customer: str, at: Instant) -> None:
        """The customer asked to be forgotten."""
        event = CustomerErased(id="e1", source="crm", time=at, customer_id=customer)
        await self.send("feedback", customer, encode_event(event))


def file_of(tmp_path: Path) -> Path:
    """The file of a read model in a folder."""
    return tmp_path / "console" / "readmodel.sqlite"


@asynccontextmanager
async def a_desk(tmp_path: Path, store: Callable[[], Store] | None = None) -> AsyncIterator[Desk]:
    """A broker with the topics of a read model; without a store it is a file."""
    with _kafka() as kafka:
        producer = AIOKafkaProducer(bootstrap_servers=kafka.address)
        await producer.start()
        try:
            yield Desk(Broker(kafka.address), store or (lambda: SqliteStore(file_of(tmp_path))), producer)
        finally:
            await producer.stop()


@contextmanager
def _kafka() -> Iterator[EmbeddedKafka]:
    with EmbeddedKafka() as kafka:
        kafka.create(*READ_MODEL, "purchases")  # to which rejected records are sent back
        yield kafka

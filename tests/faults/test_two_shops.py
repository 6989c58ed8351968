"""Two shops on one Kafka: none can reach what is the other's, and a flood of one under its quota does not stop the other."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from tests.faults.conftest import POLICY, Note
from tests.faults.proof import LATER, Proof, simulated
from tests.kafka.growing import folder
from tests.kafka.processes import CHECKOUT
from tests.support.least_rights import MECHANISM
from vigia.lab.local_kafka import LocalKafka
from vigia.runtime.topics import TOPICS

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

SHOPS = {"north": "open-sesame-4715", "south": "open-barley-4716"}
"""By shop the password of its users: one named like it, and one of its till. Each has all rights on the prefix of its shop."""
USERS = {name: password for shop, password in SHOPS.items() for name in (shop, f"{shop}-till")}
QUOTA = 15_000  # bytes per second that the till of the south may produce
ONE = "purchases"  # topic of all events: none is read ahead of the others
REFUSED = {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED}


@pytest.fixture(scope="module")
def node() -> Iterator[LocalKafka]:
    """A node that asks who comes, with one right on a prefix for each shop, as docs/operations.md says."""
    with LocalKafka(listeners={"ASKED": "SASL_PLAINTEXT"}, properties=MECHANISM, users=USERS) as node:
        admin = AdminClient({"bootstrap.servers": node.address})
        kinds = ResourceType.TOPIC, ResourceType.GROUP, ResourceType.TRANSACTIONAL_ID
        rights = [
            AclBinding(
                kind,
                f"{shop}-",
                ResourcePatternType.PREFIXED,
                f"User:{user}",
                "*",
                AclOperation.ALL,
                AclPermissionType.ALLOW,
            )
            for user in USERS
            for shop in [user.removesuffix("-till")]
            for kind in kinds
        ]
        for made in admin.create_acls(rights).values():
            made.result(60)
        yield node


def limited(node: LocalKafka, user: str) -> None:
    """Give a user its quota, by the command of docs/operations.md."""
    words = ["--bootstrap-server", node.address, "--alter", "--add-config", f"producer_byte_rate={QUOTA}"]
    command = node._java("kafka.admin.ConfigCommand", *words, "--entity-type", "users", "--entity-name", user)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


class Shop(Proof):
    """Workers and a till that log in as their shop."""

    def __init__(self, node: LocalKafka, shop: str, test: str, directory: Path) -> None:
        super().__init__(node.address, f"{shop}-{test}-", folder(directory, shop), 2, POLICY)
        self.shop, self.door = shop, node.addresses["ASKED"]
        self.slowed: list[float] = []  # for how long Kafka has held back the till, each time

    def environment(self, prefix: str = "") -> dict[str, str]:
        return {
            "VIGIA_KAFKA": self.door,
            "VIGIA_KAFKA_USER": self.shop,
            "VIGIA_KAFKA_PASSWORD": SHOPS[self.shop],
            "VIGIA_PREFIX": prefix or self.broker.prefix,
            "VIGIA_PARTITIONS": str(self.settings.partitions),
            "VIGIA_SEAL": self.settings.seal,
            "VIGIA_STATE": str(self.directory / "command"),
        }

    def open(self) -> None:
        """Start a worker."""
        self.start(
            **self.environment() | {"VIGIA_STATE": str(self.directory / "a")}, VIGIA_MARGIN=LATER, VIGIA_SESSION="60"
        )

    def client(self, user: str = "") -> dict[str, Any]:
        """What any client of the shop is configured by."""
        return {
            "bootstrap.servers": self.door,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user or self.shop,
            "sasl.password": SHOPS[self.shop],
        }

    def command(self, *words: str, prefix: str = "") -> tuple[int, str]:
        """Run a command as the shop, also under the prefix of another one; status and output."""
        done = subprocess.run(
            [sys.executable, "-m", "vigia", *words],
            cwd=CHECKOUT,
            env=os.environ | self.environment(prefix),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def sell(self, lines: list[bytes]) -> None:
        """Publish all events as fast as Kafka lets the shop."""
        slow = {"throttle_cb": lambda event: self.slowed.append(event.throttle_time)}
        refused: list[KafkaError] = []
        till = Producer(
            self.client(f"{self.shop}-till") | slow | {"partitioner": "murmur2_random", "batch.size": 4_000}
        )

        def done(fault: KafkaError | None, _: object) -> None:
            if fault is not None:
                refused.append(fault)

        for line in lines:
            key = name_of(line)
            till.produce(self.broker.name(ONE), line, key=key, on_delivery=done)
            till.poll(0)
        assert till.flush(240) == 0, "events are still not acknowledged after four minutes"
        assert refused == []


def name_of(line: bytes) -> bytes | None:
    """The key of an event."""
    name = msgspec.json.decode(line).get("customer_id")
    return None if name is None else name.encode()


async def test_one_right_on_its_prefix_is_all_that_a_shop_needs(node: LocalKafka, tmp_path: Path) -> None:
    """It makes its topics and works; of the other shop it can neither read nor write a topic, nor join a group."""
    north, south = (Shop(node, shop, "rights", tmp_path) for shop in SHOPS)
    ours, theirs = south.broker, north.broker
    for shop in (north, south):
        status, said = shop.command("topics", "apply")
        assert status == 0, said
    status, said = south.command("topics", "check", prefix=theirs.prefix)
    assert status != 0, said
    event = tmp_path / "event.jsonl"
    event.write_bytes(simulated(tmp_path / "sim", 5, 5, 1)[0] + b"\n")
    assert south.command("publish", str(event))[0] == 0
    for words in (("publish", str(event)), ("alarms", "tail", "--until-now"), ("worker", "--metrics-port", "0")):
        status, said = south.command(*words, prefix=theirs.prefix)
        assert status in (2, 3), (words, said)
        assert theirs.prefix in said, (words, said)
    for topic in TOPICS:
        assert written(south, ours.name(topic.name)) is None
        assert written(south, theirs.name(topic.name)) == KafkaError.TOPIC_AUTHORIZATION_FAILED
        assert read(south, theirs.name(topic.name), ours.name("vigia")) in REFUSED
    assert read(south, ours.name(ONE), theirs.name("vigia")) in REFUSED
    assert read(south, ours.name(ONE), ours.name("other")) is None


def written(shop: Shop, topic: str) -> int | None:
    """The code of the error of a record that the shop writes; None if it is taken."""
    found: list[int | None] = []
    till = Producer(shop.client())
    till.produce(topic, b"x", key=b"x", on_delivery=lambda fault, _: found.append(fault and fault.code()))
    assert till.flush(60) == 0
    return found[0]


def read(shop: Shop, topic: str, group: str) -> int | None:
    """The code of the error of a consumer of the shop; None if records come."""
    consumer = Consumer(shop.client() | {"group.id": group, "auto.offset.reset": "earliest"})
    try:
        consumer.subscribe([topic])
        message = consumer.poll(60)
        assert message is not None, f"neither records nor an error of {topic} within a minute"
        return None if (fault := message.error()) is None else fault.code()
    except KafkaException as refused:
        return int(refused.args[0].code())
    finally:
        consumer.close()


async def test_a_flood_under_its_quota_does_not_stop_the_other_shop(
    node: LocalKafka, tmp_path: Path, seed: int, note: Note
) -> None:
    """The south sends many times what it may in a second: it is slowed down and loses nothing; the north is not slowed down."""
    limited(node, "south-till")
    async with Shop(node, "north", "flood", tmp_path) as north, Shop(node, "south", "flood", tmp_path) as south:
        few, many = simulated(tmp_path / "few", 60, 40, seed), simulated(tmp_path / "many", 300, 60, seed + 1)
        assert sum(map(len, many)) > 20 * QUOTA
        north.open()
        south.open()
        with (  # on a machine that stands still for long a worker ends, and is started again
            north.processes.supervised("a", lambda _: north.open()),
            south.processes.supervised("a", lambda _: south.open()),
        ):
            flood = asyncio.create_task(asyncio.to_thread(south.sell, many))

            async def is_slowed() -> bool:
                return bool(south.slowed)

            await south.until(is_slowed)
            await asyncio.to_thread(north.sell, few)
            await north.conclude(few)
            verdict = await north.verdict(few, least=20)
            note("D9", "a shop beside one that floods under its quota", seed, 0, len(few), verdict)
            assert verdict.exact(), verdict
            assert north.slowed == []
            await flood
            await south.conclude(many)
            verdict = await south.verdict(many)
            note("D9", "a shop that floods under its quota", seed, 0, len(many), verdict)
            assert verdict.exact(), verdict

"""F18 and F20: what a worker may no longer write or read, taken from it while it works and given back."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from scorers.contract.events import Instant
from scorers.in_force.control import Tick
from tests.faults.conftest import POLICY, Note
from tests.faults.proof import LATER, Proof, simulated
from tests.kafka.running import time_of
from tests.streams.worker.test_groups import complaint
from vigia.lab.local_kafka import LocalKafka
from vigia.runtime.topics import CHANGELOG, WORKER

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

ONE = "purchases"  # topic for all events: what may not be read there would be too late after days of the others
USER, PASSWORD = "vigia", "open-sesame-4711"
LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


@pytest.fixture(scope="module")
def node() -> Iterator[LocalKafka]:
    """A node whose plain door lets everybody do everything, and whose other door asks who comes."""
    properties = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "true",
        "super.users": "User:ANONYMOUS",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.asked.scram-sha-512.sasl.jaas.config": LOGIN,
    }
    with LocalKafka(listeners={"ASKED": "SASL_PLAINTEXT"}, properties=properties, users={USER: PASSWORD}) as node:
        yield node


class Rights:
    """What the workers may not do, from now on."""

    def __init__(self, node: LocalKafka) -> None:
        self._admin = AdminClient({"bootstrap.servers": node.address})

    def _bind(self, kind: ResourceType, name: str, what: AclOperation, answer: AclPermissionType) -> None:
        rule = (kind, name, ResourcePatternType.LITERAL, f"User:{USER}", "*", what, answer)
        (made,) = self._admin.create_acls([AclBinding(*rule)]).values()
        made.result(10)

    def take(self, kind: ResourceType, name: str, what: AclOperation) -> None:
        self._bind(kind, name, AclOperation.ALL, AclPermissionType.ALLOW)
        self._bind(kind, name, what, AclPermissionType.DENY)

    def give_back(self) -> None:
        every = AclBindingFilter(
            ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
        )
        (gone,) = self._admin.delete_acls([every]).values()
        gone.result(10)


class Asked(Proof):
    """Workers that have to say who they are."""

    door = ""

    def start(self, name: str = "a", **environment: str) -> None:
        told = {"VIGIA_KAFKA": self.door, "VIGIA_KAFKA_USER": USER, "VIGIA_KAFKA_PASSWORD": PASSWORD}
        super().start(name, **told, VIGIA_MARGIN=LATER, **environment)


@pytest_asyncio.fixture
async def asked(node: LocalKafka, tmp_path: Path) -> AsyncIterator[Asked]:
    async with Asked(node.address, f"test-{uuid4().hex[:8]}-", tmp_path, 4, POLICY) as asked:
        asked.door = node.addresses["ASKED"]
        yield asked


@pytest.fixture
def rights(node: LocalKafka) -> Iterator[Rights]:
    rights = Rights(node)
    yield rights
    rights.give_back()


RIGHTS = {
    "read events": (ResourceType.TOPIC, "purchases", AclOperation.READ),
    "write alarms": (ResourceType.TOPIC, "alarms", AclOperation.WRITE),
    "write rows": (ResourceType.TOPIC, CHANGELOG, AclOperation.WRITE),
    "forward facts": (ResourceType.TOPIC, "groups", AclOperation.WRITE),
    "read forwarded facts": (ResourceType.TOPIC, "groups", AclOperation.READ),
    "report what stores know": (ResourceType.TOPIC, "clock", AclOperation.WRITE),
    "be of the group": (ResourceType.GROUP, WORKER, AclOperation.READ),
}


def with_complaints(lines: list[bytes]) -> list[bytes]:
    """The events, some with a complaint about a store after them: what has to be forwarded."""
    found = []
    for number, line in enumerate(lines):
        found.append(line)
        customer = json.loads(line).get("customer_id")
        if customer is not None and number % 10 == 0:
            found.append(complaint(time_of(line), customer, f"S{number % 7}", f"K{number}"))
    return found


@pytest.mark.parametrize("what", RIGHTS)
async def test_a_right_that_is_taken_away(
    asked: Asked, rights: Rights, tmp_path: Path, seed: int, note: Note, what: str
) -> None:
    """F20: the worker ends within 30 s and says which right it lacks, not its password; with it all is exact."""
    kind, name, operation = RIGHTS[what]
    lines = with_complaints(simulated(tmp_path / "sim", 100, 40, seed))
    half = len(lines) // 2
    asked.start()
    await asked.publish(lines[:half], ONE)
    await asked.drained()
    rights.take(kind, asked.broker.name(name), operation)
    with asked.processes.may_die("a"):
        tick = Tick(until=Instant(time_of(lines[half - 1])), follows=True)  # closes days of stores
        await asked.send_control(tick)
        await asked.publish(lines[half:], ONE)
        assert await asked.died(within=30) != 0
    said = (tmp_path / "a.log").read_text()
    assert f"{asked.broker.name(name)}" in said.splitlines()[-1]
    assert PASSWORD not in said
    rights.give_back()
    asked.start()
    await asked.conclude(lines)
    verdict = await asked.verdict(lines)
    note("F20", f"worker: the right to {what} taken away", seed, 1, len(lines), verdict)
    assert verdict.exact(), verdict


@pytest.mark.parametrize("how", ["refused", "gone"])
async def test_dead_letters_that_cannot_be_written(
    asked: Asked, rights: Rights, tmp_path: Path, seed: int, note: Note, how: str
) -> None:
    """F18: whoever starts ends at the bad record and acknowledges nothing past it; once it can be written all is exact."""
    lines = simulated(tmp_path / "sim", 100, 40, seed)
    half, letters = len(lines) // 2, asked.broker.name("dead-letters")
    bad = [b"no event %d" % number for number in range(asked.settings.partitions)]
    asked.start()
    await asked.publish(lines[:half], ONE)
    await asked.drained()
    before, _ = await asked.standing()
    if how == "gone":
        await asked.admin.delete_topics([letters])
    else:
        rights.take(ResourceType.TOPIC, letters, AclOperation.WRITE)
    for number, value in enumerate(bad):
        await asked.producer.send_and_wait(asked.broker.name(ONE), value, key=b"bad", partition=number)
    await asked.publish(lines[half:], ONE)
    with asked.processes.may_die("a"):
        assert await asked.died(within=30) != 0
        if how == "refused":  # a start makes topics that are missing, and gives no rights
            asked.start()
            assert await asked.died(within=30) != 0
    assert (await asked.standing())[0] == before, "acknowledged past a record whose dead letter was not written"
    assert letters in (tmp_path / "a.log").read_text().splitlines()[-1]
    rights.give_back()
    asked.start()
    await asked.conclude(lines)
    assert {letter.value for letter in await asked.letters()} == set(bad)
    verdict = await asked.verdict(lines)
    note("F18", f"worker: the dead letters' topic is {how}", seed, len(asked.processes.exits) - 1, len(lines), verdict)
    assert verdict.exact(), verdict

"""F20: what Kafka refuses a notifier, and a worker that a quota holds back."""

import json
import re
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
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

from alerts.pipeline.incident import decode_incident
from scorers.contract.events import Instant
from scorers.contract.wire import encode_alarm
from tests.faults.conftest import POLICY, Note
from tests.faults.limited import Limited
from tests.faults.proof import LATER, simulated
from tests.support.alarms import an_alarm
from tests.support.least_rights import PASSWORD, grant, guarded_kafka, user
from vigia.lab.local_kafka import LocalKafka

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

RATE = 4_000  # bytes a second: what the worker sends at once takes Kafka longer than a client waits for an answer


@pytest.fixture(scope="module")
def node() -> Iterator[LocalKafka]:
    with guarded_kafka() as node:
        yield node


@pytest_asyncio.fixture
async def limited(node: LocalKafka, tmp_path: Path) -> AsyncIterator[Limited]:
    async with Limited(node.address, f"test-{uuid4().hex[:8]}-", tmp_path, 4, POLICY) as limited:
        limited.node = node
        grant(node, limited.broker.prefix)
        yield limited


@contextmanager
def denied(node: LocalKafka, who: str, topic: str) -> Iterator[None]:
    """Inside the block a process may not write to a topic, although it was granted that."""
    admin, name = AdminClient({"bootstrap.servers": node.address}), f"User:{user(who)}"
    rule = (ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, name, "*", AclOperation.WRITE)
    for made in admin.create_acls([AclBinding(*rule, AclPermissionType.DENY)]).values():
        made.result(60)
    yield
    for gone in admin.delete_acls([AclBindingFilter(*rule, AclPermissionType.DENY)]).values():
        gone.result(60)


def quota(node: LocalKafka, who: str, *words: str) -> None:
    """Change the quota of a user, by the command of docs/operations.md."""
    entity = ("--entity-type", "users", "--entity-name", user(who))
    command = node._java("kafka.admin.ConfigCommand", "--bootstrap-server", node.address, "--alter", *entity, *words)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


async def raised(limited: Limited, alarm_id: str) -> None:
    """Write an alarm of now, as a worker does."""
    alarm = an_alarm(Instant(time.time_ns() // 1000), alarm_id=alarm_id, customer_id="C1")
    await limited.producer.send_and_wait(limited.broker.name("alarms"), encode_alarm(alarm), key=b"C1")


async def acted(limited: Limited, alarm_id: str) -> None:
    """Write what a person did, which the notifier tells on `alarms`."""
    action = {"alarm_id": alarm_id, "customer_id": "C1", "action": "ack", "by": "ada"}
    name = limited.broker.name("alarm-actions")
    await limited.producer.send_and_wait(name, json.dumps(action).encode(), key=b"C1")


async def spoilt(limited: Limited, _: str) -> None:
    """Write what is no alarm, which becomes a dead letter."""
    await limited.producer.send_and_wait(limited.broker.name("alarms"), b"no alarm", key=b"C1")


async def sent(limited: Limited) -> set[str]:
    """The alarms of which a notification was sent."""
    found = [decode_incident(value) for value in await limited.written("notifications")]
    return {one.alarm.alarm_id for one in found if any(delivery.state == "sent" for delivery in one.deliveries)}


NEEDS = {"notifications": raised, "alarms": acted, "dead-letters": spoilt}


@pytest.mark.parametrize("topic", NEEDS)
async def test_a_notifier_that_may_not_write_ends_and_goes_on_once_it_may(
    limited: Limited, node: LocalKafka, topic: str
) -> None:
    """It names the right, acknowledges nothing past what it could not write, and sends everything after that."""
    name = limited.broker.name(topic)
    limited.notify()
    await raised(limited, "a1")
    await limited.until(lambda: reached(limited, {"a1"}))
    with denied(node, "notifier", name), limited.processes.may_die("notifier"):
        await NEEDS[topic](limited, "a1" if topic == "alarms" else "a2")
        await raised(limited, "a3")
        assert await limited.died("notifier") == 3
    said = limited.processes.tail("notifier")
    assert f"no right to the topic {name}" in said.splitlines()[-1]
    assert PASSWORD not in said
    limited.notify()
    await raised(limited, "a4")
    await limited.until(lambda: reached(limited, {"a1", "a3", "a4"}))
    assert await limited.stop("notifier") == 0


async def reached(limited: Limited, wanted: set[str]) -> bool:
    """Whether notifications of these alarms were sent."""
    return wanted <= await sent(limited)


async def was_held(limited: Limited) -> bool:
    """Whether Kafka has held back the worker for longer than its client waits for an answer."""
    return any(
        int(seconds) > 40
        for seconds in re.findall(r"holds this process back for (\d+) s", limited.processes.said("worker"))
    )


async def test_a_worker_under_a_quota_is_slow_and_exact(
    limited: Limited, node: LocalKafka, tmp_path: Path, seed: int, note: Note
) -> None:
    """It is held back for longer than Kafka's answers may take, does not end, and has everything in the end."""
    lines = simulated(tmp_path / "sim", 150, 40, seed)
    quota(node, "worker", "--add-config", f"producer_byte_rate={RATE}")
    limited.start("worker", **limited.environment("worker"), VIGIA_MARGIN=LATER)
    await limited.publish(lines, "purchases")
    await limited.until(lambda: was_held(limited))
    quota(node, "worker", "--delete-config", "producer_byte_rate")
    await limited.conclude(lines)
    verdict = await limited.verdict(lines)
    note("F20", "worker: held back by a quota", seed, 0, len(lines), verdict)
    assert verdict.exact(), verdict

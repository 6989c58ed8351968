"""A Kafka that grants each process and command exactly the rights of the table, and asks who comes."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from vigia.lab.local_kafka import LocalKafka
from vigia.runtime.rights.acls import Acl, acls
from vigia.runtime.rights.table import RIGHTS

PASSWORD = "open-sesame-4714"
LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
RESOURCES = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional-id": ResourceType.TRANSACTIONAL_ID,
    "cluster": ResourceType.BROKER,
}
OPERATIONS = {
    "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
    "Describe": AclOperation.DESCRIBE,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
    "Create": AclOperation.CREATE,
}
MECHANISM = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
    "sasl.enabled.mechanisms": "SCRAM-SHA-512",
    "listener.name.asked.scram-sha-512.sasl.jaas.config": LOGIN,
}


def user(who: str) -> str:
    """The user of a process or command."""
    return who.replace(" ", "-")


@contextmanager
def guarded_kafka() -> Iterator[LocalKafka]:
    """A node whose plain listener lets the test do everything, and whose listener ASKED grants what is in its lists."""
    users = {user(who): PASSWORD for who in RIGHTS}
    with LocalKafka(listeners={"ASKED": "SASL_PLAINTEXT"}, properties=MECHANISM, users=users) as node:
        yield node


def grant(node: LocalKafka, prefix: str, without: Iterable[tuple[str, Acl]] = ()) -> None:
    """Give every process and command its rights under a prefix, except some."""
    left_out = set(without)
    bindings = [
        AclBinding(
            RESOURCES[acl.resource],
            acl.name,
            ResourcePatternType.LITERAL,
            f"User:{user(who)}",
            "*",
            OPERATIONS[acl.operation],
            AclPermissionType.ALLOW,
        )
        for who, rights in RIGHTS.items()
        for acl in acls(rights, prefix)
        if (who, acl) not in left_out
    ]
    admin = AdminClient({"bootstrap.servers": node.address})  # it has to outlive what it is asked
    for made in admin.create_acls(bindings).values():
        made.result(10)


def login(node: LocalKafka, who: str) -> dict[str, str]:
    """The environment by which a process or command logs in."""
    return {"VIGIA_KAFKA": node.addresses["ASKED"], "VIGIA_KAFKA_USER": user(who), "VIGIA_KAFKA_PASSWORD": PASSWORD}

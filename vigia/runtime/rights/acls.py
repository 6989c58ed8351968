"""The rights of the table as Kafka's access control lists, and as the commands that grant them."""

import shlex
from collections.abc import Iterator
from typing import Literal, NamedTuple

from vigia.runtime.rights.table import Rights

Resource = Literal["topic", "group", "transactional-id", "cluster"]
CLUSTER = "kafka-cluster"  # Kafka's name for the resource of the whole cluster


class Acl(NamedTuple):
    """One right: an operation, as kafka-acls names it, on a topic, a group, a transactional id or the cluster."""

    resource: Resource
    name: str
    operation: str


def acls(rights: Rights, prefix: str = "") -> Iterator[Acl]:
    """Each right once; to read or to write includes to describe.

    >>> [acl.operation + " " + acl.name for acl in acls(Rights(reads=("a",), writes=("b",), joins=("g",)), "north-")]
    ['Read north-a', 'Write north-b', 'Read north-g']
    """
    for name in rights.reads:
        yield Acl("topic", prefix + name, "Read")
    for name in rights.writes:
        yield Acl("topic", prefix + name, "Write")
    for name in rights.describes:
        if name not in (*rights.reads, *rights.writes):
            yield Acl("topic", prefix + name, "Describe")
    if rights.checks_settings:
        for name in rights.topics:
            yield Acl("topic", prefix + name, "DescribeConfigs")
    if rights.creates:
        for name in rights.topics:
            yield Acl("topic", prefix + name, "Create")
    for name in rights.joins:
        yield Acl("group", prefix + name, "Read")
    for name in rights.watches:
        if name not in rights.joins:
            yield Acl("group", prefix + name, "Describe")
    for name in rights.transactions:
        yield Acl("transactional-id", prefix + name, "Write")
    if rights.checks_brokers:
        yield Acl("cluster", CLUSTER, "DescribeConfigs")


def commands(rights: Rights, principal: str, address: str, prefix: str = "") -> Iterator[str]:
    """The kafka-acls commands that grant a principal these rights, one for each operation on a kind of resource.

    >>> print(*commands(Rights(reads=("alarms",)), "User:desk", "kafka:9093"))
    kafka-acls --bootstrap-server kafka:9093 --add --allow-principal User:desk --operation Read --topic alarms
    """
    together: dict[tuple[Resource, str], list[str]] = {}
    for acl in acls(rights, prefix):
        together.setdefault((acl.resource, acl.operation), []).append(acl.name)
    for (resource, operation), names in together.items():
        where = ["--cluster"] if resource == "cluster" else [w for name in names for w in (f"--{resource}", name)]
        grant = ["--add", "--allow-principal", principal, "--operation", operation, *where]
        yield shlex.join(["kafka-acls", "--bootstrap-server", address, *grant])

"""Writes down what a process asks of Kafka, if it has this folder on its PYTHONPATH and RIGHTS_USED names a file.

A line for each right that a request needs, once: the operation and the topic, group or cluster that it concerns.
"""

import os

FILE = os.environ.get("RIGHTS_USED")

TOPIC = {0: "Write", 1: "Read", 2: "Describe", 3: "Describe", 19: "Create", 23: "Describe"}
GROUP = {8: "Read", 9: "Describe", 10: "Describe", 11: "Read", 12: "Read", 13: "Read", 14: "Read", 15: "Describe"}
OFFSETS = (8, 9)
OF_TRANSACTIONS = {28: "Read", 24: "Write"}  # what they need on topics; offsets in a transaction are read, says Kafka
OF_GROUPS_TOO = (25, 28)
DESCRIBE_CONFIGS, BROKER = 32, 4
NAMES_OF_TOPICS = ("topic", "name")
NAMES_OF_GROUPS = ("group", "group_id", "coordinator_key", "consumer_group", "groups")


def named(value, fields):  # type: ignore[no-untyped-def]
    """The texts under these fields, at any depth; topics may also be a list of texts."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, str) and name in fields:
                yield inner
            elif isinstance(inner, list) and inner and all(isinstance(one, str) for one in inner):
                if name in (*fields, *(f"{field}s" for field in fields)):
                    yield from inner
            else:
                yield from named(inner, fields)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from named(inner, fields)


def needs(key, request):  # type: ignore[no-untyped-def]
    """The rights that a request needs."""
    if request.get("transactional_id"):
        yield "Write", request["transactional_id"]
    if key in OF_GROUPS_TOO:
        yield from (("Read", name) for name in named(request, NAMES_OF_GROUPS))
    if key in TOPIC:
        yield from ((TOPIC[key], name) for name in named(request, NAMES_OF_TOPICS))
    elif key in GROUP:
        if key in OFFSETS:  # of topics
            yield from ((GROUP[key], name) for name in named(request, NAMES_OF_TOPICS))
        yield from ((GROUP[key], name) for name in named(request, NAMES_OF_GROUPS))
    elif key in OF_TRANSACTIONS:
        yield from ((OF_TRANSACTIONS[key], name) for name in named(request, NAMES_OF_TOPICS))
    elif key == DESCRIBE_CONFIGS:
        for one in request["resources"]:
            is_broker = one["resource_type"] == BROKER
            yield "DescribeConfigs", "kafka-cluster" if is_broker else one["resource_name"]


if FILE:
    from aiokafka.conn import AIOKafkaConnection

    written = set()
    send = AIOKafkaConnection.send

    def watched(self, request, *more, **options):  # type: ignore[no-untyped-def]
        """Send, and write down."""
        struct = request.prepare(self._versions)
        for right in needs(struct.API_KEY, struct.to_object()):
            if right not in written:
                written.add(right)
                with open(FILE, "a", encoding="utf-8") as file:
                    file.write("{} {}\n".format(*right))
        return send(self, request, *more, **options)

    AIOKafkaConnection.send = watched

"""Three Kafka nodes that are one cluster, each broker and controller."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

from vigia.lab.local_kafka import LocalKafka, free_port, new_cluster_id

NODES = 3


@contextmanager
def three_brokers() -> Iterator[list[LocalKafka]]:
    """The nodes, started; a node that is killed may be started again."""
    controllers, cluster_id = [free_port() for _ in range(NODES)], new_cluster_id()
    voters = ",".join(f"{number}@127.0.0.1:{port}" for number, port in enumerate(controllers, 1))
    nodes = [
        LocalKafka(
            properties={
                "node.id": str(number),
                "controller.quorum.voters": voters,
                "offsets.topic.replication.factor": str(NODES),
            },
            controller_port=port,
            cluster_id=cluster_id,
        )
        for number, port in enumerate(controllers, 1)
    ]
    with ExitStack() as stack, ThreadPoolExecutor(NODES) as pool:
        for node in nodes:
            stack.callback(node.__exit__, None, None, None)
        for started in [pool.submit(node.start, 180) for node in nodes]:  # none is ready before a majority runs
            started.result()
        yield nodes

"""Who serves where several notifiers run: the one that has run longest has all partitions, the others stand by.

A customer's alarms lie in several partitions and mute one another, and what people do about them lies in others again:
split among several, none of them could judge. One notifier is enough (it takes thousands of changes a second); a
second one is there to step in.
"""

from collections.abc import Iterable, Mapping

from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

VERSION = 0


def oldest_member_assignor(since: int) -> type[AbstractPartitionAssignor]:
    """The way of assigning, for a member that has run since this instant."""

    class Senior(AbstractPartitionAssignor):  # type: ignore[misc]  # aiokafka ships no types
        """Everything to the oldest member."""

        name = "vigia-senior"

        @classmethod
        def assign(
            cls, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
        ) -> dict[str, ConsumerProtocolMemberAssignment]:
            """All partitions of its topics for one member."""
            oldest = min(members, key=lambda member: (members[member].user_data, member))
            topics = sorted(members[oldest].subscription)  # one of an older release may read fewer
            all_of = [(topic, sorted(cluster.partitions_for_topic(topic) or ())) for topic in topics]
            return {
                member: ConsumerProtocolMemberAssignment(VERSION, all_of if member == oldest else [], b"")
                for member in members
            }

        @classmethod
        def metadata(cls, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
            """What this member tells of itself: its age."""
            return ConsumerProtocolMemberMetadata(VERSION, list(topics), since.to_bytes(8, "big"))

        @classmethod
        def on_assignment(cls, assignment: ConsumerProtocolMemberAssignment) -> None:
            """Nothing is kept."""

    return Senior

"""Assigns all partitions to the member of the consumer group that has run longest; the other notifiers are standbys.

A customer's alarms are in several partitions and inhibit one another, and actions on them are in others, so partitions
cannot be divided among notifiers. One is enough: it processes thousands of changes a second.
"""

from collections.abc import Iterable, Mapping

from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

VERSION = 0


def oldest_member_assignor(started_at: int) -> type[AbstractPartitionAssignor]:
    """The assignor of a member that started at this instant."""

    class OldestMember(AbstractPartitionAssignor):  # type: ignore[misc]  # aiokafka ships no types
        """Assigns everything to the oldest member."""

        name = "vigia-senior"  # part of the group protocol: all members must use the same name

        @classmethod
        def assign(
            cls, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
        ) -> dict[str, ConsumerProtocolMemberAssignment]:
            """All partitions of its topics to one member, none to the others."""
            oldest = min(members, key=lambda member: (members[member].user_data, member))
            topics = sorted(members[oldest].subscription)  # a member of an older release may read fewer
            all_of = [(topic, sorted(cluster.partitions_for_topic(topic) or ())) for topic in topics]
            return {
                member: ConsumerProtocolMemberAssignment(VERSION, all_of if member == oldest else [], b"")
                for member in members
            }

        @classmethod
        def metadata(cls, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
            """The start of this member, for the one that assigns."""
            return ConsumerProtocolMemberMetadata(VERSION, list(topics), started_at.to_bytes(8, "big"))

        @classmethod
        def on_assignment(cls, assignment: ConsumerProtocolMemberAssignment) -> None:
            """Do nothing."""

    return OldestMember

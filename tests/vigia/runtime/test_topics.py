"""Topics: what a broker says of them is checked, and each fault names its mend."""

import pytest

from vigia.lab.embedded_kafka import PARTITIONS, EmbeddedKafka
from vigia.runtime import topics
from vigia.runtime.broker import Broker
from vigia.runtime.topics import TOPICS, TopicsWrong

ENOUGH = [
    ("retention.ms", "2592000000", "2592000000", True),
    ("retention.ms", "2591999999", "2592000000", False),
    ("retention.ms", "-1", "2592000000", True),
    ("min.compaction.lag.ms", "0", "3600000", False),
    ("max.message.bytes", "1048588", "4000000", False),
    ("max.message.bytes", "5000000", "4000000", True),
    ("cleanup.policy", "compact", "compact", True),
    ("cleanup.policy", "compact,delete", "compact", False),
    ("cleanup.policy", "delete", "compact", False),
]


@pytest.mark.parametrize(("key", "found", "wanted", "enough"), ENOUGH)
def test_a_number_is_the_least_and_a_policy_is_exact(key: str, found: str, wanted: str, enough: bool) -> None:
    """More of what keeps records does no harm; a limit that is switched off is more than any."""
    assert topics.suffices(key, found, wanted) is enough


def test_erasures_are_retained_as_long_as_alarms() -> None:
    """D13: cards that are filled again from all alarms there are meet every erasure since the first of them."""
    days = {topic.name: topic.days for topic in TOPICS if not topic.compacted}
    assert days["feedback"] >= days["alarms"]


def test_facts_about_other_subjects_have_a_topic_of_their_own() -> None:
    """Workers write and read it; it has as many partitions as the inputs, and is kept as long."""
    (groups,) = (topic for topic in TOPICS if topic.name == "groups")
    assert (groups.partitions, groups.days, groups.compacted) == (0, 30, False)
    assert "groups" in topics.READ
    assert "groups" in topics.WRITTEN
    assert topics.READ[-1] == "clock"  # of records of the same instant, ticks are folded last


def test_the_broker_stamps_all_that_a_worker_reads() -> None:
    """An event's time is believed up to a day after its record was written, so no producer may say when that was."""
    stamped = {topic.name for topic in TOPICS if topic.settings().get(topics.STAMP) == "LogAppendTime"}
    assert stamped == set(topics.READ)


IN_SYNC = [
    (1, "1", ""),
    (2, "1", ""),
    (3, "2", ""),
    (3, None, ""),  # the broker does not say
    (5, "3", ""),
    (3, "1", "the loss of one broker can lose acknowledged records"),
    (3, "3", "the loss of one broker stops all writes"),
]


@pytest.mark.parametrize(("replicas", "has", "why"), IN_SYNC)
def test_with_three_replicas_two_must_be_in_sync(replicas: int, has: str | None, why: str) -> None:
    """One in-sync replica can lose what was acknowledged, and as many as there are stop with the first broker lost."""
    fault = topics.in_sync_fault("north-alarms", replicas, has)
    assert (fault.says.partition(": ")[2] if fault else "") == why
    if fault:
        assert fault.fix.endswith("--entity-name north-alarms --add-config min.insync.replicas=2")


async def test_the_embedded_broker_is_checked_as_far_as_it_answers() -> None:
    """It makes topics by itself and keeps everything: what is wanted is there, another count is named."""
    pytest.importorskip("confluent_kafka")
    with EmbeddedKafka() as kafka:
        broker = Broker(kafka.address)
        kafka.create(*(topic.name for topic in TOPICS))
        assert await topics.apply(broker, PARTITIONS) == []
        await topics.check(broker, PARTITIONS, strict=True)
        with pytest.raises(TopicsWrong, match=r"topic purchases has 4 partitions and needs 8: .*VIGIA_PARTITIONS=4"):
            await topics.check(broker, 8)
        with pytest.raises(TopicsWrong, match=r"topic purchases has 1 replicas and needs 3: .*VIGIA_REPLICAS=1"):
            await topics.check(broker, PARTITIONS, 3, strict=True)

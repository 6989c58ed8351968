"""Whatever keeps data is in the register of personal data, with the limit that its settings hold."""

import pytest

from tests.test_docs import ROOT
from vigia.runtime.privacy import register
from vigia.runtime.topics import AT_MOST, DAY_MS, TOPICS, Topic, suffices

BY_NAME = {topic.name: topic for topic in TOPICS}


def test_every_topic_is_in_the_register() -> None:
    """A topic that is added says what it holds of people, or that it holds nothing."""
    assert sorted([*register.LIMITS, *register.NO_PERSONAL_DATA]) == sorted(BY_NAME)
    assert {name for name, topic in BY_NAME.items() if topic.personal} == set(register.LIMITS)


@pytest.mark.parametrize("place", register.TOPICS, ids=lambda place: place.name)
def test_a_topic_is_empty_within_its_limit(place: register.Place) -> None:
    """Kafka deletes whole segments: retention and the time of a segment; or both steps of a compaction, twice."""
    settings = {name: int(value) for name, value in BY_NAME[place.name].settings().items() if value.isdigit()}
    if BY_NAME[place.name].compacted:
        longest = 2 * (settings["max.compaction.lag.ms"] + settings["delete.retention.ms"])
    else:
        longest = settings["retention.ms"] + settings["segment.ms"]
    assert longest <= place.days * DAY_MS


def test_alarms_with_their_names_are_gone_within_a_month() -> None:
    """As the law gives for an answer to a request for erasure."""
    assert {BY_NAME[name].days for name in ("alarms", "feedback", "purchases", "alarm-actions")} == {30}


@pytest.mark.parametrize("key", AT_MOST)
def test_what_keeps_records_longer_than_stated_is_a_fault(key: str) -> None:
    """Less is enough, more is not."""
    assert suffices(key, "99", "100")
    assert not suffices(key, "101", "100")


def test_a_topic_without_people_keeps_what_it_likes() -> None:
    """No limit for segments."""
    assert Topic("x", personal=False).settings() == {"cleanup.policy": "delete", "retention.ms": str(30 * DAY_MS)}


def test_the_page_prints_the_register() -> None:
    """docs/security.md holds the table as it is."""
    assert register.table() in (ROOT / "docs/security.md").read_text(), register.table()

"""Under another policy everybody is judged again: what does not hold by it is withdrawn, in a worker as in a replay (A12)."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scorers.contract.events import DAY, HOUR, Instant, Micros
from scorers.in_force.control import PolicyInForce
from scorers.partition import judged_again
from scorers.policy.reading import parse_policy
from tests.support.cluster import Cluster
from tests.support.desk import MAY, Desk
from tests.support.driver import Driver, record
from tests.support.histories import histories, time_of

STRICT = """
[prospects]
conversion_window = "9d"
[silence]
false_a_year = 4.0
[ledger]
debt_limit = 4.0
debt_settled = 2.0
[wallet]
fall = 0.3
[outreach.ceiling]
none = 1
[staff]
ask_every = "20d"
"""
MILD = """
[prospects]
conversion_window = "90d"
[silence]
false_a_year = 0.01
[ledger]
debt_limit = 100.0
debt_settled = 50.0
[loyalty]
hostage_occasions = 9
[staff]
ask_every = "900d"
"""
FEW = settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))


def in_force(text: str, at: Micros) -> PolicyInForce:
    return PolicyInForce(in_force=Instant(at), version=parse_policy(text).version, text=text, sent=Instant(at))


def driven(records: list[bytes], cut: int, at: Micros, until: Micros, text: str) -> Driver:
    """In a replay everybody is judged again at once."""
    driver = Driver(figures=False).feed(*records[:cut]).advance(at)
    driver.ctx.adopt_policy(parse_policy(text))
    driver.partition.judge_all_again()
    driver.advance(at + HOUR)
    return driver.feed(*records[cut:]).advance(until)


def worked(partitions: int, records: list[bytes], cut: int, at: Micros, until: Micros, text: str) -> Cluster:
    """Workers have time for one customer a tick, and facts come while the others wait."""
    cluster = Cluster(partitions, figures=False)
    for raw in records[:cut]:
        cluster.receive(topic_of(raw), raw)
    cluster.tick(at)
    for desk in cluster.desks:
        cluster.route(desk.control(in_force(text, at)))
    cluster.tick(at + HOUR)
    for raw in records[cut:]:
        cluster.receive(topic_of(raw), raw)
    for _ in range(6):
        cluster.tick(until)
    return cluster


def topic_of(raw: bytes) -> str:
    return {"purchase": "purchases", "contact": "contacts", "complaint": "complaints"}.get(
        json.loads(raw)["type"].partition(".")[0], "feedback"
    )


@pytest.mark.parametrize("partitions", [1, 2, 4])
@FEW
@given(records=histories(most=14, names=4), share=st.floats(0, 1), text=st.sampled_from([STRICT, MILD]))
def test_workers_and_a_replay_agree(partitions: int, records: list[bytes], share: float, text: str) -> None:
    """Whoever is judged again, when it is their turn or before something else changes them."""
    cut = round(share * len(records))
    at = (time_of(records[cut - 1]) if cut else time_of(records[0]) - HOUR) // HOUR * HOUR + HOUR
    records = records[:cut] + [raw for raw in records[cut:] if time_of(raw) > at + HOUR]
    until = max(at, time_of(records[-1]) if records else at) // HOUR * HOUR + 40 * DAY
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judged_again, "AT_ONCE", 1)
        cluster = worked(partitions, records, cut, at, until, text)
    assert cluster.outcomes() == driven(records, cut, at, until, text).outcomes()


@pytest.mark.parametrize("letters", [(), (22, 24, 25), (28, 30, 32), (22, 24, 25, 28, 30, 32)])
def test_nobody_is_changed_before_being_judged_again(letters: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an alarm of the snapshot nor facts that come while the customer waits leave an alarm open by the former policy."""
    desk = Desk()
    desk.send("feedback", record("lead.created", MAY, "C1"))
    desk.tick(MAY + 21 * DAY)
    mails = [record("contact.made", MAY + day * DAY, "C1", channel="mail", purpose="marketing") for day in letters]
    for raw in (mail for mail in mails if time_of(mail) < MAY + 26 * DAY):
        desk.send("contacts", raw)
    desk.tick(MAY + 26 * DAY)
    desk.control(in_force(MILD, MAY + 26 * DAY + 1))
    monkeypatch.setattr(judged_again, "AT_ONCE", 0)
    desk.tick(MAY + 27 * DAY)
    for raw in (mail for mail in mails if time_of(mail) > MAY + 26 * DAY):
        desk.send("contacts", raw)
    monkeypatch.undo()
    desk.tick(MAY + 40 * DAY)
    told = [alarm.type for alarm in desk.alarms() if alarm.kind == "prospect-cooling"]
    assert told == ["alarm.raised", "alarm.withdrawn"]


@pytest.mark.parametrize("partitions", [1, 2])
def test_groups_are_judged_again_too(partitions: int) -> None:
    """The staff of a site are not overdue by the policy that comes into force, and overdue by the one after it."""
    cluster, pulse = Cluster(partitions), record("staff.pulse", MAY, "north", store_id="north", pulse="asked")
    cluster.publish("feedback", pulse)
    cluster.tick(MAY + 100 * DAY)
    assert ("site:north", "staff-unasked", MAY + 90 * DAY, "open") in cluster.outcomes()
    for text, after, found in ((MILD, 101, set()), (STRICT, 102, {MAY + 20 * DAY})):
        for desk in cluster.desks:
            cluster.route(desk.control(in_force(text, MAY + after * DAY)))
        cluster.tick(MAY + after * DAY + HOUR)
        cluster.tick(MAY + after * DAY + 2 * HOUR)
        assert {at for _, kind, at, _ in cluster.outcomes() if kind == "staff-unasked"} == found

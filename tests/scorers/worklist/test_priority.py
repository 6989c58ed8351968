"""The priority of an alarm (A5): chance x value x chance to save - cost."""

from msgspec import UNSET

from alerts.wording.message import rank
from scorers.contract.events import DAY
from tests.support.driver import Driver, instant, record
from vigia.readmodel.alarm_summary import severity_order

START = instant("2024-01-01T09:00:00Z")


def alarms(customer: str, amount: int, policy: str = "") -> Driver:
    weekly = [
        record("purchase.completed", START + n * 7 * DAY, customer, amount_minor=amount, currency="EUR")
        for n in range(12)
    ]
    return Driver(policy).feed(*weekly).advance(START + 120 * DAY)


def test_it_is_what_acting_is_expected_to_keep() -> None:
    """By the risk, the value and the policy's chance and cost, as the alarm states them."""
    policy = "[worklist]\nsure_from = 0.0\n[worklist.save_chance]\npreferential_treatment = 0.5\n[worklist.cost_minor]\npreferential_treatment = 700"
    alarm = next(a for a in alarms("C1", 5000, policy).alarms if a.kind == "risk-high")
    assert alarm.treatment == "preferential_treatment"
    assert None not in (alarm.risk, alarm.value_at_risk_minor)
    assert isinstance(alarm.priority_minor, int)
    risk, value, priority = alarm.risk or 0.0, alarm.value_at_risk_minor or 0, alarm.priority_minor
    assert abs(priority - (round(risk * value * 0.5) - 700)) <= 1


def test_what_ends_has_none_and_more_valuable_comes_first() -> None:
    """Among alarms of one severity the priority orders digests and lists."""
    small, large = alarms("C1", 500), alarms("C2", 50_000)
    few, many = [next(a for a in driver.alarms if a.kind == "risk-high") for driver in (small, large)]
    assert few.severity == many.severity
    assert rank(many) < rank(few)
    assert severity_order(many) < severity_order(few)
    back = small.feed(record("purchase.completed", START + 121 * DAY, "C1", amount_minor=500, currency="EUR"))
    assert {a.priority_minor for a in back.alarms if a.type == "alarm.settled"} == {UNSET}

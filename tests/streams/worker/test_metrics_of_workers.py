"""What several workers say, put together as the table of metrics tells, is what one worker would say; also after a rebalance."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry

from scorers.contract.events import DAY
from tests.support.cluster import Cluster
from tests.support.desk import MAY, Desk
from tests.support.driver import purchase, record
from tests.support.running_metrics import worked
from vigia.runtime.metrics.table import METRICS

OF_A_PROCESS = {  # what each process has of its own: ticks and control records come to every partition
    *("vigia_partitions", "vigia_records", "vigia_rows_written", "vigia_step_seconds"),
    *("vigia_event_time_lag_seconds", "vigia_staff_pulse_age_seconds"),  # by the wall clock
}
PUT: dict[str, Callable[[float, float], float]] = {"sum": lambda a, b: a + b, "max": max, "min": min}
Values = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def together(registries: Iterable[CollectorRegistry]) -> Values:
    """The values of several workers, put together; what is 0 is left out."""
    found: Values = {}
    for registry in registries:
        for family in registry.collect():
            if family.name in OF_A_PROCESS:
                continue
            put = PUT[METRICS[family.name].together]
            for sample in family.samples:
                key = sample.name, tuple(sorted(sample.labels.items()))
                found[key] = put(found[key], sample.value) if key in found else sample.value
    return {key: value for key, value in found.items() if value}


def registries(cluster: Cluster) -> list[CollectorRegistry]:
    """Those of all workers."""
    return [desk.metrics.registry for desk in cluster.desks]


def test_workers_add_up_also_after_a_rebalance() -> None:
    """One worker with all partitions, and three with one each: every metric is the same, and what is a state survives a new assignment."""
    one, three = worked(1), worked(3)
    alone, shared = together(registries(one)), together(registries(three))
    assert shared == alone
    shown = {name for name, _ in alone}
    for name in ("customers", "customers_year_minor", "flow_customers", "outreach", "sites", "stores_selling"):
        assert f"vigia_{name}" in shown, name
    assert {"vigia_alarms_total", "vigia_deadlines", "vigia_stage_changes"} <= shown
    three.flush()
    for desk in three.desks:
        desk.open()  # by another worker
    states = {name for name, one in METRICS.items() if one.type == "gauge"}
    again = together(registries(three))
    assert {key: value for key, value in again.items() if key[0] in states} == {
        key: value for key, value in shared.items() if key[0] in states
    }


def test_outreach_is_answered_by_the_messages_that_came_in_time() -> None:
    """X8: two messages, of which one is too old when the customer buys, and another that nobody answers."""
    desk = Desk()
    for day, name in ((0, "C1"), (20, "C1"), (20, "C2")):
        at = MAY + day * DAY
        desk.send("contacts", record("contact.made", at, name, channel="mail", purpose="marketing"))
    desk.send("purchases", purchase(MAY + 25 * DAY, "C1"))
    desk.tick(MAY + 40 * DAY)
    value = desk.metrics.registry.get_sample_value
    assert value("vigia_outreach", {"answer": "sent"}) == 3
    assert value("vigia_outreach", {"answer": "answered"}) == 1
    late = record("contact.received", MAY + 39 * DAY, "C2", channel="phone")
    desk.send("contacts", late)
    desk.tick(MAY + 60 * DAY)
    assert value("vigia_outreach", {"answer": "answered"}) == 1, "nineteen days are too late for an answer"


def test_the_oldest_pulse_of_all_sites_is_shown() -> None:
    """P2: days since the staff of the site that waits longest were asked and thanked."""
    desk = Desk()
    desk.metrics._now = lambda: (MAY + 30 * DAY) / 1_000_000
    for number, (day, site, pulse) in enumerate(((0, "N", "asked"), (10, "S", "asked"), (12, "N", "thanked"))):
        at = MAY + day * DAY
        raw = record("staff.pulse", at, site, id=f"P{number}", store_id=site, pulse=pulse)
        for output in desk.send("feedback", raw):
            desk.receive("groups", output.key, output.value, output.headers)
    value = desk.metrics.registry.get_sample_value
    assert value("vigia_sites") == 2
    assert value("vigia_staff_pulse_age_seconds", {"pulse": "asked"}) == 30 * 86400
    assert value("vigia_staff_pulse_age_seconds", {"pulse": "thanked"}) == 20 * 86400

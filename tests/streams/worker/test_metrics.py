"""Metrics of processes: right after a rebalance, bounded in number, and without ids of customers."""

from collections import Counter
from collections.abc import Callable
from typing import Any, get_args

import aiohttp
import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from alerts.channels.contract import Notification, Refused, Retry
from alerts.pipeline.dispatch import Dispatcher
from alerts.pipeline.incident import Incident
from alerts.pipeline.metrics import NotifierMetrics
from alerts.pipeline.routes import read
from alerts.pipeline.store import Memory
from alerts.wording.message import compose
from scorers.alarms.catalogue import KINDS, STATE_CHANGES
from scorers.contract.alarms import SEVERITIES, Alarm, Change, Stage, Tier
from scorers.contract.events import SECOND, TOPIC_OF, Instant
from scorers.contract.rejection import RejectCode
from scorers.contract.wire import EVENT_TYPES
from scorers.in_force.live_quality import place_of
from scorers.in_force.uplift import TREATMENTS
from scorers.partition.routing import GROUPS
from scorers.timeline.emitter import Status
from scorers.timeline.subjects import Bound
from streams.gateway.gateway import Gateway
from streams.gateway.intake import Intake
from streams.gateway.tokens import Tokens
from streams.metrics.worker import WorkerMetrics
from tests.support.alarms import an_alarm
from tests.support.hashes import HASHES
from vigia.runtime.broker import Broker
from vigia.runtime.health import serving_health

PER_CHANNEL = "vigia_deliveries"  # its series begin with the channels of the routes
NOW = Instant(1_704_067_200_000_000)


def alarm(alarm_id: str = "a1", customer: str | None = "C1", **changed: Any) -> Alarm:
    """An alarm that is worth something."""
    return an_alarm(NOW, alarm_id, customer, **{"value_at_risk_minor": 5000, "currency": "EUR"} | changed)


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    """One figure as a scrape would find it."""
    return registry.get_sample_value(name, labels)


def test_the_customers_are_right_at_once_after_a_rebalance() -> None:
    """The customers of a partition count as soon as it is assigned, follow its changes, and end with the assignment."""
    metrics = WorkerMetrics()
    mine: Counter[tuple[Stage, Tier]] = Counter({("core_customer", "gold"): 3})
    metrics.customers(0, mine)
    metrics.customers(1, {("core_customer", "gold"): 4, ("defector", "iron"): 2})
    at = {"stage": "core_customer", "tier": "gold"}
    assert value(metrics.registry, "vigia_customers", **at) == 7
    mine["core_customer", "gold"] -= 1
    assert value(metrics.registry, "vigia_customers", **at) == 6
    metrics.revoked([1])
    assert value(metrics.registry, "vigia_customers", **at) == 2
    assert value(metrics.registry, "vigia_customers", stage="defector", tier="iron") == 0
    assert value(metrics.registry, "vigia_partitions") == 1


def test_quality_is_shown_from_0_on_and_adds_up_over_partitions() -> None:
    """A9: every series stands at 0 before the first alarm, and what a partition counted ends with its assignment."""
    metrics, first, second = WorkerMetrics(), _counts(3), _counts(4)
    right = {"kind": "gone-quiet", "arm": "held_out", "answer": "right"}
    at = {"tier": "gold", "stage": "dormant", "answer": "right"}
    before = series(metrics.registry)
    assert value(metrics.registry, "vigia_alarms_answered", **right) == 0
    metrics.quality(0, first)
    metrics.quality(1, second)
    assert value(metrics.registry, "vigia_alarms_answered", **right) == 7
    assert value(metrics.registry, "vigia_alarms_answered_leaving", **at) == 7
    assert value(metrics.registry, "vigia_leavers", type="silence", state="missed") == 2
    returned = {"treatment": TREATMENTS[0], "arm": "held_out", "answer": "returned"}
    assert value(metrics.registry, "vigia_trial_alarms", **returned) == 10
    assert value(metrics.registry, "vigia_trial_alarms", **{**returned, "answer": "away"}) == 0
    assert value(metrics.registry, "vigia_lead_days_bucket", kind="any", le="14.0") == 0
    assert value(metrics.registry, "vigia_lead_days_bucket", kind="any", le="21.0") == 2
    assert value(metrics.registry, "vigia_lead_days_sum", kind="any") == 32
    first["answer:gone-quiet"][HELD_AND_RIGHT] += 1
    metrics.revoked([1])
    assert value(metrics.registry, "vigia_alarms_answered", **right) == 4
    assert series(metrics.registry) == before


HELD_AND_RIGHT = (place_of("gold", "dormant") * 3 + 1) * 2 + 1


def _counts(n: int) -> dict[str, dict[int, int]]:
    """Figures of a partition, among them one that is about something else."""
    return {
        "answer:gone-quiet": {HELD_AND_RIGHT: n},
        "trial:": {3: 5},
        "left": {1: 1},
        "lead": {16: 1},
        "gap": {7: 9},
    }


def test_the_lag_is_that_of_the_slowest() -> None:
    """Records add up by topic, event time is the oldest partition's, and neither outlives its partition."""
    metrics = WorkerMetrics(now=lambda: NOW / SECOND + 100)
    assert value(metrics.registry, "vigia_event_time_lag_seconds") is None
    metrics.clock(0, NOW)
    metrics.clock(1, NOW + 60 * SECOND)
    metrics.lag("purchases", 0, 5)
    metrics.lag("purchases", 1, 7)
    metrics.lag("purchases", 1, 2)
    assert value(metrics.registry, "vigia_event_time_lag_seconds") == 100
    assert value(metrics.registry, "vigia_lag_records", topic="purchases") == 7
    metrics.revoked([0])
    assert value(metrics.registry, "vigia_event_time_lag_seconds") == 40
    assert value(metrics.registry, "vigia_lag_records", topic="purchases") == 2


def series(registry: CollectorRegistry) -> int:
    """How many series a scrape brings."""
    return sum(not line.startswith("#") for line in generate_latest(registry).decode().splitlines())


def test_a_million_customers_are_as_many_series_as_ten() -> None:
    """D15 D14: labels come from closed lists; what is on none is one series more, and no id is in any."""
    metrics, notifier = WorkerMetrics(), NotifierMetrics()
    for type in sorted(EVENT_TYPES):
        for verdict in get_args(Status):
            metrics.event(TOPIC_OF[type.partition(".")[0]], type, verdict)
    metrics.event("strange", "strange.thing", "folded")
    for kind in [*KINDS, "strange-kind"]:
        for severity in SEVERITIES:
            for change in get_args(Change):
                metrics.alarm(alarm(kind=kind, severity=severity, type=change))
    for code in get_args(RejectCode):
        metrics.rejected(code, "purchases")
    before = series(metrics.registry)
    for number in range(2000):
        one = alarm(f"canary-{number}", f"canary-{number}", currency=f"X{chr(65 + number % 26)}Y", name="canary")
        metrics.event("purchases", "purchase.completed", "folded")
        metrics.event(f"canary-{number}", f"canary-{number}", "folded")
        metrics.alarm(one)
        notifier.incident(one.alarm_id, Incident(alarm=one, raised_at=NOW, true_since=NOW))
    assert series(metrics.registry) == before
    assert before < 4000
    assert series(notifier.registry) < 100
    assert b"canary" not in generate_latest(metrics.registry) + generate_latest(notifier.registry)


def test_open_alarms_are_counted_once_for_each_customer() -> None:
    """A customer with two alarms counts once, with the larger value; ended and erased alarms, and those of stores, do not count."""
    metrics = NotifierMetrics()

    def incident(one: Alarm, **changed: Any) -> None:
        metrics.incident(
            one.alarm_id, msgspec.structs.replace(Incident(alarm=one, raised_at=NOW, true_since=NOW), **changed)
        )

    incident(alarm("a1"))
    incident(alarm("a2", kind="gone-quiet", value_at_risk_minor=9000))
    incident(alarm("a3", "C2", tier="iron", value_at_risk_minor=None, currency=None))
    incident(alarm("a4", None, value_at_risk_minor=10**9))
    worth = {"tier": "gold", "currency": "EUR"}
    assert value(metrics.registry, "vigia_customers_at_risk", tier="gold") == 1
    assert value(metrics.registry, "vigia_value_at_risk_minor", **worth) == 9000
    errors = {"severity": "error", "tier": "gold", "stage": "none"}
    assert value(metrics.registry, "vigia_alarms_open", kind="risk-high", **errors) == 2
    incident(alarm("a2", kind="gone-quiet"), ended=True)
    assert value(metrics.registry, "vigia_value_at_risk_minor", **worth) == 5000
    metrics.incident("a1", None)
    assert value(metrics.registry, "vigia_customers_at_risk", tier="gold") == 0
    assert value(metrics.registry, "vigia_customers_at_risk", tier="iron") == 1


class Moody:
    """A channel that raises the given faults in turn."""

    def __init__(self, *faults: Exception | None) -> None:
        self.faults = list(faults)

    async def send(self, notification: Notification) -> None:
        if fault := self.faults.pop(0):
            raise fault

    async def close(self) -> None:
        pass


async def test_every_attempt_to_deliver_is_counted() -> None:
    """By channel and outcome; the fault goes on to the line that deals with it."""
    metrics = NotifierMetrics()
    moody = Moody(None, Retry("later"), Refused("never"), RuntimeError("own"), None)
    channel = metrics.counted({"desk": moody})["desk"]
    one = Notification(id="m", change="alarm.raised", alarms=(alarm(),), message=compose(alarm()), sent_at=NOW)
    for fault in (None, Retry, Refused, RuntimeError, None):
        if fault is None:
            await channel.send(one)
        else:
            with pytest.raises(fault):
                await channel.send(one)
    counted = {
        outcome: value(metrics.registry, "vigia_deliveries_total", channel="desk", outcome=outcome)
        for outcome in ("sent", "retry", "refused", "failed")
    }
    assert counted == {"sent": 2, "retry": 1, "refused": 1, "failed": 1}
    assert value(metrics.registry, "vigia_delivery_seconds_count", channel="desk") == 5


async def test_waiting_notifications_are_counted_at_each_scrape() -> None:
    """The lines are looked at in the scrape itself."""
    metrics = NotifierMetrics()
    routes = read('[channel.desk]\ntype = "log"\n[[route]]\nname = "all"\nto = ["desk"]\n')
    dispatcher = Dispatcher(routes, metrics.counted({"desk": Moody(None)}), Memory(), hashes=HASHES)
    metrics.queues(dispatcher.queues)
    metrics.decided(await dispatcher.take(alarm(), NOW))
    assert value(metrics.registry, "vigia_notifications_waiting", channel="desk") == 1
    assert value(metrics.registry, "vigia_notifications_decided_total", state="waiting", rule="first") == 1
    await dispatcher.deliver("desk", NOW)
    assert value(metrics.registry, "vigia_notifications_waiting", channel="desk") == 0


async def test_a_process_serves_metrics_liveness_and_readiness() -> None:
    """Metrics, life and readiness over HTTP; not ready says why."""
    metrics, why = WorkerMetrics(), ["partitions are missing"]

    async def ready() -> str:
        return why[0]

    async with (
        serving_health(metrics.registry, 0, ready=ready) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as web,
    ):

        async def get(path: str) -> tuple[int, str]:
            async with web.get(path) as answer:
                return answer.status, await answer.text()

        assert (await get("/healthz"))[0] == 200
        assert await get("/readyz") == (503, "partitions are missing\n")
        why[0] = ""
        assert await get("/readyz") == (200, "ready\n")
        status, text = await get("/metrics")
        assert (status, "vigia_rejects_total" in text) == (200, True)


def test_two_processes_in_one_share_nothing() -> None:
    """Every registry is its own: in `vigia up` nothing is counted twice and nothing collides."""
    first, second = WorkerMetrics(), WorkerMetrics()
    first.step(0.001)
    assert value(first.registry, "vigia_step_seconds_count") == 1
    assert value(second.registry, "vigia_step_seconds_count") == 0


def test_every_series_begins_at_zero() -> None:
    """What is counted for the first time is an increase by one: the series of every event and alarm are there before."""
    registry = WorkerMetrics().registry
    names = [sample.name for family in registry.collect() for sample in family.samples]
    assert names.count("vigia_events_total") == len(EVENT_TYPES)
    changes = len(STATE_CHANGES)
    assert names.count("vigia_alarms_total") == (len(KINDS) - changes) * 4 * 4 + changes
    assert {sample.value for family in registry.collect() if family.name in ("vigia_events", "vigia_alarms")
            for sample in family.samples if sample.name.endswith("_total")} == {0.0}  # fmt: skip


def a_gateway() -> Gateway:
    return Gateway(Intake(Broker("127.0.0.1:1")), Tokens.of_digests([]))


@pytest.mark.parametrize("process", [WorkerMetrics, NotifierMetrics, a_gateway], ids=["worker", "notifier", "gateway"])
def test_no_counter_waits_for_its_first_event(process: Callable[[], Any]) -> None:
    """Each counter with labels has its series at 0 from the start, so that a first event is an increase."""
    registry = process().registry
    families = [family for family in registry.collect() if family.type == "counter" and family.name != PER_CHANNEL]
    assert [family.name for family in families if not family.samples] == []
    totals = [sample for family in families for sample in family.samples if sample.name.endswith("_total")]
    assert totals
    assert {sample.value for sample in totals} == {0.0}


def test_every_bound_is_a_series() -> None:
    """Bounds of a state are typed; the names that partitions make of types of subjects are compared with those types."""
    registry = WorkerMetrics().registry
    for kind in ("customer", *GROUPS):
        assert value(registry, "vigia_forgotten_total", bound=f"silent_{kind}") == 0
        assert kind == "customer" or value(registry, "vigia_forgotten_total", bound=f"other_{kind}") == 0
    for bound in get_args(Bound):
        assert value(registry, "vigia_forgotten_total", bound=bound) == 0


def test_every_event_type_is_a_series_of_the_gateway() -> None:
    """Under the topic that takes it."""
    registry = a_gateway().registry
    for kind in EVENT_TYPES:
        assert value(registry, "vigia_gateway_events_total", topic=TOPIC_OF[kind.split(".")[0]], type=kind) == 0

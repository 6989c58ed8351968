"""Why there is an alarm, who was told of it, and by which rule not."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alerts.pipeline.dispatch import Dispatcher
from alerts.pipeline.incident import Action, Incident, encode_incident
from alerts.pipeline.routes import read
from alerts.pipeline.store import Memory
from scorers.contract.alarms import Alarm, Evidence, Reason
from scorers.contract.events import DAY, HOUR, Instant
from scorers.contract.rfc3339 import rfc3339
from scorers.contract.wire import encode_alarm
from tests.support.console import HOSTILE, NOW, alarm, broker, run, write
from tests.support.hashes import HASHES
from tests.support.routefiles import SHOP

TOLD = alarm(
    name=HOSTILE,
    stage="core_customer",
    risk=0.7,
    horizon_days=90.0,
    value_at_risk_minor=123456,
    currency="EUR",
    reasons=(Reason("silence", 1.0, "No purchase for 31 days."), Reason("unrectified_defect", 0.5, HOSTILE)),
    counterfactual="One purchase by 2024-04-01 settles this.",
    evidence=(Evidence("purchases", 3, 42, "p17"),),
    treatment="incentive",
)


@pytest.fixture
def kafka() -> Iterator[str]:
    yield from broker()


def explained(text: str) -> None:
    """Everything that speaks for the alarm is in the words, and nothing moves a cursor."""
    for part in (
        "gone-quiet, error, open; alarm a1",
        "+1.00  No purchase for 31 days.",
        "One purchase by 2024-04-01 settles this.",
        "70% within 90 days",
        "EUR 1,234.56",
        "p17 (purchases/3@42)",
        "policy p1, figures f1, model m1",
    ):
        assert part in text, part
    assert all(line.isprintable() for line in text.splitlines())


async def decided(routes: str, *alarms: Alarm) -> Incident:
    """The incident that a notifier with these routes keeps of the last of these alarms."""
    store, told = Memory(), read(routes)

    class Takes:
        async def send(self, notification: Any) -> None:
            pass

        async def close(self) -> None:
            pass

    dispatcher = Dispatcher(told, {name: Takes() for name in told.channels}, store, hashes=HASHES)
    for one in alarms:
        await dispatcher.take(one, NOW)
        for name in told.channels:
            await dispatcher.deliver(name, NOW)
    await dispatcher.act(Action(alarm_id="a1", customer_id="C1", action="ack", by="eva", reason="mine"), NOW)
    incident = store.get(alarms[-1].alarm_id)
    assert incident is not None
    return incident


def test_an_alarm_is_explained_with_what_became_of_it(kafka: str) -> None:
    """Why, what would end it, what it rests on; who was told, who was not and by which rule, and what people did."""
    worse = alarm(type="alarm.updated", time=Instant(NOW + HOUR))
    incident = asyncio.run(decided(SHOP.format(url="https://x.example"), TOLD, worse))
    write(kafka, "notifications", ("a1", None), ("a1", encode_incident(incident)), ("a0", encode_incident(incident)))
    write(kafka, "alarms", ("C1", encode_alarm(TOLD)), ("C2", encode_alarm(alarm("a2"))))
    done = run("explain", "a1", "--kafka", kafka)
    assert done.exit_code == 0, done.exception
    explained(done.stdout)
    assert "raised -> log: sent: first" in done.stdout
    assert "updated -> log: stopped: nothing_worse" in done.stdout
    assert "ack by eva: mine" in done.stdout
    told = json.loads(run("explain", "a1", "--json", "--kafka", kafka).stdout)
    assert [one["type"] for one in told["changes"]] == ["alarm.raised"]
    assert [one["rule"] for one in told["notifier"]["decisions"]] == ["first", "nothing_worse"]
    assert told["notifier"]["actions"][0]["by"] == "eva"
    write(kafka, "notifications", ("a9", encode_incident(incident)))
    assert (
        "raised -> log: sent: first" in run("explain", "a9", "--kafka", kafka).stdout
    )  # its records are deleted by now
    write(kafka, "notifications", ("a1", None))
    assert "has deleted it" in run("explain", "a1", "--kafka", kafka).stdout


def test_an_alarm_of_a_replay_is_explained_from_its_folder(tmp_path: Path) -> None:
    """With --dir no broker is asked; the end is told with its outcome and its cause."""
    end = alarm(type="alarm.settled", outcome="saved", time=Instant(NOW + DAY), cause=("p18",))
    (tmp_path / "alarms.jsonl").write_bytes(b"".join(encode_alarm(one) + b"\n" for one in (TOLD, alarm("a2"))))
    done = run("explain", "a1", "--dir", str(tmp_path), "--kafka", "127.0.0.1:1")
    explained(done.stdout)
    assert "Notifications" not in done.stdout
    with (tmp_path / "alarms.jsonl").open("ab") as file:
        file.write(encode_alarm(end) + b"\n")
    over = run("explain", "a1", "--dir", str(tmp_path)).stdout
    assert "gone-quiet, error, saved" in over
    assert "settled (saved), error, because of p18" in over
    assert "'a3': no such alarm in" in str(run("explain", "a3", "--dir", str(tmp_path)).exception)
    assert rfc3339(NOW) in run("explain", "a2", "--json", "--dir", str(tmp_path)).stdout

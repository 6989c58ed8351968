"""Acting on alarms: what an operator types is what the notifier reads."""

import os
import pwd
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from alerts.pipeline.actions import read_action
from alerts.pipeline.incident import Action, Delivery, Incident, State, encode_incident
from scorers.contract.alarms import Subject
from scorers.contract.events import HOUR, AlarmAction, Instant
from scorers.contract.wire import decode, encode_alarm
from tests.support.console import NOW, alarm, broker, on, run, write
from vigia.runtime.broker import Broker


@pytest.fixture
def kafka() -> Iterator[str]:
    yield from broker()


@pytest.mark.parametrize(
    ("typed", "action"),
    [
        (("ack", "a1"), Action(alarm_id="a1", customer_id="C1", action="ack", by="eva")),
        (
            ("resolve", "a1", "--reason", "called her"),
            Action(alarm_id="a1", customer_id="C1", action="resolve", by="eva", reason="called her"),
        ),
        (
            ("act", "a1", "--treatment", "help", "--channel", "phone", "--cost-minor", "250"),
            Action(alarm_id="a1", customer_id="C1", action="act", by="eva", treatment="help"),
        ),
        *[
            ((verb, "a1"), Action(alarm_id="a1", customer_id="C1", action=verb, by="eva"))
            for verb in ("act", "dismiss", "undo")
        ],
        (
            ("note", "a1", "--reason", "called her"),
            Action(alarm_id="a1", customer_id="C1", action="note", by="eva", reason="called her"),
        ),
        (
            ("snooze", "a1", "--until", "2099-01-01T00:00:00Z", "--reason", "on holiday"),
            Action(
                alarm_id="a1",
                customer_id="C1",
                action="snooze",
                by="eva",
                reason="on holiday",
                until=Instant(4_070_908_800_000_000),
            ),
        ),
    ],
)
def test_what_is_typed_is_what_the_notifier_reads(kafka: str, typed: tuple[str, ...], action: Action) -> None:
    """Each verb writes its action under the alarm's customer, whom it found on the topic."""
    write(kafka, "alarms", ("C9", b"{"), ("C9", encode_alarm(alarm("a9", customer_id="C9"))))
    write(kafka, "alarms", ("C1", encode_alarm(alarm())))
    done = run("alarms", *typed, "--by", "eva", "--kafka", kafka)
    assert done.exit_code == 0, done.output
    (record,) = on(kafka, "alarm-actions")
    assert record.key == b"C1"
    event = decode(record.value)
    assert isinstance(event, AlarmAction)
    assert abs(event.time - time.time_ns() // 1000) < HOUR
    known = {"by": "eva (unverified)", "id": event.id, "source": event.source, "time": event.time}
    assert read_action(record.value) == msgspec.structs.replace(action, **known)


def test_the_customer_may_be_given_and_the_user_is_who_does_it(kafka: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --customer nothing is searched, and without --by the user of the machine did it, whatever the environment says."""
    monkeypatch.setenv("LOGNAME", "marta")
    user = pwd.getpwuid(os.getuid()).pw_name
    done = run("alarms", "ack", "a7", "--customer", "C7", "--kafka", kafka, "--prefix", "north-")
    assert done.exit_code == 0, done.output
    (record,) = on(kafka, "north-alarm-actions")
    action = read_action(record.value)
    assert isinstance(action, Action)
    assert (record.key, action.alarm_id, action.customer_id, action.by) == (b"C7", "a7", "C7", f"{user} (unverified)")


def test_an_alarm_of_no_customer_is_found_under_its_subject(kafka: str) -> None:
    """What is about a place or a feed has no customer; its action goes where its alarms lie."""
    write(kafka, "alarms", ("till", encode_alarm(alarm(customer_id=None, subject=Subject("feed", "till")))))
    assert run("alarms", "ack", "a1", "--by", "eva", "--kafka", kafka).exit_code == 0
    (record,) = on(kafka, "alarm-actions")
    action = read_action(record.value)
    assert isinstance(action, Action)
    assert (record.key, action.customer_id) == (b"till", None)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (("ack", "a\x1b[31m?"), "'a[31m?': no such alarm on alarms; take the id from alarms tail"),
        (("ack", "over"), "'over' is over (saved): ack is not possible"),
        (("ack", "a1", "--by", " "), "--by is empty: give the name"),
        (("act", "a1", "--treatment", "flowers"), "--treatment 'flowers'"),
        (("note", "a1", "--reason", " "), "--reason is empty: give the text"),
        (("redeliver", "a1"), "'a1': the notifier knows no such alarm"),
        (("snooze", "a1", "--until", "2001-01-01T00:00:00Z", "--reason", "x"), "is in the past"),
        (("snooze", "a1", "--until", "soon", "--reason", "x"), "--until: 'soon' is not a length of time"),
        (("snooze", "a1", "--until", "2d", "--reason", " "), "--reason is empty: a snooze needs a reason"),
    ],
)
def test_what_cannot_be_done_is_refused_and_not_sent(kafka: str, typed: tuple[str, ...], says: str) -> None:
    """An id that is not there, an alarm that is over, an empty name or reason: one line, status 2, nothing on the topic."""
    ended = alarm("over", type="alarm.settled", outcome="saved", time=Instant(NOW + HOUR))
    write(kafka, "alarms", ("C1", encode_alarm(alarm("over"))), ("C1", encode_alarm(ended)))
    write(kafka, "alarms", ("C1", encode_alarm(alarm())))
    done = run("alarms", *typed, "--kafka", kafka)
    assert says in str(done.exception)
    assert on(kafka, "alarm-actions") == []


def test_a_kafka_that_is_away_is_status_three() -> None:
    """Every command that asks Kafka says so in one line."""
    for typed in (("explain", "a1"), ("dead-letters", "list"), ("dead-letters", "replay"), ("alarms", "ack", "a1")):
        done = run(*typed, "--kafka", "127.0.0.1:1")
        assert done.exit_code == 3, typed
        assert "is it running there?" in done.output
    assert Broker("127.0.0.1:1").name("alarms") == "alarms"


def test_an_alarm_is_delivered_again_and_that_is_noted(kafka: str, tmp_path: Path) -> None:
    """The newest notification of each channel, under its own id, and an entry of the audit trail; what was not sent is said."""
    routes = tmp_path / "routes.toml"
    tables = ("desk", "boss", "idle")
    routes.write_text("".join(f'[channel.{name}]\ntype = "log"\n' for name in tables))
    sent = delivery("desk", "sent")
    incident = Incident(alarm=alarm(), raised_at=NOW, true_since=NOW, deliveries=(sent, delivery("boss", "stopped")))
    write(kafka, "notifications", ("a1", encode_incident(incident)))
    given = ("--by", "eva", "--routes", str(routes), "--kafka", kafka)
    done = run("alarms", "redeliver", "a1", *given)
    assert (done.exit_code, done.output.split()[-2:]) == (0, ["desk", "sent"]), done.output
    (record,) = on(kafka, "alarm-actions")
    action = read_action(record.value)
    assert isinstance(action, Action)
    assert (record.key, action.action, action.by) == (b"C1", "note", "eva (unverified)")
    assert action.reason == "delivered again through desk: sent"
    refused = run("alarms", "redeliver", "a1", "--channel", "boss", *given)
    assert "nothing was sent through 'boss'; it was meant for desk" in str(refused.exception)


def delivery(channel: str, state: State) -> Delivery:
    """A delivery of the alarm's first notification."""
    return Delivery(
        id="msg_1",
        alarm_id="a1",
        change="alarm.raised",
        channel=channel,
        state=state,
        rule="first",
        time=NOW,
        severity="error",
    )

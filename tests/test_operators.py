"""What operators type: acting on alarms, dead letters, channels, routes and explanations, on a broker and on files."""

import asyncio
import json
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from typer.testing import CliRunner, Result

from alerts.actions import read_action
from alerts.dispatch import Dispatcher, Memory
from alerts.lifecycle import Action, Case, dump
from alerts.routes import read
from scorers.alarm import Alarm, Evidence, Reason, Subject
from scorers.events import DAY, HOUR, Instant
from scorers.instants import rfc3339
from scorers.wire import encode_alarm
from streams.embedded import EmbeddedKafka
from vigia import letters
from vigia.broker import INPUTS, Broker
from vigia.cli import app
from vigia.probe import serving

ROOT = Path(__file__).parent.parent
NOW = Instant(1_709_632_800_000_000)  # 2024-03-05T10:00:00Z
HOSTILE = "Ana\r\n\x1b[31mred\u202e=cmd()"
TOPICS = (*INPUTS, "alarms", "alarm-actions", "clock", "dead-letters", "notifications")


@pytest.fixture
def kafka() -> Iterator[str]:
    """A broker with all topics, also of a Vigía with a prefix."""
    with EmbeddedKafka() as broker:
        broker.create(*TOPICS, *(f"north-{topic}" for topic in TOPICS))
        yield broker.address


def run(*typed: str, stdin: str | None = None) -> Result:
    """What a command says and how it ends."""
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, list(typed), input=stdin)


def alarm(alarm_id: str = "a1", **changed: Any) -> Alarm:
    """An alarm about one customer."""
    told: dict[str, Any] = {
        "type": "alarm.raised",
        "alarm_id": alarm_id,
        "dedup_key": alarm_id,
        "subject": Subject("customer", "C1"),
        "customer_id": "C1",
        "kind": "gone-quiet",
        "severity": "error",
        "time": NOW,
        "at": NOW,
        "tier": "gold",
        "policy_version": "p1",
        "figures_version": "f1",
        "model_version": "m1",
    }
    return Alarm(**(told | changed))


def write(kafka: str, topic: str, *records: tuple[str | bytes | None, bytes | None], headers: Any = ()) -> None:
    """These records stand on the topic."""

    async def work() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
        await producer.start()
        for key, value in records:
            raw = key.encode() if isinstance(key, str) else key
            await producer.send_and_wait(topic, value, key=raw, headers=list(headers))
        await producer.stop()

    asyncio.run(work())


def on(kafka: str, topic: str) -> list[Any]:
    """The records on a topic."""

    async def work() -> list[Any]:
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest")
        await consumer.start()
        places = consumer.assignment()
        ends = await consumer.end_offsets(places)
        found: list[Any] = []
        while any([await consumer.position(place) < ends[place] for place in places]):
            for records in (await consumer.getmany(timeout_ms=100)).values():
                found += records
        await consumer.stop()
        return found

    return asyncio.run(work())


class Refused:
    """A record as its consumer held it when it was refused."""

    def __init__(self, origin: tuple[str, int, int], key: bytes | None, value: bytes | None) -> None:
        self.topic, self.partition, self.offset = origin
        self.key, self.value = key, value


def bury(
    kafka: str,
    origin: tuple[str, int, int],
    value: bytes | None = b"{",
    key: str | None = "C1",
    code: str = "not_json",
    detail: str = "the decoder cannot read it",
    prefix: str = "",
) -> None:
    """A dead letter as worker and notifier write it."""
    record = Refused(origin, None if key is None else key.encode(), value)
    *told, headers = letters.bury(record, code, detail)
    write(kafka, f"{prefix}dead-letters", tuple(told), headers=headers)


# --- acting on alarms -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "action"),
    [
        (("ack", "a1"), Action(alarm_id="a1", customer_id="C1", action="ack", by="eva")),
        (
            ("resolve", "a1", "--reason", "called her"),
            Action(alarm_id="a1", customer_id="C1", action="resolve", by="eva", reason="called her"),
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
    assert read_action(record.value) == action


def test_the_customer_may_be_given_and_the_user_is_who_does_it(kafka: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --customer nothing is searched, and without --by the user of the machine did it."""
    monkeypatch.setenv("LOGNAME", "marta")
    done = run("alarms", "ack", "a7", "--customer", "C7", "--kafka", kafka, "--prefix", "north-")
    assert done.exit_code == 0, done.output
    (record,) = on(kafka, "north-alarm-actions")
    action = read_action(record.value)
    assert isinstance(action, Action)
    assert (record.key, action.alarm_id, action.customer_id, action.by) == (b"C7", "a7", "C7", "marta")


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
        (("ack", "over"), "'over' is over (saved): nothing is left to ack"),
        (("ack", "a1", "--by", " "), "--by is empty: give the name"),
        (("snooze", "a1", "--until", "2001-01-01T00:00:00Z", "--reason", "x"), "lies in the past"),
        (("snooze", "a1", "--until", "soon", "--reason", "x"), "--until: 'soon' is not a length of time"),
        (("snooze", "a1", "--until", "2d", "--reason", " "), "--reason is empty: a snooze needs one"),
    ],
)
def test_what_cannot_be_done_is_said_and_not_sent(kafka: str, typed: tuple[str, ...], says: str) -> None:
    """An id that is not there, an alarm that is over, an empty name or reason: one line, status 2, nothing on the topic."""
    ended = alarm("over", type="alarm.settled", outcome="saved", time=Instant(NOW + HOUR))
    write(kafka, "alarms", ("C1", encode_alarm(alarm("over"))), ("C1", encode_alarm(ended)))
    write(kafka, "alarms", ("C1", encode_alarm(alarm())))
    done = run("alarms", *typed, "--kafka", kafka)
    assert says in str(done.exception)
    assert on(kafka, "alarm-actions") == []


# --- dead letters ---------------------------------------------------------------------------------------------------


def test_dead_letters_are_listed_inert_and_filtered(kafka: str) -> None:
    """D12: each in one line, with reason, origin and harmless text; filters leave what they name."""
    bury(kafka, ("purchases", 1, 7), HOSTILE.encode(), key=HOSTILE, detail=HOSTILE)
    bury(kafka, ("feedback", 2, 8), b"\xff\xfe", code="bad_text", key="C2")
    bury(kafka, ("purchases", 3, 9), None, key=None, code="key_mismatch")
    bury(kafka, ("purchases", 1, 7), HOSTILE.encode(), key=HOSTILE)  # the same refusal, told twice after a kill
    write(kafka, "dead-letters", ("C1", b"somebody else's"))
    done = run("dead-letters", "list", "--kafka", kafka)
    assert done.exit_code == 0, done.output
    rows = done.stdout.splitlines()
    assert len(rows) == 3
    assert all(row.isprintable() for row in rows)
    (hostile,) = [row for row in rows if "purchases/1@7" in row]
    assert "not_json" in hostile
    assert hostile.count("Ana") == 3

    def left(*options: str) -> set[str]:
        found = run("dead-letters", "list", "--json", "--kafka", kafka, *options)
        assert found.exit_code == 0, found.output
        return {f"{one['topic']}@{one['offset']}" for one in map(json.loads, found.stdout.splitlines())}

    everything = {"purchases@7", "feedback@8", "purchases@9"}
    assert left() == everything
    assert left("--code", "bad_text") == {"feedback@8"}
    assert left("--code", "bad_text", "--code", "key_mismatch") == {"feedback@8", "purchases@9"}
    assert left("--topic", "purchases") == {"purchases@7", "purchases@9"}
    assert left("--key", "C2") == {"feedback@8"}
    assert left("--since", "1h") == everything
    assert left("--since", "2099-01-01T00:00:00Z") == set()
    assert left("--topic", "purchases", "--code", "bad_text") == set()


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (("--code", "bad_tex"), "--code 'bad_tex': not known; known are not_json"),
        (("--topic", "sales"), "--topic 'sales': not known; known are"),
        (("--topic", "north-purchases", "--prefix", "north-"), "write it without the prefix, 'purchases'"),
        (("--since", "yesterday"), "--since"),
    ],
)
def test_a_filter_that_is_none_is_named(typed: tuple[str, ...], says: str) -> None:
    """A slip of the pen is not an empty list; nothing is asked of Kafka."""
    done = run("dead-letters", "list", "--kafka", "127.0.0.1:1", *typed)
    assert says in str(done.exception)


def test_dead_letters_go_back_once_as_they_came(kafka: str) -> None:
    """Key and bytes to their topic, what has no key to its partition; a second time only when asked, after a dry run none."""
    raw = b'{"id": "1", "later": true}'
    bury(kafka, ("north-purchases", 0, 7), raw, key="C1", prefix="north-")
    bury(kafka, ("north-purchases", 2, 3), b"sale", key=None, prefix="north-")
    bury(kafka, ("north-alarm-actions", 1, 1), b"\xff", key="C3", code="bad_text", prefix="north-")
    options = ("--kafka", kafka, "--prefix", "north-")

    def back() -> list[tuple[str, bytes | None, bytes | None]]:
        topics = ("north-purchases", "north-alarm-actions")
        return [(topic, r.key, r.value) for topic in topics for r in on(kafka, topic)]

    dry = run("dead-letters", "replay", "--dry-run", *options)
    assert (dry.exit_code, back()) == (0, [])
    assert "2 would go -> north-purchases" in dry.output
    some = run("dead-letters", "replay", "--code", "bad_text", *options)
    assert some.exit_code == 0, some.output
    assert back() == [("north-alarm-actions", b"C3", b"\xff")]
    rest = run("dead-letters", "replay", *options)
    assert "2 records -> north-purchases" in rest.output
    everything = back()
    assert set(everything) == {
        ("north-alarm-actions", b"C3", b"\xff"),
        ("north-purchases", None, b"sale"),
        ("north-purchases", b"C1", raw),
    }
    assert [r.partition for r in on(kafka, "north-purchases") if r.key is None] == [2]
    none = run("dead-letters", "replay", *options)
    assert none.exit_code == 0
    assert "no dead letters to send back" in none.output
    assert len(back()) == len(everything) == 3
    assert "sent back" in run("dead-letters", "list", "--again", *options).stdout
    assert run("dead-letters", "list", *options).stdout == ""
    assert run("dead-letters", "replay", "--again", "--topic", "alarm-actions", *options).exit_code == 0
    assert len(back()) == len(everything) + 1


def test_letters_that_cannot_go_back_are_named(kafka: str) -> None:
    """Of another Vigía, or of a partition that is no more: named, left where they are, and the others go."""
    bury(kafka, ("south-purchases", 0, 7))
    bury(kafka, ("purchases", 77, 7), key=None)
    bury(kafka, ("purchases", 0, 8), b"good")
    done = run("dead-letters", "replay", "--kafka", kafka)
    assert done.exit_code == 1
    assert "south-purchases/0@7: not sent: south-purchases is no topic that this Vigía reads" in done.output
    assert "purchases/77@7: not sent" in done.output
    assert [record.value for record in on(kafka, "purchases")] == [b"good"]
    left = run("dead-letters", "list", "--kafka", kafka).stdout
    assert left.count("\n") == 2
    assert on(kafka, "south-purchases") == []


# --- channels and routes --------------------------------------------------------------------------------------------

SHOP = """
[channel.desk]
type = "webhook"
url = "{url}"
allow_hosts = ["127.0.0.1"]
secrets_env = ["HOOK_SECRET"]
timeout = "2s"

[channel.log]
type = "log"

[interval.night]
start = "21:00"
end = "08:00"

[[route]]
name = "gravest"
severity = ["critical"]
to = ["desk", "log"]

[[route]]
name = "lead"
tier = ["lead"]
suppress = "do_not_spend"

[[route]]
name = "gold"
tier = ["gold"]
quiet = "night"
to = ["log"]
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """A routes file whose desk is at that URL."""
    monkeypatch.setenv("HOOK_SECRET", "whsec_" + "A" * 43 + "=")

    def write_file(url: str = "https://desk.example.com/x?word=canary") -> str:
        path = tmp_path / "routes.toml"
        path.write_text(SHOP.format(url=url))
        return str(path)

    return write_file


def test_channels_are_listed_without_a_secret(shop: Callable[[str], str]) -> None:
    """Each with its sort, its host, and who uses it; nothing of a URL but the host."""
    done = run("channels", "list", "--routes", shop("https://desk.example.com/x?word=canary"))
    assert done.exit_code == 0, done.output
    rows = done.stdout.splitlines()
    assert [row.split()[:3] for row in rows] == [["desk", "webhook", "desk.example.com"], ["log", "log", "this"]]
    assert "route 'gravest'" in rows[0]
    assert "canary" not in done.output
    told = run("channels", "list", "--json", "--routes", shop("https://desk.example.com/x"))
    assert [json.loads(row)["used_by"] for row in told.stdout.splitlines()][1] == ["route 'gravest'", "route 'gold'"]


@pytest.mark.parametrize(("status", "outcome"), [(204, "sent"), (500, "failed: 500"), (410, "refused: 410")])
async def test_a_test_message_goes_as_a_real_one_would(shop: Callable[[str], str], status: int, outcome: str) -> None:
    """Signed and through the same checks; the answer is told, and the status is 1 unless all were sent."""
    got = []

    async def answer(request: web.Request) -> web.Response:
        got.append((json.loads(await request.read()), request.headers["webhook-signature"]))
        return web.Response(status=status)

    desk = web.Application()
    desk.router.add_post("/", answer)
    async with serving(desk, "127.0.0.1", 0) as port:
        done = await asyncio.to_thread(run, "channels", "test", "--routes", shop(f"http://127.0.0.1:{port}/"))
    assert done.exit_code == (outcome != "sent")
    rows = [" ".join(row.split()) for row in done.stdout.splitlines()]
    assert rows[0].startswith(f"desk {outcome}")
    assert rows[1] == "log sent"
    ((told, signature),) = got
    assert (told["type"], told["data"]["alarms"]) == ("channel.tested", [])
    assert signature.startswith("v1,")


def test_a_channel_that_is_not_there_and_a_secret_that_is_missing(
    shop: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unknown name lists the known ones; a missing secret is said by the variable's name."""
    assert "known are desk, log" in str(run("channels", "test", "dsk", "--routes", shop("https://x.example")).exception)
    monkeypatch.delenv("HOOK_SECRET")
    done = run("channels", "test", "desk", "--routes", shop("https://x.example"))
    assert done.exit_code == 1
    assert "HOOK_SECRET is not set" in done.output


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (("--tier", "gold"), ["route 'gold'", "log: goes at once: first"]),
        (("--tier", "gold", "--now", "2024-03-05T23:00:00Z"), ["at Wed 6 Mar 2024, 08:00 UTC", "quiet"]),
        (("--kind", "terrorist", "--tier", "lead"), ["critical", "desk: goes at once", "log: goes at once"]),
        (("--kind", "defected", "--tier", "lead"), ["not sent: info"]),
        (("--kind", "defected", "--tier", "lead", "--severity", "error"), ["not sent: do_not_spend", "route 'lead'"]),
        (("--tier", "iron"), ["no route", "not sent: no_route"]),
    ],
)
def test_routes_are_tried_before_an_alarm_is_real(
    shop: Callable[[str], str], typed: tuple[str, ...], says: list[str]
) -> None:
    """An example of any kind and tier: which route, which channels, when, and who stops it why."""
    done = run("routes", "test", "--routes", shop("https://desk.example.com/x"), *typed)
    assert done.exit_code == 0, done.output
    for part in says:
        assert part in done.stdout


def test_alarms_of_a_file_are_tried(shop: Callable[[str], str], tmp_path: Path) -> None:
    """Lines or one alarm over several; old ones are too old; a line that is none is named; --json says the same."""
    routes = ("--routes", shop("https://desk.example.com/x"))
    old = alarm("a2", at=Instant(NOW - 3 * DAY), name=HOSTILE)
    lines = b"\n".join([encode_alarm(alarm()), encode_alarm(old)])
    done = run("routes", "test", "-", "--json", *routes, stdin=lines.decode())
    told = [json.loads(row) for row in done.stdout.splitlines()]
    assert [[(d["goes"], d["rule"]) for d in one["decisions"]] for one in told] == [
        [(True, "first")],
        [(False, "too_old")],
    ]
    file = tmp_path / "alarm.json"
    file.write_text(json.dumps(json.loads(encode_alarm(alarm())), indent=2))
    assert "log: goes at once" in run("routes", "test", str(file), *routes).stdout
    file.write_bytes(lines + b"\n{}\n")
    assert f"{file}, line 3: no alarm: missing_field" in str(run("routes", "test", str(file), *routes).exception)


def test_the_policy_says_how_old_is_too_old(shop: Callable[[str], str], tmp_path: Path) -> None:
    """`notify_within` of the policy decides what a late find is still worth telling, here and in the notifier alike."""
    patient = tmp_path / "policy.toml"
    patient.write_text("[time]\nnotify_within = '4d'\n")
    old = encode_alarm(alarm(at=Instant(NOW - 3 * DAY))).decode()
    routes = ("routes", "test", "-", "--routes", shop("https://x.example"))
    assert "not sent: too_old (it became true 3 days before" in run(*routes, stdin=old).stdout
    assert "log: goes at once" in run(*routes, "--policy", str(patient), stdin=old).stdout


def test_wrong_routes_are_named_with_line_and_mend(shop: Callable[[str], str]) -> None:
    """The same sentence wherever routes are read."""
    path = Path(shop("https://desk.example.com/x"))
    path.write_text(path.read_text().replace('to = ["log"]', 'to = ["logg"]'))
    for typed in (("routes", "test"), ("channels", "list"), ("channels", "test"), ("notifier",)):
        said = str(run(*typed, "--routes", str(path)).exception)
        assert said.startswith(f"{path}:30: route[2].to: 'logg' is not known; did you mean"), said


def test_the_routes_that_ship_are_those_in_force_without_a_file() -> None:
    """A wheel holds them; what is shown is what is tried, and what the notifier takes."""
    included = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert included["force-include"]["deploy/routes.toml"] == "vigia/defaults/routes.toml"
    assert included["force-include"]["deploy/policy.toml"] == "vigia/defaults/policy.toml"
    shown = run("routes", "show").stdout
    assert shown == (ROOT / "deploy" / "routes.toml").read_text()
    assert set(read(shown).channels) == {json.loads(run("channels", "list", "--json").stdout)["channel"]}


# --- explaining -----------------------------------------------------------------------------------------------------

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


async def decided(routes: str, *alarms: Alarm) -> Case:
    """The case that a notifier with these routes keeps of the last of these alarms."""
    store, told = Memory(), read(routes)

    class Takes:
        async def send(self, notification: Any) -> None:
            pass

        async def close(self) -> None:
            pass

    dispatcher = Dispatcher(told, {name: Takes() for name in told.channels}, store)
    for one in alarms:
        await dispatcher.take(one, NOW)
        for name in told.channels:
            await dispatcher.deliver(name, NOW)
    await dispatcher.act(Action(alarm_id="a1", customer_id="C1", action="ack", by="eva", reason="mine"), NOW)
    case = store.get(alarms[-1].alarm_id)
    assert case is not None
    return case


def test_an_alarm_is_explained_with_what_became_of_it(kafka: str, shop: Callable[[str], str]) -> None:
    """Why, what would end it, what it rests on; who was told, who was not and by which rule, and what people did."""
    worse = alarm(type="alarm.updated", time=Instant(NOW + HOUR))
    case = asyncio.run(decided(Path(shop("https://x.example")).read_text(), TOLD, worse))
    write(kafka, "notifications", ("a1", None), ("a1", dump(case)), ("a0", dump(case)))
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
    write(kafka, "notifications", ("a1", None))
    assert "has forgotten it" in run("explain", "a1", "--kafka", kafka).stdout


def test_an_alarm_of_a_replay_is_explained_from_its_folder(tmp_path: Path) -> None:
    """With --dir no broker is asked; the end is told with its outcome and its cause."""
    end = alarm(type="alarm.settled", outcome="saved", time=Instant(NOW + DAY), cause=("p18",))
    (tmp_path / "alarms.jsonl").write_bytes(b"".join(encode_alarm(one) + b"\n" for one in (TOLD, alarm("a2"))))
    done = run("explain", "a1", "--dir", str(tmp_path), "--kafka", "127.0.0.1:1")
    explained(done.stdout)
    assert "Who was told" not in done.stdout
    with (tmp_path / "alarms.jsonl").open("ab") as file:
        file.write(encode_alarm(end) + b"\n")
    over = run("explain", "a1", "--dir", str(tmp_path)).stdout
    assert "gone-quiet, error, saved" in over
    assert "settled (saved), error, because of p18" in over
    assert "'a3': no such alarm in" in str(run("explain", "a3", "--dir", str(tmp_path)).exception)
    assert rfc3339(NOW) in run("explain", "a2", "--json", "--dir", str(tmp_path)).stdout


def test_a_kafka_that_is_away_is_status_three() -> None:
    """Every command that asks Kafka says so in one line."""
    for typed in (("explain", "a1"), ("dead-letters", "list"), ("dead-letters", "replay"), ("alarms", "ack", "a1")):
        done = run(*typed, "--kafka", "127.0.0.1:1")
        assert done.exit_code == 3, typed
        assert "is it running there?" in done.output
    assert Broker("127.0.0.1:1").name("alarms") == "alarms"

"""`vigia privacy`: what is held of a customer is found wherever it stands, and exported; the erased are not found."""

import asyncio
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from alerts.pipeline.incident import encode_incident
from scorers.contract.wire import encode_alarm
from streams.records.lessons import pseudonymous
from tests.support.console import alarm, broker, run, write
from tests.support.desk import a_lesson
from tests.support.driver import purchase, record
from tests.support.hashes import HASHES, KEY
from tests.support.timeline import Story
from vigia.operations.privacy import Trace
from vigia.runtime.privacy.keyed_hash import FILE

ANA = "canary-4711"
SALE = purchase("2024-03-01T09:00:00Z", ANA)
REFERRED = record("referral.made", "2024-03-02T09:00:00Z", "C2", positive=True, referred_customer_id=ANA)
ERASED = record("customer.erased", "2024-03-05T09:00:00Z", ANA)
TOLD = alarm("a1", customer_id=ANA, name="Ana Ruiz")


@pytest.fixture
def kafka() -> Iterator[str]:
    yield from broker()


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of the test."""
    monkeypatch.setenv("VIGIA_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


async def incident() -> bytes:
    """What the notifier keeps of the alarm."""
    story = Story()
    await story.push(TOLD)
    found = story.store.get("a1")
    assert found is not None
    return encode_incident(found)


def fill(kafka: str) -> None:
    """These facts and alarms stand on the topics."""
    write(kafka, "purchases", (ANA, SALE), ("C2", purchase("2024-03-01T09:00:00Z", "C2")))
    write(kafka, "feedback", ("C2", REFERRED))
    write(kafka, "alarms", (ANA, encode_alarm(TOLD)))


def test_each_place_is_listed(kafka: str, own_state: Path, tmp_path: Path) -> None:
    """Topics, with a mention in another's record, files of the state folder and logs; of others nothing is said."""
    fill(kafka)
    (own_state / "a").mkdir(parents=True)
    (own_state / "a" / "cards.db").write_bytes(b"\x00" + ANA.encode() + b"\x00")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "old.gz").write_bytes(gzip.compress(b"one\nsold to canary-4711.\n"))
    done = run("privacy", "check", ANA, "--kafka", kafka, "--logs", str(tmp_path / "logs"))
    assert done.exit_code == 1
    places = [line.partition(":")[0] for line in done.stdout.splitlines()]
    assert places[:3] == ["topic purchases", "topic feedback", "topic alarms"]
    assert "cards.db" in places[3]
    assert "old.gz: 1, the first at line 2" in done.stdout
    assert run("privacy", "check", "canary-47", "--kafka", kafka).exit_code == 0


async def test_after_an_erasure_topics_have_their_time(kafka: str) -> None:
    """What a topic still holds is listed with its end and counts only with --strict; what stands in an incident counts."""
    await asyncio.to_thread(fill, kafka)
    await asyncio.to_thread(write, kafka, "feedback", (ANA, ERASED))
    await asyncio.to_thread(write, kafka, "notifications", ("a1", await incident()))
    found = await asyncio.to_thread(run, "privacy", "check", ANA, "--kafka", kafka)
    assert found.exit_code == 1
    assert "topic notifications: 1, the first at partition" in found.stdout
    await asyncio.to_thread(write, kafka, "notifications", ("a1", None))
    clean = await asyncio.to_thread(run, "privacy", "check", ANA, "--kafka", kafka)
    assert clean.exit_code == 0, clean.stdout
    assert clean.stdout.count("; gone by ") == len(clean.stdout.splitlines()) == 4
    assert (await asyncio.to_thread(run, "privacy", "check", ANA, "--strict", "--kafka", kafka)).exit_code == 1


def test_a_customer_gets_what_is_held_of_them(kafka: str) -> None:
    """Own records in full; of a record of somebody else only its place."""
    fill(kafka)
    held = json.loads(run("privacy", "export", ANA, "--kafka", kafka).stdout)
    assert held["customer_id"] == ANA
    assert [one["topic"] for one in held["records"]] == ["purchases", "alarms"]
    assert held["records"][0]["value"] == json.loads(SALE)
    assert held["records"][1]["value"]["name"] == "Ana Ruiz"
    assert len(held["mentions"]) == 1
    assert held["mentions"][0].startswith("feedback, partition ")


def test_lessons_are_found_by_their_keyed_hash(kafka: str, own_state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the key, from the environment or a state folder, they are listed and exported; without it the command says so."""
    fill(kafka)
    key, raw = pseudonymous(msgspec.structs.replace(a_lesson(), customer_id=ANA), HASHES)
    write(kafka, "lessons", (key.decode(), raw))
    without = run("privacy", "check", ANA, "--kafka", kafka)
    assert "topic lessons" not in without.stdout
    assert "lessons are not searched" in without.stderr
    assert not (own_state / FILE).exists()
    monkeypatch.setenv("VIGIA_PRIVACY_KEY", "another-" * 4 + " " + KEY)
    assert "topic lessons: 1" in run("privacy", "check", ANA, "--kafka", kafka).stdout
    monkeypatch.delenv("VIGIA_PRIVACY_KEY")
    own_state.mkdir()
    (own_state / FILE).write_text(KEY)
    held = json.loads(run("privacy", "export", ANA, "--kafka", kafka).stdout)
    assert [one["topic"] for one in held["records"]] == ["purchases", "alarms", "lessons"]


def test_the_folder_of_a_replay_is_searched_and_exported(tmp_path: Path) -> None:
    """Before an erasure everything is there, after it nothing of the state; no broker is asked."""
    events, out = tmp_path / "events.jsonl", tmp_path / "out"
    events.write_bytes(b"\n".join((SALE, REFERRED)) + b"\n")
    assert run("replay", str(events), "--out", str(out)).exit_code == 0
    assert run("privacy", "check", ANA, str(out)).exit_code == 1
    assert run("privacy", "check", "C9", "--dir", str(out)).exit_code == 0
    file = tmp_path / "held.json"
    assert run("privacy", "export", ANA, str(out), "--out", str(file)).exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text())["state"][0]["customer_id"] == ANA
    assert "no such folder" in str(run("privacy", "check", ANA, str(tmp_path / "none")).exception)


def test_explain_shows_nothing_of_an_erased_customer(kafka: str, tmp_path: Path) -> None:
    """Neither from the topics nor from the folder of a replay; before the erasure the name stands there."""
    fill(kafka)
    assert "Ana Ruiz" in run("explain", "a1", "--kafka", kafka).stdout
    write(kafka, "feedback", (ANA, record("customer.erased", "2024-03-06T09:00:00Z", ANA)))
    done = run("explain", "a1", "--kafka", kafka)
    assert "Ana" not in done.output
    assert "was erased" in str(done.exception)
    (tmp_path / "alarms.jsonl").write_bytes(encode_alarm(TOLD) + b"\n")
    (tmp_path / "customers.jsonl").write_bytes(b"")
    assert "was erased" in str(run("explain", "a1", "--dir", str(tmp_path)).exception)


@pytest.mark.parametrize(
    ("customer", "data", "found"),
    [
        ("17", b'{"customer_id":"17"}', True),
        ("17", b'{"time":"2024-01-17T17:17:17Z","quantity":17}', False),
        ("17", b"\x93\xa217\x01", True),
        ("Müller", '{"customer_id":"Müller"}'.encode(), True),
        ("Müller", b'{"customer_id":"M\\u00fcller"}', True),
        ("C1", b"C12 C-1 xC1 C1-2", False),
        ("C1", b"customer=C1;", True),
        ("a.b", b"axb", False),
    ],
)
def test_an_id_is_found_as_a_whole(customer: str, data: bytes, found: bool) -> None:
    """As a text of JSON or MessagePack, or as a word; a number is not found in times and amounts."""
    assert Trace(customer).is_in(data) is found

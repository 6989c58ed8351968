"""The API of the console: what it answers, who may ask, and what an action does."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import aiohttp
import msgspec
import pytest

from scorers.contract.events import HOUR, AlarmAction, Instant
from scorers.contract.rfc3339 import rfc3339
from scorers.contract.wire import decode, encode_alarm, encode_worklist_entry
from tests.support.alarms import an_alarm
from tests.support.consoles import Shop, a_shop
from tests.support.readmodels import NOW, a_customer, an_entry
from vigia.console.entry.accounts import Accounts, User
from vigia.runtime.topic_reader import read

ODD = "C/2 ? # % ñ"


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """A console over a broker."""
    async with a_shop(tmp_path) as found:
        yield found


async def fill(shop: Shop) -> None:
    """Two customers, an alarm of each, and a worklist."""
    await shop.desk.send("customers", "C1", a_customer("C1", "Ana Ruiz"))
    await shop.desk.send("customers", ODD, a_customer(ODD, "Ben", tier="iron"))
    await shop.desk.alarms(an_alarm(NOW, "a1", value_at_risk_minor=5_000, currency="EUR", risk=0.8, store_id="s1"))
    await shop.desk.alarms(an_alarm(NOW, "a/2 %", ODD, severity="warning", tier="iron"))
    await shop.desk.send("worklist", "C1", encode_worklist_entry(an_entry("C1")))
    await shop.desk.send("worklist", ODD, encode_worklist_entry(an_entry(ODD, 2, held_out=True)))


async def test_lists_have_filters_pages_and_an_etag(shop: Shop) -> None:
    """100 a page, with the address of the next one, which keeps the filters; an unchanged answer is not sent twice."""
    for n in range(103):
        await shop.desk.producer.send("customers", a_customer(f"K{n:03}", stage="dormant"), key=f"K{n:03}".encode())
    await fill(shop)
    await shop.desk.until(lambda: shop.desk.model.next)
    status, heads, first = await shop.get("/api/v1/customers?stage=dormant&sort=name")
    assert (status, len(first["items"]), first["total"]) == (200, 100, 103)
    assert first["next"] == "/api/v1/customers?stage=dormant&sort=name&page=2"
    _, _, last = await shop.get(first["next"])
    assert (len(last["items"]), last["next"]) == (3, None)
    assert len({one["customer_id"] for one in (*first["items"], *last["items"])}) == 103
    status, _, _ = await shop.get("/api/v1/customers?stage=dormant&sort=name", headers={"If-None-Match": heads["ETag"]})
    assert status == 304
    assert (await shop.get("/api/v1/customers?q=ana"))[2]["items"][0]["expected_loss_minor"] == 5_000
    assert [one["alarm_id"] for one in (await shop.get("/api/v1/alarms?tier=iron"))[2]["items"]] == ["a/2 %"]
    for wrong in ("customers?tier=steel", "alarms?state=x", "alarms?page=0", "customers?page=x", "alarms?kind=gone"):
        status, _, body = await shop.get(f"/api/v1/{wrong}")
        assert (status, "allowed are" in body["error"] or "give a number" in body["error"]) == (400, True), wrong


async def test_ids_of_any_form_open_and_unknown_ones_are_not_found(shop: Shop) -> None:
    """Slashes, question marks, hashes, percent signs and blanks."""
    await fill(shop)
    status, _, body = await shop.get(f"/api/v1/customers/{quote(ODD, safe='')}")
    assert (status, body["customer_id"], body["alarms_standing"]) == (200, ODD, 1)
    status, _, body = await shop.get(f"/api/v1/customers/{quote(ODD, safe='')}/explanation")
    assert (status, [one["alarm_id"] for one in body["alarms"]]) == (200, ["a/2 %"])
    status, _, body = await shop.get(f"/api/v1/alarms/{quote('a/2 %', safe='')}")
    assert (status, body["state"], [one["type"] for one in body["changes"]]) == (200, "open", ["alarm.raised"])
    for path in ("customers/x", "customers/x/explanation", "alarms/x", "nothing"):
        assert (await shop.get(f"/api/v1/{path}"))[0] == 404
    assert (await shop.post("/api/v1/alarms/x/actions", json={"action": "ack"}))[0] == 404


async def test_an_action_is_recorded_and_shown_at_once(shop: Shop) -> None:
    """On `alarm-actions`, under the name of who acts; the same request again acts once."""
    await fill(shop)
    until = rfc3339(Instant(shop.desk.now + HOUR))
    status, _, body = await shop.post(
        "/api/v1/alarms/a1/actions", json={"action": "snooze", "until": until, "reason": "away"}
    )
    assert (status, body["state"], body["snoozed_until"]) == (200, "snoozed", until)
    for _ in range(2):
        status, _, body = await shop.post(
            "/api/v1/alarms/a1/actions", json={"action": "act", "treatment": "help"}, headers={"Idempotency-Key": "k1"}
        )
        assert (status, [one["action"] for one in body["actions"]]) == (200, ["snooze", "act"])
    status, _, body = await shop.post(
        "/api/v1/worklist/2024-03-05/C1/actions", json={"action": "act", "reason": "called"}
    )
    assert (status, [one["reason"] for one in body["actions"]]) == (200, ["called"])
    found = []
    await read(shop.desk.broker, "alarm-actions", lambda record: found.append((record.key, decode(record.value))))
    assert all(isinstance(one, AlarmAction) and one.source == "vigia-console" for _, one in found)
    assert [(key, one.action, one.by) for key, one in found] == [  # type: ignore[union-attr]
        (b"C1", action, "this machine (unverified)") for action in ("snooze", "act", "act")
    ]
    worklist = (await shop.get("/api/v1/worklist"))[2]
    assert (worklist["date"], worklist["total"], worklist["items"][0]["actions"][0]["action"]) == (
        "2024-03-05",
        1,
        "act",
    )


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"action": "snooze"}, 400),
        ({"action": "snooze", "until": "2020-01-01T00:00:00Z", "reason": "x"}, 400),
        ({"action": "snooze", "until": "2034-01-01T00:00:00Z"}, 400),
        ({"action": "buy"}, 400),
        ({"action": "ack", "more": 1}, 400),
        ({"action": "ack", "treatment": "shout"}, 400),
        ({"action": "undo"}, 409),
        ([], 400),
        ("x" * 20_000, 413),
    ],
)
async def test_what_does_not_fit_is_refused(shop: Shop, body: object, status: int) -> None:
    """With the reason, and nothing on the topic."""
    await fill(shop)
    got, _, answer = await shop.post("/api/v1/alarms/a1/actions", json=body)
    assert (got, bool(answer["error"])) == (status, True)
    assert await shop.desk.model.ask(lambda db: db.alarms.actions("a1")) == []


async def test_keys_have_scopes_and_their_name_is_recorded(shop: Shop) -> None:
    """A key that is removed is refused at once; with a user, this machine has to sign in as well."""
    await fill(shop)
    reads, acts = (shop.accounts.add_key(scope, scope) for scope in ("read", "act"))  # type: ignore[arg-type]
    shop.accounts.add_user("Eva", "agent", "a long password")
    assert (await shop.get("/api/v1/base"))[0] == 401
    assert (await shop.get("/api/v1/base", headers={"Authorization": "Bearer nonsense"}))[0] == 401
    assert (await shop.get("/api/v1/base", headers={"Authorization": f"Bearer {reads}"}))[0] == 200
    act = {"url": "/api/v1/alarms/a1/actions", "json": {"action": "ack"}}
    path = act.pop("url")
    assert (await shop.post(path, **act, headers={"Authorization": f"Bearer {reads}"}))[0] == 403  # type: ignore[arg-type]
    status, _, body = await shop.post(path, **act, headers={"Authorization": f"Bearer {acts}"})  # type: ignore[arg-type]
    assert (status, body["taken_by"]) == (200, "act")
    shop.accounts.remove("key", "act")
    assert (await shop.post(path, **act, headers={"Authorization": f"Bearer {acts}"}))[0] == 401  # type: ignore[arg-type]


async def test_only_this_machine_itself_needs_no_sign_in(shop: Shop) -> None:
    """Not through a proxy, not under another name of the host, not from a page of elsewhere."""
    assert (await shop.get("/api/v1/base"))[0] == 200
    for heads in (
        {"X-Forwarded-For": "10.0.0.9"},
        {"Forwarded": "for=10.0.0.9"},
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        assert (await shop.get("/api/v1/base", headers=heads))[0] == 401, heads
        assert (await shop.get("/", headers=heads))[0] == 403, heads
        assert (await shop.post("/api/v1/alarms/a1/actions", json={"action": "ack"}, headers=heads))[0] == 401


async def test_alarms_are_streamed_with_ids(shop: Shop) -> None:
    """A record as it stands on the topic; who comes back is sent what was missed."""
    await shop.desk.alarms(an_alarm(NOW, "a1"))
    url = f"{shop.address}/api/v1/events"

    async def next_event(answer: aiohttp.ClientResponse) -> dict[str, str]:
        fields: dict[str, str] = {}
        async with asyncio.timeout(60):
            async for line in answer.content:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if not name and "data" in fields:
                    return fields
                fields = {**fields, name: value} if name else {}
        raise AssertionError("the stream has ended")

    async with shop.session.get(url) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        await asyncio.sleep(0.2)
        second = an_alarm(NOW, "a2", "C2")
        await shop.desk.alarms(second)
        got = await next_event(answer)
    assert got["event"] == "alarm"
    assert json.loads(got["data"]) == json.loads(encode_alarm(second))
    await shop.desk.alarms(an_alarm(NOW, "a3", "C3"))
    async with shop.session.get(url, headers={"Last-Event-ID": got["id"]}) as answer:
        assert json.loads((await next_event(answer))["data"])["alarm_id"] == "a3"
    async with shop.session.get(url, headers={"Last-Event-ID": "0"}) as answer:
        assert json.loads((await next_event(answer))["data"])["alarm_id"] == "a1"


async def test_the_console_stops_while_streams_are_open(tmp_path: Path) -> None:
    """Within the grace of the server, and each stream ends."""
    async with aiohttp.ClientSession() as session:
        async with a_shop(tmp_path) as shop:
            answers = [await session.get(f"{shop.address}/api/v1/events") for _ in range(9)]
            reading = [asyncio.create_task(one.read()) for one in answers]
            await asyncio.sleep(0.1)
            assert not any(one.done() for one in reading)
        async with asyncio.timeout(60):
            assert all(body.startswith(b"retry:") for body in await asyncio.gather(*reading))


async def test_accounts_are_hashed_and_read_again(tmp_path: Path) -> None:
    """No password and no key stands in the files; a changed file counts without a restart."""
    accounts, other = Accounts(tmp_path), Accounts(tmp_path)
    token = accounts.add_key("till", "read")
    accounts.add_user("Eva", "agent", "a long password")
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert token.encode() not in held
    assert b"a long password" not in held
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.glob("*.json"))
    found = await asyncio.to_thread(other.user, "Eva", "a long password")
    assert isinstance(found, User)
    assert (found.role, other.user("Eva", "a wrong password"), other.user("Ben", "a long password")) == (
        "agent",
        None,
        None,
    )
    assert msgspec.to_builtins(other.key(token))["name"] == "till"
    accounts.remove("user", "Eva")
    assert other.users == {}

"""D14: what must stay secret is in no log, metric, page or last word of a process, however it ends.

Customers and secrets of this test are words that stand nowhere else. A worker, a notifier and a gateway run as their
users start them, through what works and through what fails; then everything that they have said is searched. The words
must be found where they belong, or the search has proved nothing.
"""

import asyncio
import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import time
import urllib.parse
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiosmtpd.smtp import SMTP

from scorers.events import DAY
from scorers.policy import Policy
from streams.app import Worker
from streams.embedded import PARTITIONS, EmbeddedKafka
from streams.gateway import new_token
from streams.metrics import WorkerMetrics
from tests.driver import purchase, record
from tests.kafka.running import Running
from tests.redisserver import Server
from vigia.broker import Broker
from vigia.letters import TOPIC as LETTERS
from vigia.letters import Letter, read
from vigia.probe import serving
from vigia.settings import Settings

VIGIA = (sys.executable, "-m", "vigia")
TODAY = int(time.time() * 1e6)  # people are told of alarms that are fresh

PERSON, ADDRESS, NAME = "canary-ana-7319", "canary.ana@example.com", "Canaria Secreta"
SEAL, REDIS, MAIL, SASL = "canary-seal-1a9f", "canary-redis-2b8e", "canary-mail-3c7d", "canary-sasl-4d6c"
HOOK = f"whsec_{base64.b64encode(b'canary of the webhook, 32 bytes.').decode()}"
HOOK_URL_PART = "canary-capability-5e5b"  # of receivers whose URL is itself a secret
TOKEN, DIGEST = new_token()

CUSTOMERS = {"customer's id": PERSON, "customer's address": ADDRESS, "customer's name": NAME}
SECRETS = {
    "seal": SEAL,
    "Redis password": REDIS,
    "mail password": MAIL,
    "SASL password": SASL,
    "webhook secret": HOOK,
    "webhook URL": HOOK_URL_PART,
    "sender's token": TOKEN,
}

ROUTES = """
[channel.log]
type = "log"

[channel.broken]
type = "webhook"
url = "{desk}broken"
allow_hosts = ["127.0.0.1"]
secrets_env = ["HOOK_SECRET"]

[channel.gone]
type = "webhook"
url_env = "HOOK_URL"
allow_hosts = ["127.0.0.1"]
secrets_env = ["HOOK_SECRET"]

[channel.inside]
type = "webhook"
url = "https://10.0.0.1/{part}"
secrets_env = ["HOOK_SECRET"]

[channel.mail]
type = "email"
host = "127.0.0.1"
port = {post}
tls = "none"
sender = "vigia@example.com"
to = ["manager@example.com"]
username = "vigia"
password_env = "MAIL_PASSWORD"

[[route]]
name = "all"
to = ["log", "broken", "gone", "inside", "mail"]
"""


def forms(word: str) -> set[bytes]:
    """A word as it may stand in a text: as it is, quoted, encoded, or as a plain digest, which small ids do not survive."""
    raw = word.encode()
    digests = (digest(raw).hexdigest()[:12].encode() for digest in (hashlib.sha256, hashlib.sha1, hashlib.md5))
    return {raw, urllib.parse.quote(word).encode(), raw.hex().encode(), base64.b64encode(raw).rstrip(b"="), *digests}


def hits(said: dict[str, bytes], words: dict[str, str]) -> list[str]:
    """Which words stand where, each place with what is around it."""
    return [
        f"{what} in {where}: {text[max(0, text.index(form) - 120) : text.index(form) + 80]!r}"
        for where, text in said.items()
        for what, word in words.items()
        for form in forms(word)
        if form in text
    ]


Command = tuple[str, tuple[str, ...], dict[str, str]]
"""What it is called here, its arguments, and what is changed in its environment."""

ONE_BY_ONE = """
import json, os, sys, traceback
from vigia.cli import main
for arguments, changed in json.loads(sys.argv[1]):
    before, status = dict(os.environ), 1
    os.environ.update(changed)
    try:
        main(arguments)
    except SystemExit as end:
        status = end.code or 0
    except BaseException:
        traceback.print_exc()
    os.environ.clear()
    os.environ.update(before)
    sys.stderr.flush()
    print(f"\\n{status}\\x1e", end="", flush=True)
"""


class Desk:
    """Receivers that refuse in several ways and repeat what they were told; a mail server that knows nobody."""

    def __init__(self) -> None:
        self.told = b""
        self.tried: set[str] = set()
        self.logins: list[bytes] = []
        self.url = ""
        self.port = 0

    async def _answer(self, request: web.Request) -> web.Response:
        self.told += await request.read()
        self.tried.add(request.path)
        return web.Response(status=410 if "gone" in request.path else 500, body=self.told)

    def _login(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
        self.logins.append(data.password)
        return SimpleNamespace(success=False, handled=False, message=f"535 {data.password!r} is wrong")

    async def serve(self) -> AsyncIterator["Desk"]:
        """Serve."""
        app = web.Application()
        app.router.add_post("/{where:.*}", self._answer)
        loop = asyncio.get_running_loop()
        post = await loop.create_server(
            lambda: SMTP(object(), loop=loop, auth_require_tls=False, authenticator=self._login), "127.0.0.1", 0
        )
        async with serving(app, "127.0.0.1", 0) as port:
            self.url, self.port = f"http://127.0.0.1:{port}/", post.sockets[0].getsockname()[1]
            yield self
        post.close()


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async for desk in Desk().serve():
        yield desk


class Shop:
    """All of Vigía that a shop runs, the words that it was told, and what it has said."""

    def __init__(self, running: Running, redis: Server, desk: Desk, directory: Path) -> None:
        self.running, self.redis, self.desk, self.directory = running, redis, desk, directory
        self.said: dict[str, bytes] = {}
        self.routes = directory / "routes.toml"
        self.routes.write_text(ROUTES.format(desk=desk.url, post=desk.port, part=HOOK_URL_PART))
        self.environment = {
            "VIGIA_KAFKA": running.broker.address,
            "VIGIA_PARTITIONS": str(PARTITIONS),
            "VIGIA_SEAL": SEAL,
            "VIGIA_REDIS": redis.url.replace("//", f"//:{REDIS}@"),
            "VIGIA_GATEWAY_TOKENS": DIGEST,
            "HOOK_SECRET": HOOK,
            "HOOK_URL": f"{desk.url}gone/{HOOK_URL_PART}",
            "MAIL_PASSWORD": MAIL,
        }

    def start(self, name: str, *arguments: str) -> None:
        """A part of Vigía, as it is started by hand."""
        self.running.processes.start(name, [*VIGIA, *arguments], self.environment)

    def log(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text(errors="replace")

    async def address(self, name: str, pattern: str) -> str:
        """What a part has said of where it listens."""
        await self.until(lambda: re.search(pattern, self.log(name)))
        return re.findall(pattern, self.log(name))[-1]

    async def until(self, true: Callable[[], Any]) -> None:
        async def so() -> Any:
            return true()

        await self.running.until(so)

    async def run(self, *commands: Command) -> list[int]:
        """The exit statuses of commands, one after the other in one process; their words are kept."""
        told = json.dumps([(arguments, changed) for _, arguments, changed in commands])
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", ONE_BY_ONE, told),
            env=os.environ | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        said = (await asyncio.wait_for(process.communicate(), 120))[0]
        statuses = []
        for (what, *_), words in zip(commands, said.split(b"\x1e")[:-1], strict=True):
            self.said[what], _, status = words.rpartition(b"\n")
            statuses.append(int(status))
        return statuses


@pytest.fixture
async def shop(desk: Desk, tmp_path: Path) -> AsyncIterator[Shop]:
    redis = Server(tmp_path, "--requirepass", REDIS)
    redis.start()
    with EmbeddedKafka() as kafka:
        async with Running(kafka.address, "", tmp_path, PARTITIONS, "[risk]\nhorizon = '10d'\n") as running:
            yield Shop(running, redis, desk, tmp_path)
    redis.stop()


def day(number: float) -> int:
    """So many days after the beginning, which is 25 days ago."""
    return TODAY + round((number - 25) * DAY)


def sound() -> list[bytes]:
    """Facts of two customers that raise alarms."""
    return [
        *(record("customer.described", day(0), who, name=NAME) for who in (PERSON, ADDRESS)),
        *(purchase(day(n), who) for n in (0, 9, 20) for who in (PERSON, ADDRESS)),
        *(
            record("complaint.opened", day(24.9), who, complaint_id=f"K {n}", severity="critical", reason=NAME)
            for who in (PERSON, ADDRESS)
            for n in range(5)
        ),
    ]


def unsound() -> list[tuple[str, bytes | None, bytes]]:
    """Records of no use on every topic that is read, the words in each place where somebody may put them."""
    whole = json.loads(purchase(day(24.91), PERSON))
    facts = [
        {**whole, "amount_minor": PERSON},
        {**whole, "currency": NAME},
        {**whole, "time": ADDRESS},
        {**whole, "type": PERSON},
        {**whole, "schema_version": PERSON},
        {**whole, "items": {PERSON: NAME}},
        {**whole, "customer_id": f"{PERSON}\n"},
        {PERSON: NAME},
    ]
    alarm = {"type": "alarm.raised", "alarm_id": PERSON, "subject": {"type": PERSON, "id": PERSON}, "kind": NAME}
    actions: list[dict[str, object]] = [
        {"alarm_id": PERSON, "customer_id": PERSON, "action": NAME, "by": ADDRESS},
        {"alarm_id": PERSON, "customer_id": [PERSON], "action": "ack", "by": ADDRESS},
        {"alarm_id": PERSON, "customer_id": PERSON, "action": "snooze", "by": ADDRESS, "until": ADDRESS},
        {"alarm_id": PERSON, "customer_id": PERSON, "action": "resolve", "by": ADDRESS, "reason": NAME},
        {PERSON: NAME},
    ]
    twice = b'{"%b": 1, "%b": 2}' % (PERSON.encode(), PERSON.encode())
    key = PERSON.encode()
    return [
        *(("purchases", key, json.dumps(one).encode()) for one in facts),
        ("purchases", ADDRESS.encode(), purchase(day(24.91), PERSON)),
        ("complaints", key, twice),
        ("contacts", key, key),
        ("alarms", key, json.dumps(alarm).encode()),
        ("alarms", key, json.dumps({**alarm, "severity": NAME}).encode()),
        ("alarms", key, twice),
        *(("alarm-actions", key, json.dumps(one).encode()) for one in actions),
        ("clock", None, json.dumps({"type": PERSON, "until": NAME}).encode()),
        ("clock", None, json.dumps({"type": "model.in_force", "model": NAME, "version": PERSON}).encode()),
    ]


BEARER = f"Authorization: Bearer {TOKEN}"
MISUSES = (
    f"POST /v1/events HTTP/1.1\r\nHost: x\r\n{BEARER}\x00\r\n\r\n",
    f"POST /v1/events?{PERSON} HTTP/1.1\r\nHost: x\r\n{BEARER}\r\nContent-Length: {PERSON}\r\n\r\n",
    f"POST /{PERSON} HTTP/1.1\r\nHost: x\r\n{BEARER}\r\nTransfer-Encoding: {PERSON}\r\n\r\n",
    f"POST /v1/events HTTP/1.1\r\nHost: x\r\n{BEARER}\r\nTransfer-Encoding: chunked\r\n\r\n{PERSON}\r\n",
    f"{PERSON}\r\n{BEARER}\r\n\r\n",
)
"""Requests that go wrong in ways that servers like to repeat in their logs."""


async def asked(url: str, request: str) -> bytes:
    """What a server answers to such a request."""
    _, _, at = url.partition("//")
    host, _, port = at.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request.encode())
    answer = await reader.read(10_000)
    writer.close()
    return answer


async def works_and_fails(shop: Shop) -> None:
    """The day of a shop on which everything goes wrong once."""
    running = shop.running
    running.tick()
    running.start(VIGIA_SEAL=SEAL, VIGIA_FAILPOINT="changelog:1", VIGIA_SESSION="6")
    shop.start("gateway", "gateway", "--port", "0")
    shop.start("notifier", "notifier", "--routes", str(shop.routes), "--metrics-port", "0")
    door = await shop.address("gateway", r"(http://\S+)/v1/events")
    async with aiohttp.ClientSession() as session:

        async def post(body: bytes, token: str = TOKEN) -> int:
            headers = {"Content-Type": "application/x-ndjson", "Authorization": f"Bearer {token}"}
            async with session.post(f"{door}/v1/events", data=body, headers=headers) as answer:
                return answer.status

        with running.processes.may_die("a"):
            assert await post(b"\n".join(sound())) == 202
        assert await post(b"\n".join(value for _, _, value in unsound())) == 400
        assert await post(b"{}", token=TOKEN[:-1]) == 401
        for topic, key, value in unsound():
            await running.producer.send(topic, value, key=key)
        await running.producer.flush()
        assert b" 400 Bad Request" in await asked(door, MISUSES[0])
        assert await running.died("a") == -9
        running.start(VIGIA_SEAL=SEAL, VIGIA_FAILPOINT="core:3", VIGIA_SESSION="6")
        await shop.until(lambda: shop.desk.tried >= {"/broken", f"/gone/{HOOK_URL_PART}"})
        await shop.until(lambda: shop.desk.logins)
        await shop.until(lambda: "alarms/" in shop.log("notifier"))
        await running.until(letters(running, 20))

        shop.redis.stop()
        shop.redis.options = ("--requirepass", "another")
        shop.redis.start()
        await running.producer.send_and_wait("alarms", PERSON.encode(), key=PERSON.encode())
        await shop.until(lambda: "no customer cards" in shop.log("gateway"))
        await running.publish([record("customer.erased", day(24.94), ADDRESS)])
        await running.until(caught_up(running))

        pages = {
            "gateway": door,
            "notifier": await shop.address("notifier", r"(http://\S+)/metrics"),
            "worker": await shop.address("a", r"(http://\S+)/metrics"),
        }
        for name, url in pages.items():
            for page in ("metrics", "healthz", "readyz", "config", PERSON):
                async with session.get(f"{url}/{page}") as answer:
                    shop.said[f"/{page} of the {name}"] = await answer.read()


def caught_up(running: Running) -> Callable[[], Awaitable[bool]]:
    async def so() -> bool:
        return (await running.standing())[1] == 0

    return so


def letters(running: Running, count: int) -> Callable[[], Awaitable[bool]]:
    async def so() -> bool:
        return sum(isinstance(read(one), Letter) for one in await running.read(LETTERS)) >= count

    return so


COMMANDS = (
    *[
        "up",
        "worker",
        "clock",
        "trainer",
        "gateway",
        "notifier",
        "publish",
        "explain",
        "doctor",
        "replay",
        "roster",
        "demo",
    ],
    *["customer", "policy", "topics", "control", "alarms", "dead-letters", "channels", "routes", "lessons"],
)

MISTAKES: dict[str, tuple[int, tuple[str, ...], dict[str, str]]] = {
    # what somebody got wrong: exit status, command, environment
    "a token for its digest": (2, ("gateway",), {"VIGIA_GATEWAY_TOKENS": TOKEN}),
    "a password that breaks the URL": (2, ("gateway",), {"VIGIA_REDIS": f"redis://:{REDIS}/x@127.0.0.1:6379"}),
    "a URL of no Redis": (2, ("gateway",), {"VIGIA_REDIS": f"http://:{REDIS}@127.0.0.1:6379"}),
    "a log-in to a Kafka that wants none": (
        3,
        ("worker",),
        {"VIGIA_KAFKA_USER": "vigia", "VIGIA_KAFKA_PASSWORD": SASL},
    ),
    "a log-in without a user": (2, ("worker",), {"VIGIA_KAFKA_PASSWORD": SASL}),
    "a seal in two places": (2, ("trainer",), {"VIGIA_SEAL_FILE": "/nowhere"}),
    "no such number": (2, ("worker",), {"VIGIA_PARTITIONS": "many"}),
    "a webhook secret that is none": (2, ("notifier", "--routes", "{routes}"), {"HOOK_SECRET": HOOK[:20]}),
    "a URL for its variable": (2, ("notifier", "--routes", "{url}"), {}),
    "a password for its variable": (2, ("notifier", "--routes", "{password}"), {}),
    "a password in the routes": (2, ("notifier", "--routes", "{inline}"), {}),
    "a URL with a password": (2, ("notifier", "--routes", "{login}"), {}),
    "routes that are no TOML": (2, ("notifier", "--routes", "{torn}"), {}),
    "the list of such channels": (0, ("channels", "list", "--routes", "{url}"), {}),
    "channels that do not work": (1, ("channels", "test", "--routes", "{routes}"), {}),
    "channels as they are": (0, ("channels", "list", "--routes", "{routes}"), {}),
    "a channel without its secret": (1, ("channels", "test", "--routes", "{url}"), {}),
}
HOOKS = '[channel.a]\ntype = "webhook"\n'
POST = '[channel.a]\ntype = "email"\nhost = "mx.example.com"\nsender = "a@b.c"\nto = ["d@e.f"]\nusername = "v"\n'
END = '[[route]]\nname = "all"\nto = ["a"]\n'
WRONG_ROUTES = {
    "url": f'{HOOKS}url_env = "https://hooks.example.com/{HOOK_URL_PART}"\nsecrets_env = ["HOOK_SECRET"]\n{END}',
    "password": f'{POST}password_env = "{MAIL}"\n{END}',
    "inline": f'{POST}password = "{MAIL}"\n{END}',
    "login": f'{HOOKS}url = "https://vigia:{MAIL}@example.com/"\nsecrets_env = ["HOOK_SECRET"]\n{END}',
    "torn": f'{POST}password = "{MAIL}\n{END}',
}


async def commands(shop: Shop) -> dict[str, int]:
    """Every command's help with the secrets in its environment, and what people get wrong."""
    places = {"routes": str(shop.routes)}
    for name, text in WRONG_ROUTES.items():
        file = shop.directory / f"{name}.toml"
        file.write_text(text)
        places[name] = str(file)
    helps = [(f"{command} --help", (command, "--help"), {}) for command in COMMANDS]
    assert set(await shop.run(*helps)) == {0}
    looks = [
        ("doctor", ("doctor", "--apart", "0.1"), {}),
        ("doctor --json", ("doctor", "--apart", "0.1", "--json"), {}),
    ]
    await shop.run(*looks)
    assert b"other-partitioner" in shop.said["doctor"]
    wrong = [
        (what, tuple(one.format(**places) for one in arguments), changed)
        for what, (_, arguments, changed) in MISTAKES.items()
    ]
    return dict(zip(MISTAKES, await shop.run(*wrong), strict=True))


async def test_no_secret_and_no_customer_is_in_any_log_metric_or_last_word(shop: Shop) -> None:
    """Through refused webhooks and mails, dead letters, kills, wrong passwords and wrong settings: 0 hits."""
    running = shop.running
    _, statuses = await asyncio.gather(works_and_fails(shop), commands(shop))
    for name in list(running.workers):
        assert await running.stop(name) == 0
    for name in ("a", "gateway", "notifier"):
        shop.said[f"the log of {name}"] = shop.log(name).encode()

    found = {
        topic: b"".join((one.key or b"") + (one.value or b"") for one in await running.read(topic))
        for topic in ("alarms", "notifications", LETTERS)
    }
    for topic in found:
        assert hits({topic: found[topic]}, {"customer": PERSON}), f"the way to {topic} was not gone"
        assert not hits({topic: found[topic]}, SECRETS)
    assert NAME.encode() in shop.desk.told
    assert MAIL.encode() in shop.desk.logins
    assert b"gone-quiet/" in shop.said["the log of notifier"] or b"major-problem/" in shop.said["the log of notifier"]
    assert hits(shop.said, SECRETS | CUSTOMERS) == []
    assert statuses == {what: status for what, (status, *_) in MISTAKES.items()}


async def test_a_request_that_goes_wrong_is_not_repeated_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """The log says that a request was none, and not what it brought: a token, a customer."""

    async def fault(request: web.Request) -> web.Response:
        raise ValueError(f"{await request.text()} is wrong")

    app = web.Application()
    app.router.add_post("/fault", fault)
    async with serving(app, "127.0.0.1", 0) as port:
        url = f"http://127.0.0.1:{port}"
        for request in MISUSES:
            assert b" 400 Bad Request" in await asked(url, request)
        async with aiohttp.ClientSession() as session, session.post(f"{url}/fault", data=PERSON) as answer:
            assert answer.status == 500
            assert hits({"the answer": await answer.read()}, CUSTOMERS) == []
    assert len(caplog.messages) == len(
        MISUSES
    )  # one that has no method is said at another level, and the fault is told as well
    assert "ValueError (test_canaries.py" in caplog.messages[-1]
    assert hits({"the log": caplog.text.encode()}, SECRETS | CUSTOMERS) == []


def test_what_the_core_fails_on_is_not_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The log has the sort of a fault and where it happened; what it says goes with the dead letter."""
    worker = Worker(Broker(), Settings(state=tmp_path), Policy(), WorkerMetrics())
    broken = SimpleNamespace(topic="purchases", partition=1, offset=2, key=b"k", value=b"v")
    try:
        {}[PERSON]
    except KeyError as error:
        letter = worker._reject(broken, error)
    assert PERSON.encode() in dict(letter.headers)["detail"]
    assert "purchases/1@2: the core failed: KeyError (test_canaries.py" in caplog.text
    assert hits({"the log": caplog.text.encode()}, CUSTOMERS) == []


@pytest.mark.parametrize("form", sorted(forms(ADDRESS)))
def test_a_canary_is_found_in_each_of_its_forms(form: bytes) -> None:
    """The search sees a word as it is, encoded, and as a digest without a key."""
    assert len(hits({"a log": b"12:00 INFO " + form + b" bought"}, {"customer": ADDRESS})) == 1

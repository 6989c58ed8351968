"""A shop whose customers and secrets are words that stand nowhere else, what it may be told, and where such words are."""

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
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP

from scorers.contract.events import DAY
from streams.gateway.tokens import new_token
from tests.kafka.running import Running
from tests.support.driver import purchase, record
from tests.support.redisserver import Server
from vigia.lab.embedded_kafka import PARTITIONS
from vigia.runtime.health import serving

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

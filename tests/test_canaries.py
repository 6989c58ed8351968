"""D14: what must stay secret is in no log, metric, page or last word of a process, however it ends.

Customers and secrets of this test are words that stand nowhere else. A worker, a notifier and a gateway run as their
users start them, through what works and through what fails; then everything that they have said is searched. The words
must be found where they belong, or the search has proved nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import pytest
from aiohttp import web

from scorers.policy.tables import Policy
from streams.metrics.worker import WorkerMetrics
from streams.worker.worker import Worker
from tests.kafka.running import Running
from tests.support.canaries import (
    ADDRESS,
    CUSTOMERS,
    HOOK,
    HOOK_URL_PART,
    MAIL,
    MISUSES,
    NAME,
    PERSON,
    REDIS,
    SASL,
    SEAL,
    SECRETS,
    TOKEN,
    Desk,
    Shop,
    asked,
    day,
    forms,
    hits,
    sound,
    unsound,
)
from tests.support.driver import record
from tests.support.redisserver import Server
from vigia.lab.embedded_kafka import PARTITIONS, EmbeddedKafka
from vigia.runtime.broker import Broker
from vigia.runtime.dead_letter import TOPIC as LETTERS
from vigia.runtime.dead_letter import Letter, read
from vigia.runtime.health import serving
from vigia.runtime.settings import Settings


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async for desk in Desk().serve():
        yield desk


@pytest.fixture
async def shop(desk: Desk, tmp_path: Path) -> AsyncIterator[Shop]:
    redis = Server(tmp_path, "--requirepass", REDIS)
    redis.start()
    with EmbeddedKafka() as kafka:
        async with Running(kafka.address, "", tmp_path, PARTITIONS, "[risk]\nhorizon = '10d'\n") as running:
            yield Shop(running, redis, desk, tmp_path)
    redis.stop()


async def works_and_fails(shop: Shop) -> None:
    """The day of a shop on which everything goes wrong once."""
    running = shop.running
    running.tick()
    running.start(VIGIA_SEAL=SEAL, VIGIA_FAILPOINT="changelog:1", VIGIA_SESSION="6")
    shop.start("gateway", "gateway", "--port", "0", "--metrics-port", "0")
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
            "gateway": await shop.address("gateway", r"(http://\S+)/metrics"),
            "gateway's port of events": door,
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
    "a password for its file": (2, ("worker",), {"VIGIA_KAFKA_USER": "vigia", "VIGIA_KAFKA_PASSWORD_FILE": SASL}),
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
    assert len(caplog.messages) <= len(MISUSES)  # a request that is none need not be logged; the fault is
    assert "ValueError (test_canaries.py" in caplog.messages[-1]
    assert hits({"the log": caplog.text.encode()}, SECRETS | CUSTOMERS) == []


def test_what_the_core_fails_on_is_not_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The log has the sort of a fault and where it happened; what it says goes with the dead letter."""
    worker = Worker(Broker(), Settings(state=tmp_path, seal=SEAL), Policy(), WorkerMetrics())
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

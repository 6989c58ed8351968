"""Slack, Teams, Telegram, PagerDuty and Alertmanager against servers on this machine: what each is sent, and what its answers mean."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from aiohttp import web
from jsonschema_rs import validator_for

from alerts.channels import alertmanager, pagerduty, slack, teams, telegram
from alerts.channels.catalogue import CHANNELS
from alerts.channels.contract import ChannelSettings, Notification, Refused, Retry
from alerts.pipeline.connect import connect
from alerts.pipeline.incident import Delivery
from alerts.pipeline.routes import UTC
from alerts.pipeline.sending.notification import Composer
from scorers.contract.alarms import Alarm, Reason
from scorers.contract.events import MINUTE, SECOND, Instant
from tests.support.receivers import HOSTILE, alarm, closing, notification, server
from tests.support.services import LONGEST, SCHEMAS
from vigia.runtime.answering.links import Links

NOW = Instant(1_704_099_600_000_000)
LINKS = Links("https://vigia.example.com", ["0" * 32])
SECRET = "B0canary123:ABC"
SERVICES = ("slack", "teams", "telegram", "pagerduty", "alertmanager")
each = pytest.mark.parametrize("name", SERVICES)
MANY = [
    alarm(
        alarm_id=f"a{n}", customer_id=f"C{n}", name="\U0001f600<&*`" * 40, reasons=(Reason("gap", 1.0, "<&`*" * 900),)
    )
    for n in range(200)
]


def settings(name: str, url: str, **own: Any) -> tuple[ChannelSettings, dict[str, str]]:
    """The settings of a channel that may go to this machine, and the environment with its secret."""
    base = url.removesuffix("/hook")
    own |= {"allow_hosts": ("127.0.0.1",), "timeout": 60 * SECOND}
    table: dict[str, dict[str, Any]] = {
        "slack": {"url_env": "URL"},
        "teams": {"url_env": "URL"},
        "telegram": {"chat": "-100", "token_env": "TOKEN", "url": base},
        "pagerduty": {"routing_key_env": "TOKEN", "url": f"{base}/v2/enqueue"},
        "alertmanager": {"url": base},
    }
    return CHANNELS[name](**table[name], **own), {"URL": f"{url}/{SECRET}", "TOKEN": SECRET}


@asynccontextmanager
async def receiver(
    status: int = 200, headers: dict[str, str] | None = None, body: str = "ok", hangs: bool = False
) -> AsyncIterator[Any]:
    """A server that answers so, and what it was sent: pairs of path and JSON."""
    got: list[tuple[str, Any]] = []
    over = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        got.append((request.path, json.loads(await request.read())))
        if hangs:
            await over.wait()
        return web.Response(status=status, headers=headers or {}, text=body)

    async with server(answer) as url:
        try:
            yield url, got
        finally:
            over.set()


async def sent(name: str, one: Notification) -> list[tuple[str, Any]]:
    """What the receiver of this channel gets."""
    async with receiver() as (url, got):
        async with closing(connect("desk", *settings(name, url))) as channel:
            await channel.send(one)
        return list(got)


def linked(*alarms: Alarm, change: str = "alarm.raised") -> Notification:
    """These alarms as the notification that the notifier composes, with links."""
    deliveries = [
        Delivery(
            id="msg_1",
            alarm_id=one.alarm_id,
            change=change,
            channel="desk",
            state="waiting",
            rule="first",
            time=NOW,
            severity="error",
        )
        for one in alarms
    ]
    composer = Composer("desk", CHANNELS["log"](), UTC, LINKS)
    return composer.compose("msg_1", list(zip(deliveries, alarms, strict=True)), NOW)


@each
@pytest.mark.parametrize(
    "one",
    [
        linked(alarm()),
        linked(alarm(name=HOSTILE, customer_id=HOSTILE, store_id=HOSTILE, alarm_id="a" * 128, dedup_key="k" * 400)),
        linked(*MANY),
        linked(msgspec.structs.replace(alarm(), type="alarm.settled", outcome="saved"), change="alarm.settled"),
        linked(msgspec.structs.replace(alarm(), type="alarm.acknowledged", by="eva"), change="alarm.acknowledged"),
        Notification(id="msg_2", change="channel.tested", alarms=(), message=notification().message, sent_at=NOW),
        notification(*MANY[:3]),
    ],
    ids=("alarm", "hostile", "storm", "end", "acknowledged", "test", "unlinked"),
)
async def test_what_is_sent_keeps_the_published_schema_and_limits(name: str, one: Notification) -> None:
    """Whatever is in it: the types, the allowed values and the longest texts, blocks and bodies that the service takes."""
    found = await sent(name, one)
    assert found
    for _, body in found:
        validator_for(SCHEMAS[name]).validate(body)
        assert len(json.dumps(body, ensure_ascii=False).encode()) <= LONGEST[name]


@each
@pytest.mark.parametrize(
    ("status", "headers", "raised", "after", "disable"),
    [
        (202, {}, None, None, None),
        (429, {"Retry-After": "30"}, Retry, 30 * SECOND, None),
        (500, {}, Retry, None, None),
        (400, {}, Refused, None, False),
        (410, {}, Refused, None, True),
        (302, {"Location": "http://127.0.0.1:1/"}, Retry, None, None),
    ],
)
async def test_the_status_decides_on_every_service(
    name: str, status: int, headers: dict[str, str], raised: Any, after: Any, disable: Any
) -> None:
    """Accepted, later, later after the time that it asks for, never, or never anything again; no error names the secret."""
    async with receiver(status, headers) as (url, _), closing(connect("desk", *settings(name, url))) as channel:
        if raised is None:
            await channel.send(linked(alarm()))
            return
        with pytest.raises(raised) as fault:
            await channel.send(linked(alarm()))
    assert getattr(fault.value, "after", None) == after
    assert getattr(fault.value, "disable", None) == disable
    assert SECRET not in str(fault.value) + repr(fault.value.__cause__)


@each
async def test_a_service_that_hangs_is_a_retry(name: str) -> None:
    """It costs its own deadline."""
    async with receiver(hangs=True) as (url, _):
        given, environment = settings(name, url)
        quick = msgspec.structs.replace(given, timeout=SECOND // 5)
        async with closing(connect("desk", quick, environment)) as channel, asyncio.timeout(60):
            with pytest.raises(Retry):
                await channel.send(linked(alarm()))


async def test_telegram_says_in_its_body_how_long_to_wait() -> None:
    """The body counts where there is no header; nonsense in it counts as nothing."""
    for body, after in (
        ('{"ok": false, "parameters": {"retry_after": 7}}', 7 * SECOND),
        ('{"parameters": []}', None),
        ("x", None),
    ):
        async with (
            receiver(429, body=body) as (url, _),
            closing(connect("desk", *settings("telegram", url))) as channel,
        ):
            with pytest.raises(Retry) as fault:
                await channel.send(linked(alarm()))
            assert fault.value.after == after


async def test_hostile_text_is_inert_in_every_markup() -> None:
    """No mention, link, tag or format of the text's own: entities in Slack and Telegram, plain runs in Teams."""
    evil = '<!channel> <http://evil.example|x> *b* `c` </b><a href="http://evil.example">y</a> [z](http://evil.example) &amp;'
    one = linked(alarm(name=evil, reasons=(Reason("gap", 1.0, evil),)))
    blocks = slack.payload(one)["blocks"]
    for block in blocks:
        if block["type"] == "section":
            assert block["text"]["verbatim"] is True
            shown = block["text"]["text"]
            assert "<!channel" not in shown
            assert "<http://evil" not in shown
            assert "`" not in shown
            assert shown.count("*") == 2 * len(shown.splitlines()), "only the labels are bold"
    assert "<" not in slack.payload(one)["text"]
    card = json.loads(teams.payload(one))["attachments"][0]["content"]
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert {run["type"] for block in card["body"] for run in block["inlines"]} == {"TextRun"}
    tags: list[tuple[str, Any]] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: tags.append((tag, attrs))  # type: ignore[method-assign]
    parser.feed(telegram.payload(one, "1")["text"])
    assert {tag for tag, _ in tags} == {"b"}


async def test_buttons_are_the_signed_link_with_an_answer() -> None:
    """Four buttons on Slack, Teams and Telegram, and a link in PagerDuty; what is over has none."""
    one = linked(alarm())
    urls = [f"{one.links[0]}?do={answer}" for answer in ("ack", "act", "snooze", "dismiss")]
    assert [element["url"] for element in slack.payload(one)["blocks"][-1]["elements"]] == urls
    assert [one["url"] for one in json.loads(teams.payload(one))["attachments"][0]["content"]["actions"]] == urls
    assert [one["url"] for one in telegram.payload(one, "1")["reply_markup"]["inline_keyboard"][0]] == urls
    assert next(pagerduty.events(one))["client_url"] == one.links[0]
    over = linked(msgspec.structs.replace(alarm(), type="alarm.settled", outcome="saved"), change="alarm.settled")
    assert over.buttons() == []
    digest = linked(alarm(alarm_id="a1"), alarm(alarm_id="a2"))
    assert digest.buttons() == []
    assert all(link in json.dumps(slack.payload(digest)) for link in digest.links)


async def test_pagerduty_follows_the_life_of_an_alarm() -> None:
    """Trigger, acknowledge and resolve under one key; a test opens and closes an incident of its own."""
    life = [
        "alarm.raised",
        "alarm.updated",
        "alarm.escalated",
        "alarm.acknowledged",
        "alarm.dismissed",
        "alarm.settled",
    ]
    actions, keys = [], set()
    for change in life:
        event = next(pagerduty.events(linked(msgspec.structs.replace(alarm(), type=change), change=change)))
        actions.append(event["event_action"])
        keys.add(event["dedup_key"])
    assert actions == ["trigger"] * 3 + ["acknowledge", "resolve", "resolve"]
    assert keys == {"a1"}
    test = Notification(id="msg_2", change="channel.tested", alarms=(), message=notification().message, sent_at=NOW)
    assert [one["event_action"] for one in pagerduty.events(test)] == ["trigger", "resolve"]


async def test_alertmanager_is_told_again_and_told_the_end() -> None:
    """An open alarm ends four spans after it was sent last, one that is over at once; no name of a person is a label."""
    async with receiver() as (url, got), closing(connect("desk", *settings("alertmanager", url))) as channel:
        assert isinstance(channel, alertmanager.Alertmanager)
        await channel.send(linked(alarm(name="Ana")))
        await channel.repeat([alarm(name="Ana")], Instant(NOW + MINUTE))
        await channel.send(
            linked(msgspec.structs.replace(alarm(name="Ana"), type="alarm.settled"), change="alarm.settled")
        )
    assert {path for path, _ in got} == {"/api/v2/alerts"}
    ((first,), (again,), (end,)) = (body for _, body in got)
    assert (first["endsAt"], again["endsAt"]) == ("2024-01-01T09:04:00Z", "2024-01-01T09:05:00Z")
    assert end["endsAt"] == "2024-01-01T09:00:00Z"
    assert first["labels"] == again["labels"] == end["labels"]
    assert "Ana" not in json.dumps(first["labels"])

"""Channels against real servers: a local web server, a raw socket, and a real SMTP sink."""

import asyncio
import base64
import email
import ipaddress
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiosmtpd.smtp import SMTP
from standardwebhooks import Webhook as Receiver
from standardwebhooks import WebhookVerificationError

from alerts.channels import Channel, Notification, Refused, Retry, log, webhook
from alerts.channels import email as mail
from alerts.channels.addresses import CheckedResolver, check_literal, checked, is_public
from alerts.connect import connect
from alerts.hours import Span
from alerts.message import Message, compose, digest
from alerts.secret import Secret
from alerts.text import instant
from alerts.toml import BadSetting
from scorers.alarm import Alarm, Reason, Subject
from scorers.events import DAY, SECOND, Duration, Instant

NEW, OLD = (f"whsec_{base64.b64encode(bytes([n]) * 32).decode()}" for n in (1, 2))
HOSTILE = "Ana\r\nBcc: all@example.com\x00<script>alert(1)</script>\u202egnp.exe {{ 7*7 }} =cmd()"
LOCAL = frozenset({"127.0.0.1"})


def alarm(**changed: Any) -> Alarm:
    """An alarm about one customer."""
    return msgspec.structs.replace(
        Alarm(
            type="alarm.raised",
            alarm_id="a1",
            dedup_key="a1",
            subject=Subject("customer", "C1"),
            customer_id="C1",
            kind="gone-quiet",
            severity="error",
            time=Instant(1_704_099_600_000_000),
            at=Instant(1_704_099_600_000_000),
            tier="gold",
            policy_version="p1",
            figures_version="f1",
            model_version="m1",
        ),
        **changed,
    )


def notification(*alarms: Alarm, key: str = "msg_1", sent_at: Instant | None = None) -> Notification:
    """These alarms as one notification, sent now."""
    told = alarms or (alarm(),)
    return Notification(
        id=key,
        change=told[0].type if len(told) == 1 else "digest",
        alarms=told,
        message=compose(told[0]) if len(told) == 1 else digest(told),
        sent_at=sent_at or instant(datetime.now(UTC)),
    )


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[str]:
    """A local web server that answers so; its URL."""
    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    finally:
        await runner.cleanup()


def hook(url: str, *secrets: str, timeout: Duration = 5 * SECOND) -> webhook.Webhook:
    """A webhook that may go to this machine."""
    settings = webhook.Settings(url=url, allow_hosts=("127.0.0.1", "localhost"), timeout=Span(timeout))
    return webhook.Webhook(settings, Secret(url), [Secret(one) for one in secrets or (NEW,)])


@asynccontextmanager
async def closing(channel: Channel) -> AsyncIterator[Channel]:
    """The channel, closed at the end."""
    try:
        yield channel
    finally:
        await channel.close()


async def test_a_receiver_can_verify_the_signature() -> None:
    """The library of the specification accepts what arrives, with either secret during a rotation, and nothing altered."""
    got: list[tuple[bytes, dict[str, str]]] = []

    async def answer(request: web.Request) -> web.Response:
        got.append((await request.read(), dict(request.headers)))
        return web.Response(status=204)

    async with server(answer) as url, closing(hook(url, NEW, OLD)) as channel:
        await channel.send(notification(alarm(name=HOSTILE)))
    content, headers = got[0]
    for secret in (NEW, OLD):
        told = Receiver(secret).verify(content, headers)
        assert told["type"] == "alarm.raised"
        assert told["data"]["alarms"][0]["alarm_id"] == "a1"
        assert told["data"]["alarms"][0]["at"] == "2024-01-01T09:00:00Z"
        assert "\n" not in told["data"]["title"]
    lower = {key.lower(): value for key, value in headers.items()}
    assert lower["webhook-id"] == "msg_1"
    altered = [
        (content.replace(b"gold", b"iron"), lower, NEW),
        (content, lower | {"webhook-id": "msg_2"}, NEW),
        (content, lower | {"webhook-timestamp": str(int(lower["webhook-timestamp"]) - 400)}, NEW),
        (content, {key: value for key, value in lower.items() if key != "webhook-signature"}, NEW),
        (content, lower, f"whsec_{base64.b64encode(b'x' * 32).decode()}"),
    ]
    for wrong_content, wrong_headers, secret in altered:
        with pytest.raises(WebhookVerificationError):
            Receiver(secret).verify(wrong_content, wrong_headers)


VECTOR = Notification(
    id="msg_p5jXN8AQM9LWM0D4loKWxJek",
    change="x",
    alarms=(),
    message=Message("", ()),
    sent_at=Instant(1_614_265_330 * SECOND),
)


def test_the_signature_is_that_of_the_specification() -> None:
    """N7: the published vector of Standard Webhooks, byte for byte; during a rotation both signatures stand there."""
    published = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = hook("https://x.example", published).headers(VECTOR, b'{"test": 2432232314}')
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    rotating = hook("https://x.example", NEW, published).headers(VECTOR, b'{"test": 2432232314}')
    first, second = rotating["webhook-signature"].split()
    assert second == headers["webhook-signature"]
    assert first != second


class Post:
    """What a receiver finds now of one notification, sent so many seconds ago (a negative number is ahead)."""

    def __init__(self, *secrets: str, ago: int = 0) -> None:
        self.secret = NEW
        sent = notification(sent_at=Instant(instant(datetime.now(UTC)) - ago * SECOND))
        self.content = webhook.body(sent)
        self.headers = hook("https://x.example", *secrets).headers(sent, self.content)

    def known(self, secret: str) -> "Post":
        """The receiver knows this secret."""
        self.secret = secret
        return self

    def altered(self, old: bytes, new: bytes) -> "Post":
        """Somebody has changed the content on its way."""
        self.content = self.content.replace(old, new)
        return self

    def changed(self, name: str, change: Callable[[str], str | None]) -> "Post":
        """Somebody has changed a header; to None, and it is missing."""
        value = change(self.headers.pop(f"webhook-{name}"))
        if value is not None:
            self.headers[f"webhook-{name}"] = value
        return self


@pytest.mark.parametrize(
    ("post", "accepted"),
    [
        (lambda: Post(), True),
        (lambda: Post(NEW, OLD).known(OLD), True),  # rotated here, not yet there
        (lambda: Post(OLD, NEW), True),
        (lambda: Post(NEW).known(OLD), False),  # rotated here and done with, not yet there
        (lambda: Post().altered(b"gold", b"iron"), False),
        (lambda: Post().altered(b"}", b"} "), False),
        (lambda: Post().changed("id", lambda _: "msg_2"), False),
        (lambda: Post().changed("timestamp", lambda at: str(int(at) - 60)), False),
        (lambda: Post().changed("timestamp", lambda _: "soon"), False),
        (lambda: Post(ago=200), True),
        (lambda: Post(ago=400), False),  # replayed later
        (lambda: Post(ago=-400), False),
        (lambda: Post().changed("id", lambda _: None), False),
        (lambda: Post().changed("timestamp", lambda _: None), False),
        (lambda: Post().changed("signature", lambda _: None), False),
        (lambda: Post().changed("signature", lambda _: "v1,"), False),
        (lambda: Post().changed("signature", lambda said: "v2" + said[2:]), False),
        (lambda: Post().changed("signature", lambda said: "v2,AAAA " + said), True),
    ],
)
def test_a_receiver_takes_what_is_ours_and_nothing_else(post: Callable[[], Post], accepted: bool) -> None:
    """N7: altered, old, ahead, rotated, missing: the specification's library decides on what we send."""
    found = post()
    try:
        Receiver(found.secret).verify(found.content, found.headers)
    except WebhookVerificationError:
        assert not accepted
    else:
        assert accepted


@pytest.mark.parametrize(
    ("status", "headers", "raised", "after", "disable"),
    [
        (200, {}, None, None, None),
        (299, {}, None, None, None),
        (500, {}, Retry, None, None),
        (503, {"Retry-After": "7"}, Retry, 7 * SECOND, None),
        (429, {"Retry-After": "120"}, Retry, 120 * SECOND, None),
        (429, {"retry-after": "99999999999999999999"}, Retry, DAY, None),
        (429, {"Retry-After": "soon"}, Retry, None, None),
        (
            429,
            {"Retry-After": "Mon, 01 Jan 2024 00:01:00 GMT", "Date": "Mon, 01 Jan 2024 00:00:00 GMT"},
            Retry,
            60 * SECOND,
            None,
        ),
        (401, {}, Retry, None, None),
        (404, {}, Retry, None, None),
        (410, {}, Refused, None, True),
        (413, {}, Refused, None, False),
        (301, {"Location": "http://127.0.0.1:1/"}, Retry, None, None),
        (307, {"Location": "/other"}, Retry, None, None),
    ],
)
async def test_what_an_answer_means(
    status: int, headers: dict[str, str], raised: type[Exception] | None, after: Any, disable: Any
) -> None:
    """N1: the status decides, a wait asked for is handed on, and a redirect is a failure that nobody follows."""
    paths = []

    async def answer(request: web.Request) -> web.Response:
        paths.append(request.path)
        return web.Response(status=status, headers=headers)

    async with server(answer) as url, closing(hook(url)) as channel:
        if raised is None:
            await channel.send(notification())
        else:
            with pytest.raises(raised) as fault:
                await channel.send(notification())
            assert getattr(fault.value, "after", None) == after
            assert getattr(fault.value, "disable", None) == disable
    assert paths == ["/hook"]


async def test_a_huge_answer_is_not_read() -> None:
    """N2: of a gigabyte hardly anything crosses the line; the status alone counts."""
    sent = 0
    over = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(headers={"Content-Length": str(2**30)})
        await response.prepare(request)
        try:
            while sent < 2**30:
                await response.write(bytes(2**16))
                sent += 2**16
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            over.set()
        return response

    async with server(answer) as url, closing(hook(url)) as channel:
        await channel.send(notification())
        await over.wait()
    assert sent < 2**26


@asynccontextmanager
async def socket_that(talks: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[str]:
    """A raw server that reads the request's beginning, then talks as it likes."""
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await reader.read(100)
            await talks(writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await listening.wait_closed()


async def never(writer: asyncio.StreamWriter) -> None:
    """Says nothing."""
    await asyncio.Event().wait()


async def slowly(writer: asyncio.StreamWriter) -> None:
    """A byte at a time, each in time, the whole never."""
    while True:
        writer.write(b"H")
        await writer.drain()
        await asyncio.sleep(0.02)


async def reset(writer: asyncio.StreamWriter) -> None:
    """Breaks off within the status line."""
    writer.write(b"HTTP/1.1 2")
    await writer.drain()
    writer.transport.abort()


async def nonsense(writer: asyncio.StreamWriter) -> None:
    """Is no web server at all."""
    writer.write(b"220 mail.example.com ESMTP\r\n")
    await writer.drain()


async def endless_headers(writer: asyncio.StreamWriter) -> None:
    """Never comes to the end of its headers."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-Pad: " + b"x" * 4000 + b"\r\n")
        await writer.drain()


@pytest.mark.parametrize("talks", [never, slowly, reset, nonsense, endless_headers])
async def test_a_hostile_receiver_costs_one_deadline(talks: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> None:
    """N2: silence, slow drops, a reset, another protocol, headers without end: each is one failure, tried again later."""
    async with socket_that(talks) as url, closing(hook(url, timeout=SECOND // 4)) as channel, asyncio.timeout(10):
        with pytest.raises(Retry):
            await channel.send(notification())


async def test_nobody_listens() -> None:
    """A closed port is a failure to try again."""
    async with socket_that(never) as url:
        pass
    async with closing(hook(url)) as channel:
        with pytest.raises(Retry):
            await channel.send(notification())


PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "169.254.170.2",
    "100.64.0.1",
    "100.100.100.200",
    "0.0.0.0",
    "0.1.2.3",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "2002:0a00:0001::1",
    "2001:0:0a00:1::1",
    "100::1",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4003:80a::200e"]
DISGUISED = [
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "017700000001",
    "0x7f.1",
    "10.1",
    "1.2.3.4.5",
    "127.0.0.1.",
]


@pytest.mark.parametrize("address", PRIVATE)
async def test_no_webhook_goes_inside(address: str) -> None:
    """N6: loopback, private, link-local, metadata, unique-local, mapped, tunnelled: refused in a URL and in an answer of DNS."""
    assert not is_public(ipaddress.ip_address(address))
    with pytest.raises(Refused):
        check_literal(address, frozenset())

    async def lookup(host: str, port: int) -> list[str]:
        return ["8.8.8.8", address]

    with pytest.raises(Refused):
        await CheckedResolver(frozenset(), lookup).resolve("inside.example.com", 443)


@pytest.mark.parametrize("address", PUBLIC)
async def test_webhooks_go_outside(address: str) -> None:
    """A public address passes, and the one that was checked is the one that is handed to the connection."""
    check_literal(address, frozenset())

    async def lookup(host: str, port: int) -> list[str]:
        return [address]

    (found,) = await CheckedResolver(frozenset(), lookup).resolve("outside.example.com", 443)
    assert (found["host"], found["hostname"], found["port"]) == (address, "outside.example.com", 443)


@pytest.mark.parametrize("host", DISGUISED)
def test_an_address_in_disguise_is_refused(host: str) -> None:
    """N6: short, decimal, octal and hexadecimal forms mean an address to the system, so none is taken as a name."""
    with pytest.raises(Refused):
        check_literal(host, frozenset())


@pytest.mark.parametrize(
    "host", [*DISGUISED, "127.0.0.1", "[::1]", "[::ffff:10.0.0.1]", "169.254.169.254", "localhost"]
)
async def test_a_whole_webhook_refuses_inside(host: str) -> None:
    """N6: the same through the channel itself, with the system's own look-up."""
    url = f"https://{host}/"
    async with closing(webhook.Webhook(webhook.Settings(url=url), Secret(url), [Secret(NEW)])) as channel:
        with pytest.raises(Refused):
            await channel.send(notification())


async def test_rebinding_gains_nothing() -> None:
    """N6: each connection looks up once and goes only where that look-up led; a later private answer is refused."""
    answers = [["203.0.113.9"], ["127.0.0.1"]]
    asked = []

    async def lookup(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers[len(asked) - 1]

    url = "https://turns.example.com/"
    async with closing(webhook.Webhook(webhook.Settings(url=url), Secret(url), [Secret(NEW)], lookup)) as channel:
        for _ in answers:
            with pytest.raises(Refused):
                await channel.send(notification())
    assert len(asked) == 2


async def test_the_checked_address_is_the_one_connected_to() -> None:
    """A name allowed for a test goes to the address of the one look-up, with the name as Host."""
    hosts = []

    async def answer(request: web.Request) -> web.Response:
        hosts.append(request.host)
        return web.Response()

    calls = 0

    async def lookup(host: str, port: int) -> list[str]:
        nonlocal calls
        calls += 1
        return ["127.0.0.1"]

    async with server(answer) as url:
        named = url.replace("127.0.0.1", "shop.test")
        settings = webhook.Settings(url=named, allow_hosts=("shop.test",))
        async with closing(webhook.Webhook(settings, Secret(named), [Secret(NEW)], lookup)) as channel:
            await channel.send(notification())
    assert calls == 1
    assert hosts[0].startswith("shop.test:")


@pytest.mark.parametrize("fault", [OSError("down"), UnicodeError("label too long")])
async def test_a_failed_look_up_connects_nowhere(fault: Exception) -> None:
    """N6: without an answer of DNS nothing is sent; it is tried again later."""

    async def lookup(host: str, port: int) -> list[str]:
        raise fault

    url = "https://shop.example.com/"
    async with closing(webhook.Webhook(webhook.Settings(url=url), Secret(url), [Secret(NEW)], lookup)) as channel:
        with pytest.raises(Retry, match="not found"):
            await channel.send(notification())


def test_an_allowed_host_is_still_no_metadata_service() -> None:
    """A host allowed by name may be a neighbour, never the place where a cloud keeps its keys."""
    assert checked("desk", ["10.0.0.5"], frozenset({"desk"})) == ["10.0.0.5"]
    for address in ("169.254.169.254", "fd00:ec2::254", "fe80::1", "::ffff:169.254.169.254", "not an address"):
        with pytest.raises(Refused):
            checked("desk", [address], frozenset({"desk"}))


def test_a_body_keeps_its_size() -> None:
    """Whatever is in it, a body has at most 20 kB and counts what it leaves out."""
    reasons = tuple(Reason("gap", 0.1, "\U0001f600" * 3000) for _ in range(20))
    many = [alarm(alarm_id=f"a{n}", name="\U0001f600" * 500, reasons=reasons) for n in range(500)]
    for one in (notification(many[0]), notification(*many)):
        content = webhook.body(one)
        assert len(content) <= webhook.MAX_BODY
        assert json.loads(content)["data"]["count"] == len(one.alarms)
    assert "evidence" not in json.loads(webhook.body(notification()))["data"]["alarms"][0]


@asynccontextmanager
async def post_office(handler: Any) -> AsyncIterator[int]:
    """A real SMTP server on this machine; its port."""
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(lambda: SMTP(handler, loop=loop, enable_SMTPUTF8=True), "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        await listening.wait_closed()


class Letters:
    """Keeps what it is sent; answers as it is told."""

    def __init__(self, answer: str = "250 OK", refuse: tuple[str, ...] = ()) -> None:
        self.got: list[tuple[list[str], EmailMessage]] = []
        self.answer = answer
        self.refuse = refuse

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if address in self.refuse:
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.answer.startswith("250"):
            letter = email.message_from_bytes(envelope.content, policy=default)
            assert isinstance(letter, EmailMessage)
            self.got.append((list(envelope.rcpt_tos), letter))
        return self.answer


def sender(port: int, *to: str) -> mail.Email:
    """A mail channel to the local sink."""
    settings = mail.Settings(
        host="127.0.0.1",
        port=port,
        tls="none",
        sender="vigia@example.com",
        to=to or ("eva@example.com",),
        timeout=Span(5 * SECOND),
    )
    return mail.Email(settings, None)


async def test_a_mail_arrives_readable_and_in_its_thread() -> None:
    """Plain text and HTML say the same; all changes of an alarm share a thread, a repetition its Message-ID."""
    letters = Letters()
    async with post_office(letters) as port:
        channel = sender(port, "eva@example.com", "leo@example.com")
        for key, changed in (("msg_1", {}), ("msg_2", {"type": "alarm.settled"}), ("msg_2", {"type": "alarm.settled"})):
            await channel.send(notification(alarm(name="Ana Ruiz", **changed), key=key))
    (to, first), (_, second), (_, again) = letters.got
    assert to == ["eva@example.com", "leo@example.com"]
    assert first["Subject"] == "Ana Ruiz (gold) has gone quiet"
    assert second["Subject"].startswith("Over: Ana Ruiz")
    assert first["References"] == second["References"] == "<alarm.a1@example.com>"
    assert first["Message-ID"] != second["Message-ID"] == again["Message-ID"] == "<msg_2@example.com>"
    assert first["Auto-Submitted"] == "auto-generated"
    for form in ("plain", "html"):
        part = first.get_body((form,))
        assert part is not None
        assert "Ana Ruiz (gold) has gone quiet" in part.get_content()


async def test_hostile_names_stay_inert_in_a_mail() -> None:
    """D12: no header is forged, no markup runs, no template is evaluated, no direction turns."""
    letters = Letters()
    bad = alarm(
        name=HOSTILE,
        alarm_id=f"x\r\nBcc: a@b.c\u202e{HOSTILE}",
        reasons=(Reason("gap", 0.5, HOSTILE),),
        counterfactual=HOSTILE,
        store_id=HOSTILE,
    )
    async with post_office(letters) as port:
        await sender(port).send(notification(bad))
    ((to, letter),) = letters.got
    assert to == ["eva@example.com"]
    assert letter["Bcc"] is None
    assert {key.lower() for key in letter.keys()} == {  # noqa: SIM118  (a message's keys, not a mapping's)
        *("from", "to", "subject", "date", "message-id", "in-reply-to", "references", "auto-submitted"),
        *("mime-version", "content-type"),
    }
    page, plain = letter.get_body(("html",)), letter.get_body(("plain",))
    assert page is not None
    assert plain is not None
    assert "<script" not in page.get_content()
    assert "&lt;script&gt;" in page.get_content()
    assert "{{ 7*7 }}" in page.get_content()
    for part in (page.get_content(), plain.get_content(), str(letter["Subject"])):
        assert not {"\u202e", "\x00"} & set(part)


def test_a_subject_is_one_line_whoever_wrote_it() -> None:
    """The guard of the headers stands by itself: a title that nobody cleaned forges nothing either."""
    raw = msgspec.structs.replace(notification(), message=Message(HOSTILE, ()))
    letter = mail.mail(raw, "vigia@example.com", ("eva@example.com",))
    assert letter["Bcc"] is None
    assert letter["Subject"].startswith("Ana Bcc: all@example.com<script>")


@pytest.mark.parametrize(
    ("answer", "refuse", "raised"),
    [
        ("451 later", (), Retry),
        ("554 spam", (), Refused),
        ("250 OK", ("eva@example.com",), Refused),
    ],
)
async def test_what_a_mail_server_may_say(answer: str, refuse: tuple[str, ...], raised: type[Exception]) -> None:
    """A passing fault is tried again, a lasting one ends the matter."""
    async with post_office(Letters(answer, refuse)) as port:
        with pytest.raises(raised):
            await sender(port).send(notification())


async def test_one_bad_address_stops_no_other() -> None:
    """A recipient that is refused leaves the others theirs."""
    letters = Letters(refuse=("gone@example.com",))
    async with post_office(letters) as port:
        await sender(port, "gone@example.com", "eva@example.com").send(notification())
    assert [to for to, _ in letters.got] == [["eva@example.com"]]


async def test_a_mail_server_that_is_not_there_is_tried_again() -> None:
    """Nothing listens: a failure to try again."""
    async with post_office(Letters()) as port:
        pass
    with pytest.raises(Retry):
        await sender(port).send(notification())


async def test_the_log_keeps_names_to_itself(caplog: pytest.LogCaptureFixture) -> None:
    """D14: without names = true neither name nor customer id nor reason is in the log; with it, still one line."""
    one = notification(alarm(name=f"CANARY {HOSTILE}", reasons=(Reason("gap", 1.0, "CANARY"),), customer_id="CANARY"))
    with caplog.at_level(logging.INFO):
        await log.Log(log.Settings()).send(one)
        await log.Log(log.Settings(names=True)).send(one)
    shy, open_ = [record.getMessage() for record in caplog.records]
    assert "CANARY" not in shy
    assert "gone-quiet/error/a1" in shy
    assert "CANARY" in open_
    assert open_.isprintable()


def test_a_secret_prints_as_stars(tmp_path: Path) -> None:
    """D14: neither the secret nor anything that holds it shows it, and errors name the place only."""
    channel = hook("http://127.0.0.1:1/", NEW)
    assert NEW not in repr(vars(channel)) + str(channel.url) + f"{Secret(NEW)!r}"
    with pytest.raises(TypeError):
        Secret(NEW).__reduce__()
    settings = webhook.Settings(url="https://desk.example.com/", secrets_env=("HOOK",), secrets_file=())
    for environment, says in (
        ({}, "HOOK is not set"),
        ({"HOOK": "short"}, "24 to 64"),
        ({"HOOK": "whsec_é"}, "base64"),
    ):
        with pytest.raises(BadSetting, match=says) as fault:
            connect("desk", settings, environment)
        assert "channel.desk" in str(fault.value)
    place = tmp_path / "secret"
    for content, says in ((None, "cannot be read"), ("\n", "is empty")):
        if content is not None:
            place.write_text(content)
        with pytest.raises(BadSetting, match=says):
            connect("desk", msgspec.structs.replace(settings, secrets_env=(), secrets_file=(str(place),)), {})
    place.write_text(NEW + "\n")
    assert connect("desk", msgspec.structs.replace(settings, secrets_file=(str(place),)), {"HOOK": OLD})


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (webhook.Settings(url="http://desk.example.com/", secrets_env=("S",)), "https only"),
        (webhook.Settings(url="https://eva:pw@desk.example.com/", secrets_env=("S",)), "no user name"),
        (webhook.Settings(url="ftp://127.0.0.1/", allow_hosts=("127.0.0.1",), secrets_env=("S",)), "https only"),
        (webhook.Settings(secrets_env=("S",)), "either url or url_env"),
        (webhook.Settings(url="https://desk.example.com/"), "needs a secret"),
        (mail.Settings(host="smtp.example.com", sender="a@b.c", to=("d@e.f",), tls="none"), "encrypted"),
        (mail.Settings(host="smtp.example.com", sender="a@b.c\r\nBcc: x@y.z", to=("d@e.f",)), "no mail address"),
        (mail.Settings(host="smtp.example.com", sender="a@b.c", to=("d@e.f, g@h.i",)), "no mail address"),
        (mail.Settings(host="smtp.example.com", sender="a@b.c", to=()), "needs somebody"),
        (mail.Settings(host="smtp.example.com", sender="a@b.c", to=("d@e.f",), username="eva"), "both or none"),
    ],
)
def test_a_channel_that_could_leak_is_not_opened(settings: Any, says: str) -> None:
    """Unencrypted, unsigned or forged settings are refused with the channel's name and the mend."""
    with pytest.raises(BadSetting, match=says) as fault:
        connect("desk", settings, {"S": NEW})
    assert str(fault.value).startswith("channel.desk: ")

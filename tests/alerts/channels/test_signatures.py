"""Signatures of webhooks: the published vector, and the checks of a receiver."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from aiohttp import web
from standardwebhooks import Webhook as Receiver
from standardwebhooks import WebhookVerificationError

from alerts.channels import webhook
from alerts.channels.contract import Notification
from alerts.settings.datetimes import as_instant
from alerts.wording.message import Message
from scorers.contract.events import SECOND, Instant
from tests.support.receivers import HOSTILE, NEW, OLD, alarm, closing, hook, notification, server


async def test_a_receiver_can_verify_the_signature() -> None:
    """The specification's library accepts what arrives with either secret, and nothing that was altered."""
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
    """N7: the published vector of Standard Webhooks, byte for byte; during a rotation there are two signatures."""
    published = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = hook("https://x.example", published).headers(VECTOR, b'{"test": 2432232314}')
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    rotating = hook("https://x.example", NEW, published).headers(VECTOR, b'{"test": 2432232314}')
    first, second = rotating["webhook-signature"].split()
    assert second == headers["webhook-signature"]
    assert first != second


class Post:
    """One notification as a receiver gets it, sent so many seconds ago (negative: in the future)."""

    def __init__(self, *secrets: str, ago: int = 0) -> None:
        self.secret = NEW
        sent = notification(sent_at=Instant(as_instant(datetime.now(UTC)) - ago * SECOND))
        self.content = webhook.body(sent)
        self.headers = hook("https://x.example", *secrets).headers(sent, self.content)

    def known(self, secret: str) -> "Post":
        """The receiver knows this secret."""
        self.secret = secret
        return self

    def altered(self, old: bytes, new: bytes) -> "Post":
        """The content is altered in transit."""
        self.content = self.content.replace(old, new)
        return self

    def changed(self, name: str, change: Callable[[str], str | None]) -> "Post":
        """A header is altered in transit, or removed if None."""
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
def test_a_receiver_accepts_only_what_we_signed(post: Callable[[], Post], accepted: bool) -> None:
    """N7: altered, old, future, rotated, missing: as the specification's library decides."""
    found = post()
    try:
        Receiver(found.secret).verify(found.content, found.headers)
    except WebhookVerificationError:
        assert not accepted
    else:
        assert accepted

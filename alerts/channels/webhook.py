"""Webhooks after the Standard Webhooks specification, version 1.

The receiver gets JSON of at most 20 kB, signed with each of our secrets so that they can be changed without a gap.
Only https and only public addresses (see `addresses`), no redirects, no word of the answer is read but its status:
nothing that a receiver says can reach a log or keep us busy past the deadline.
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
from standardwebhooks import Webhook as Signer

from alerts.channels.addresses import CheckedResolver, Lookup, check_literal, system_lookup
from alerts.channels.contract import ChannelSettings, Notification, Refused, Retry
from alerts.settings.datetimes import as_datetime
from alerts.settings.secret import Secret
from alerts.wording.message import LISTED
from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, SECOND, Duration
from scorers.contract.inert import inert
from scorers.contract.rfc3339 import rfc3339

MAX_BODY = 20_000
HIDDEN = frozenset({"cause", "evidence", "schema_version"})  # where the facts lie in our own log concerns no receiver
TIMES = frozenset({"time", "at", "deadline"})

FOR_EVER = frozenset({400, 405, 406, 413, 415, 422})
"""This body will never be taken; every other refusal may be mended at the other end while we wait."""
GONE = 410
ASKS_TO_WAIT = frozenset({429, 503})


class Settings(ChannelSettings, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="webhook"):
    """A `type = "webhook"` table of the routes; `url_env` for receivers whose URL is itself a secret."""

    url: str = ""
    url_env: str = ""
    secrets_env: tuple[str, ...] = ()
    secrets_file: tuple[str, ...] = ()
    allow_hosts: tuple[str, ...] = ()
    tell_end: bool = True


class Webhook:
    """Posts each notification to one URL."""

    def __init__(self, settings: Settings, url: Secret, secrets: list[Secret], lookup: Lookup = system_lookup) -> None:
        self.settings = settings
        self.url = url
        self.signers = [_signer(secret) for secret in secrets]
        self.allowed = frozenset(settings.allow_hosts)
        self.lookup = lookup
        self._session: aiohttp.ClientSession | None = None
        if not self.signers:
            raise ValueError("a webhook needs a secret to sign with; name it in secrets_env or secrets_file")
        self._host()

    def _host(self) -> str:
        parts = urlsplit(self.url.reveal())
        host = (parts.hostname or "").lower()
        if not host or parts.username or parts.password:
            raise ValueError("the URL of a webhook needs a host and holds no user name; write https://host/path")
        if parts.scheme != "https" and not (parts.scheme == "http" and host in self.allowed):
            raise ValueError("a webhook goes by https only; use https, or name the host in allow_hosts")
        return host

    async def send(self, notification: Notification) -> None:
        """Return once the receiver has answered with a status of the 200s."""
        check_literal(self._host(), self.allowed)
        content = body(notification)
        headers = self.headers(notification, content)
        try:
            async with self._connected().post(
                self.url.reveal(), data=content, headers=headers, allow_redirects=False
            ) as response:
                status, told = response.status, response.headers
                response.close()
        except (Retry, Refused):
            raise
        except (TimeoutError, aiohttp.ClientError, OSError) as fault:
            raise Retry(f"no answer ({type(fault).__name__})") from fault
        judge(status, told)

    def headers(self, notification: Notification, content: bytes) -> dict[str, str]:
        """The headers that let the receiver know the sender, the instant and a repetition."""
        at = as_datetime(notification.sent_at).replace(microsecond=0)
        signed = [signer.sign(notification.id, at, content.decode()) for signer in self.signers]
        return {
            "content-type": "application/json",
            "user-agent": "vigia",
            "webhook-id": notification.id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(signed),
        }

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=CheckedResolver(self.allowed, self.lookup), use_dns_cache=False, force_close=True
                ),
                timeout=aiohttp.ClientTimeout(total=self.settings.timeout / SECOND),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session

    async def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _signer(secret: Secret) -> Signer:
    word = secret.reveal()
    try:
        signer = Signer(word)
    except Exception:
        raise ValueError("a webhook secret is not base64; make one of 24 to 64 random bytes, prefixed whsec_") from None
    if not 24 <= len(signer._whsecret) <= 64:
        raise ValueError("a webhook secret is too short or too long; make one of 24 to 64 random bytes")
    return signer


def judge(status: int, headers: Mapping[str, str]) -> None:
    """Raise what the status means; a status of the 200s means that the notification was taken."""
    if 200 <= status < 300:
        return
    if status == GONE:
        raise Refused("410: the receiver is gone", disable=True)
    if status in FOR_EVER:
        raise Refused(f"{status}: the receiver does not take this")
    raise Retry(f"{status}", wait(headers) if status in ASKS_TO_WAIT else None)


def wait(headers: Mapping[str, str]) -> Duration | None:
    """The wait asked for by Retry-After, at most a day; a date counts from the receiver's own clock.

    >>> wait({"Retry-After": "120"}) == 120 * SECOND
    True
    """
    asked = headers.get("Retry-After", "").strip()
    if asked.isascii() and asked.isdigit():
        return min(int(asked[:9]) * SECOND, DAY)
    try:
        ahead = parsedate_to_datetime(asked) - parsedate_to_datetime(headers.get("Date", ""))
    except (TypeError, ValueError):
        return None
    return min(max(0, round(ahead.total_seconds()) * SECOND), DAY)


def body(notification: Notification) -> bytes:
    """The JSON that the receiver gets, within the size that it expects.

    A digest leaves out its last alarms before it breaks the limit and says how many there are.
    """
    shown = [shape(alarm) for alarm in notification.alarms[:LISTED]]
    lines = [[line.label, line.text] for line in notification.message.lines]
    title, count = notification.message.title, len(notification.alarms)
    kind = "alarm.digest" if count > 1 else notification.change
    while True:
        data = {"title": title, "lines": lines, "alarms": shown, "count": count}
        content = msgspec.json.encode({"type": kind, "timestamp": rfc3339(notification.sent_at), "data": data})
        if len(content) <= MAX_BODY or not lines:
            return content
        shown, lines = shown[: len(shown) // 2], lines if shown else lines[: len(lines) // 2]


def shape(alarm: Alarm) -> dict[str, Any]:
    """The alarm in the wire's names, its text made harmless and short."""
    raw: dict[str, Any] = msgspec.to_builtins(alarm, enc_hook=int)
    told: dict[str, Any] = {}
    for key, value in raw.items():
        if key in HIDDEN or value is None:
            continue
        if key in TIMES:
            value = rfc3339(value)
        elif key == "reasons":
            value = [
                {**reason, "text": inert(reason["text"]), "code": inert(reason["code"], 80)} for reason in value[:5]
            ]
        elif key == "subject":
            value = {"type": value["type"], "id": value["id"]}
        elif key in ("name", "counterfactual"):
            value = inert(value)
        told[key] = value
    return told

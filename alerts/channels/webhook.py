"""Webhooks after the Standard Webhooks specification, version 1.

The receiver gets JSON of at most 20 kB, signed with each of our secrets so that a secret can be replaced without a gap.
A webhook uses https and public addresses only (see `addresses`) and follows no redirect. It reads the status and
headers of an answer and not its body, so a receiver can neither write into our log nor delay us past the timeout.
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit

import aiohttp
import msgspec
from standardwebhooks import Webhook as Signer
from yarl import URL

from alerts.channels.addresses import (
    CheckedResolver,
    Lookup,
    allowed_hosts,
    check_literal,
    checked_socket,
    client_host,
    system_lookup,
)
from alerts.channels.contract import ChannelSettings, Environment, Notification, Refused, Retry
from alerts.settings.datetimes import as_datetime
from alerts.settings.secret import Secret, from_environment, from_file, if_name
from alerts.wording.message import LISTED
from alerts.wording.worklist import Listed
from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, SECOND, Duration
from scorers.contract.inert import inert
from scorers.contract.rfc3339 import rfc3339

MAX_BODY = 20_000
HIDDEN = frozenset({"cause", "evidence", "schema_version"})  # places in our own topics, of no use to a receiver
TIMES = frozenset({"time", "at", "deadline"})

FINAL = frozenset({400, 405, 406, 413, 415, 422})
"""Statuses after which this body is not sent again; a receiver may correct the cause of any other."""
GONE = 410
WITH_RETRY_AFTER = frozenset({429, 503})


class Settings(ChannelSettings, frozen=True, kw_only=True, tag="webhook"):
    """As signed JSON to one URL, by the Standard Webhooks specification.

    `url_env` is for receivers whose URL is itself a secret.
    """

    url: str = ""
    url_env: str = ""
    secrets_env: tuple[str, ...] = ()
    secrets_file: tuple[str, ...] = ()
    allow_hosts: tuple[str, ...] = ()
    tell_end: bool = True
    per_hour: int = 1_000

    example: ClassVar[str] = """\
url = "https://desk.example.com/hooks/vigia"
secrets_env = ["VIGIA_HOOK_SECRET"]
"""

    def connect(self, environment: Environment) -> "Webhook":
        """The channel, with its URL and the secrets that sign."""
        if bool(self.url) == bool(self.url_env):
            raise ValueError("a webhook has one URL; give either url or url_env")
        url = Secret(self.url) if self.url else from_environment(self.url_env, environment)
        secrets = [from_environment(name, environment) for name in self.secrets_env]
        return Webhook(self, url, secrets + [from_file(path) for path in self.secrets_file])

    def target(self) -> str:
        """The host of the URL, as the rest may be a secret."""
        return urlsplit(self.url).hostname or f"the URL in {if_name(self.url_env)}"


class Webhook:
    """Posts each notification to one URL."""

    def __init__(self, settings: Settings, url: Secret, secrets: list[Secret], lookup: Lookup = system_lookup) -> None:
        self.settings = settings
        self.url = url
        self.signers = [_signer(secret) for secret in secrets]
        self.allowed = allowed_hosts(settings.allow_hosts)
        self.lookup = lookup
        self._session: aiohttp.ClientSession | None = None
        if not self.signers:
            raise ValueError("a webhook needs a secret to sign with; name it in secrets_env or secrets_file")
        self.host = self._host()

    def _target(self) -> URL:
        """The URL as the client reads it; parsed at each use, so that no log can show it whole."""
        try:
            return URL(self.url.reveal())
        except ValueError:  # the message may repeat the URL
            raise ValueError("the URL of a webhook cannot be read; write https://host/path") from None

    def _host(self) -> str:
        url = self._target()
        if not url.raw_host or url.raw_user is not None or url.raw_password is not None:
            raise ValueError("the URL of a webhook needs a host and no user name; write https://host/path")
        try:
            host = client_host(url)
        except ValueError as fault:
            raise ValueError(f"the URL of a webhook cannot be used: {fault}") from None
        if url.scheme != "https" and not (url.scheme == "http" and host in self.allowed):
            raise ValueError("a webhook uses https only; use https, or name the host in allow_hosts")
        return host

    async def send(self, notification: Notification) -> None:
        """Return once the receiver has answered with a 2xx status."""
        check_literal(self.host, self.allowed)
        content = body(notification)
        headers = self.headers(notification, content)
        try:
            async with self._connected().post(
                self._target(), data=content, headers=headers, allow_redirects=False
            ) as response:
                status, received = response.status, response.headers
                response.close()
        except (Retry, Refused):
            raise
        except (TimeoutError, aiohttp.ClientError, OSError) as fault:
            raise Retry(f"no answer ({type(fault).__name__})") from fault
        check_status(status, received)

    def headers(self, notification: Notification, content: bytes) -> dict[str, str]:
        """The headers by which the receiver verifies the sender, the time and a repeated delivery."""
        at = as_datetime(notification.sent_at).replace(microsecond=0)
        signatures = [signer.sign(notification.id, at, content.decode()) for signer in self.signers]
        return {
            "content-type": "application/json",
            "user-agent": "vigia",
            "webhook-id": notification.id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(signatures),
        }

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=CheckedResolver(self.allowed, self.lookup),
                    use_dns_cache=False,
                    force_close=True,
                    socket_factory=checked_socket(self.host, self.allowed),
                ),
                timeout=aiohttp.ClientTimeout(total=self.settings.timeout / SECOND),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session

    async def close(self) -> None:
        """Release the connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _signer(secret: Secret) -> Signer:
    value = secret.reveal()
    try:
        signer = Signer(value)
    except Exception:
        raise ValueError("a webhook secret is not base64; make one of 24 to 64 random bytes, prefixed whsec_") from None
    if not 24 <= len(signer._whsecret) <= 64:
        raise ValueError("a webhook secret is too short or too long; make one of 24 to 64 random bytes")
    return signer


def check_status(status: int, headers: Mapping[str, str]) -> None:
    """Raise `Retry` or `Refused` as the status asks; a 2xx status means that the notification was accepted."""
    if 200 <= status < 300:
        return
    if status == GONE:
        raise Refused("410: the receiver is gone", disable=True)
    if status in FINAL:
        raise Refused(f"{status}: the receiver does not take this")
    raise Retry(f"{status}", retry_after(headers) if status in WITH_RETRY_AFTER else None)


def retry_after(headers: Mapping[str, str]) -> Duration | None:
    """The wait that `Retry-After` asks for, at most a day; a date is compared with the receiver's own `Date`.

    >>> retry_after({"Retry-After": "120"}) == 120 * SECOND
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
    """The JSON that the receiver gets, at most `MAX_BODY` bytes.

    A digest over the limit leaves out its last alarms; `count` says how many there are, those that are only counted too.
    """
    shown = [
        as_json(alarm) | {"thread": inert(thread, 80)}
        for alarm, thread in zip(notification.alarms[:LISTED], notification.matters(), strict=False)
    ]
    lines = [[line.label, line.text] for line in notification.message.lines]
    title, count = notification.message.title, len(notification.alarms) + notification.counted
    kind = "alarm.digest" if count > 1 or (count and notification.listed) else notification.change
    while True:
        data = {"title": title, "lines": lines, "alarms": shown, "count": count}
        if notification.listed:
            data["worklist"] = [listed_as_json(one) for one in notification.listed[: len(lines)]]
        content = msgspec.json.encode({"type": kind, "timestamp": rfc3339(notification.sent_at), "data": data})
        if len(content) <= MAX_BODY or not lines:
            return content
        shown, lines = shown[: len(shown) // 2], lines if shown else lines[: len(lines) // 2]


def listed_as_json(listed: Listed) -> dict[str, Any]:
    """An entry of the worklist: who, what it is about, and what to do; the reasons stand in the lines."""
    entry = listed.entry
    return {
        "date": entry.date,
        "rank": entry.rank,
        "customer_id": inert(entry.customer_id, 80),
        "name": inert(listed.name, 80),
        "tier": entry.tier,
        "risk": entry.risk,
        "expected_loss_minor": entry.expected_loss_minor,
        "currency": inert(entry.currency or "", 3),
        "treatment": entry.treatment,
    }


def as_json(alarm: Alarm) -> dict[str, Any]:
    """The alarm under its public field names, its texts inert and short."""
    raw: dict[str, Any] = msgspec.to_builtins(alarm, enc_hook=int)
    fields: dict[str, Any] = {}
    for key, value in raw.items():
        if key in HIDDEN or value is None:
            continue
        if key in TIMES:
            value = rfc3339(value)
        elif key == "reasons":
            value = [
                {"code": inert(one["code"], 80), "weight": one["weight"], "text": inert(one["text"])}
                for one in value[:5]
            ]
        elif key == "subject":
            value = {"type": value["type"], "id": value["id"]}
        elif key in ("name", "counterfactual"):
            value = inert(value)
        fields[key] = value
    return fields

"""Webhooks after the Standard Webhooks specification, version 1.

The receiver gets JSON of at most 20 kB, signed with each of our secrets so that a secret can be replaced without a gap.
"""

from itertools import repeat
from typing import Any, ClassVar

import msgspec
from standardwebhooks import Webhook as Signer

from alerts.channels.addresses import Lookup, system_lookup
from alerts.channels.contract import Environment, Notification
from alerts.channels.http import HttpSettings, Poster, host_of
from alerts.settings.datetimes import as_datetime
from alerts.settings.secret import Secret, from_environment, from_file, if_name
from alerts.wording.message import LISTED
from alerts.wording.worklist import Listed
from scorers.contract.alarms import Alarm
from scorers.contract.inert import inert
from scorers.contract.rfc3339 import rfc3339

MAX_BODY = 20_000
HIDDEN = frozenset({"cause", "evidence", "schema_version"})  # places in our own topics, of no use to a receiver
TIMES = frozenset({"time", "at", "deadline"})


class Settings(HttpSettings, frozen=True, kw_only=True, tag="webhook"):
    """As signed JSON to one URL, by the Standard Webhooks specification.

    `url_env` is for receivers whose URL is itself a secret.
    """

    url: str = ""
    url_env: str = ""
    secrets_env: tuple[str, ...] = ()
    secrets_file: tuple[str, ...] = ()
    tell_end: bool = True
    per_hour: int = 1_000

    knows_repeats: ClassVar[bool] = True
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
        return host_of(self.url) if self.url else f"the URL in {if_name(self.url_env)}"


class Webhook:
    """Posts each notification to one URL."""

    def __init__(self, settings: Settings, url: Secret, secrets: list[Secret], lookup: Lookup = system_lookup) -> None:
        self.poster = Poster(url, settings, lookup)
        self.signers = [_signer(secret) for secret in secrets]
        if not self.signers:
            raise ValueError("a webhook needs a secret to sign with; name it in secrets_env or secrets_file")

    async def send(self, notification: Notification) -> None:
        """Return once the receiver has answered with a 2xx status."""
        content = body(notification)
        await self.poster.post(content, self.headers(notification, content))

    def headers(self, notification: Notification, content: bytes) -> dict[str, str]:
        """The headers by which the receiver verifies the sender, the time and a repeated delivery."""
        at = as_datetime(notification.sent_at).replace(microsecond=0)
        signatures = [signer.sign(notification.id, at, content.decode()) for signer in self.signers]
        return {
            "webhook-id": notification.id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(signatures),
        }

    async def close(self) -> None:
        """Release the connection."""
        await self.poster.close()


def _signer(secret: Secret) -> Signer:
    value = secret.reveal()
    try:
        signer = Signer(value)
    except Exception:
        raise ValueError("a webhook secret is not base64; make one of 24 to 64 random bytes, prefixed whsec_") from None
    if not 24 <= len(signer._whsecret) <= 64:
        raise ValueError("a webhook secret is too short or too long; make one of 24 to 64 random bytes")
    return signer


def body(notification: Notification) -> bytes:
    """The JSON that the receiver gets, at most `MAX_BODY` bytes.

    A digest over the limit leaves out its last alarms; `count` says how many there are, those that are only counted too.
    """
    shown = [
        as_json(alarm) | {"thread": inert(thread, 80)} | ({"link": link} if link else {})
        for alarm, thread, link in zip(
            notification.alarms[:LISTED], notification.matters(), notification.links or repeat(""), strict=False
        )
    ]
    lines = [
        [line.label, line.text, line.link] if line.link else [line.label, line.text]
        for line in notification.message.lines
    ]
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

"""Signed links in messages: a link names an alarm and its receiver, and whoever opens it may act on that alarm once.

The notifier makes links (`Links.make`), the console reads them (`Links.read`) and turns a press of a button into an action (`act`).
The address is `PUBLIC_URL/a/TOKEN`; a token is `DATA.SIGNATURE`, both base64url, signed with HMAC-SHA256. `ack`, `act`, `snooze` or
`dismiss` after `?do=` names the button that was pressed in the message; the page may begin with it, and acts by POST only.

Each link acts once: the id of its action follows from the link, and one (source, id) counts once wherever actions are read, whatever a
server forgets. A server keeps the `nonce` of used links as well, so that a second press is told so.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from scorers.contract.events import DAY, SECOND, AlarmAction, Duration, Instant
from vigia.runtime.privacy.secret_file import LEAST, generated_secret
from vigia.runtime.usage_error import UsageError

LIVES: Duration = 7 * DAY
SOURCE = "vigia-link"
PATH = "/a/"
FILE = "links.key"
MAX_TOKEN = 2_048
_PURPOSE = b"vigia link 1\n"
_SIGNED = 16  # bytes of the signature that a token carries

Answer = Literal["ack", "act", "snooze", "dismiss"]


class BadLink(ValueError):
    """A link is forged, damaged or too old; the message says which, for people."""


class Link(Struct, frozen=True, array_like=True):
    """What a token carries. `expires` is in whole seconds since 1970; `nonce` is the same in each copy of one message."""

    alarm_id: str
    receiver: str
    expires: int
    nonce: str

    @property
    def by(self) -> str:
        """The name under which the link acts."""
        return f"{self.receiver} (by link)"

    def act(
        self,
        answer: Answer,
        customer_id: str | None,
        now: Instant,
        *,
        until: Instant | None = None,
        reason: str | None = None,
        treatment: str | None = None,
    ) -> AlarmAction:
        """The action of a press of a button, for the topic `alarm-actions` under the key of the alarm's customer.

        >>> link = Link("a1", "Eva", 1_704_700_000, "n1")
        >>> done = link.act("ack", "C1", Instant(1_704_099_600_000_000))
        >>> done.action, done.by, done.source, done.id
        ('ack', 'Eva (by link)', 'vigia-link', 'n1')
        """
        return AlarmAction(
            id=self.nonce,
            source=SOURCE,
            time=now,
            customer_id=customer_id,
            alarm_id=self.alarm_id,
            action=answer,
            by=self.by,
            until=until,
            reason=reason,
            treatment=treatment,
        )


class Links:
    """Makes links to one console, and reads them.

    >>> links = Links("https://vigia.example.com", ["0" * 32])
    >>> url = links.make("a1", "Eva", "msg_1", Instant(1_704_099_600_000_000))
    >>> links.read(url.rpartition("/")[2], Instant(1_704_099_600_000_000)).alarm_id
    'a1'
    """

    def __init__(self, public_url: str, secrets: Sequence[str]) -> None:
        """The first secret signs, all are accepted. `ValueError` says what is wrong with the address."""
        if wrong := wrong_address(public_url):
            raise ValueError(wrong)
        self.public_url = public_url.rstrip("/")
        self._secrets = [secret.encode() for secret in secrets]

    def make(self, alarm_id: str, receiver: str, message_id: str, now: Instant) -> str:
        """The address in a message: it lives seven days, and a copy of the message has the same `nonce`."""
        seed = msgspec.json.encode([message_id, alarm_id, receiver])
        nonce = hashlib.sha256(seed).hexdigest()[:32]
        data = msgspec.json.encode(Link(alarm_id, receiver, (now + LIVES) // SECOND, nonce))
        return f"{self.public_url}{PATH}{_text(data)}.{_text(_signature(self._secrets[0], data))}"

    def read(self, token: str, now: Instant) -> Link:
        """The link of a token; `BadLink` if nobody with a secret made it, or its time is over.

        Whether its alarm has ended, after which it shows and does not act, is known to whoever serves it.
        """
        body, _, signed = token.partition(".")
        try:
            if len(token) > MAX_TOKEN:
                raise ValueError(token)
            data, signature = _bytes(body), _bytes(signed)
        except ValueError:
            raise BadLink("this link is damaged; open it from the message again") from None
        if not any(hmac.compare_digest(_signature(secret, data), signature) for secret in self._secrets):
            raise BadLink("this link is damaged or was not made here; open it from the message again")
        link = msgspec.json.decode(data, type=Link)
        if link.expires * SECOND < now:
            raise BadLink("this link is too old; open the alarm in the console")
        return link

    def __repr__(self) -> str:
        return f"Links({self.public_url!r})"  # never the secrets


def wrong_address(url: str) -> str:
    """What is wrong with the address of a console, and how to write it; empty if nothing is.

    >>> wrong_address("https://vigia.example.com"), wrong_address("vigia.example.com")
    ('', "is not the address of a console; write it like 'https://vigia.example.com'")
    """
    try:
        parts = urlsplit(url)
        plain = url.isascii() and url.isprintable() and not set(url) & set(" <>\"'`()|")
        fits = parts.scheme in ("http", "https") and parts.hostname and not parts.query and not parts.fragment
        usable = plain and fits and "@" not in parts.netloc and len(url) <= 500
    except ValueError:
        usable = False
    return "" if usable else "is not the address of a console; write it like 'https://vigia.example.com'"


def link_secrets(given: str, state: Path) -> list[str]:
    """The secrets of the setting `VIGIA_LINK_SECRET`; without it, the one in the state folder, which is generated once.

    >>> link_secrets("short", Path())
    Traceback (most recent call last):
    vigia.runtime.usage_error.UsageError: VIGIA_LINK_SECRET: a secret has at least 32 characters; make one with 'openssl rand -hex 32'
    """
    found = given.split()
    if not found:
        return [generated_secret(state / FILE, "VIGIA_LINK_SECRET", "the same for notifiers and consoles")]
    if len(found) > 2:
        raise UsageError("VIGIA_LINK_SECRET: more than two secrets; leave the oldest out")
    if min(map(len, found)) < LEAST:
        raise UsageError("VIGIA_LINK_SECRET: a secret has at least 32 characters; make one with 'openssl rand -hex 32'")
    return found


def _signature(secret: bytes, data: bytes) -> bytes:
    return hmac.digest(secret, _PURPOSE + data, hashlib.sha256)[:_SIGNED]


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """The bytes of this text in base64url; ValueError unless it is exactly what `_text` writes."""
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _text(data) != text:
        raise ValueError(text)
    return data

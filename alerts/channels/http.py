"""Posts to one URL, for every channel that speaks HTTP: checked addresses, one deadline, and what a status means.

It uses https and public addresses only (see `addresses`), but for hosts that the routes allow by name, and follows no redirect. It reads
the status and headers of an answer and of its body at most what is asked for, so a receiver can neither write into our log nor
delay us past the timeout. The URL may itself be a secret, so no message shows more than its host.
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import msgspec
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
from alerts.channels.contract import ChannelSettings, Environment, Refused, Retry
from alerts.settings.secret import Secret, from_environment, from_file, if_name
from scorers.contract.events import DAY, SECOND, Duration

FINAL = frozenset({400, 405, 406, 413, 415, 422})
"""Statuses after which this body is not sent again; a receiver may correct the cause of any other."""
GONE = 410
WITH_RETRY_AFTER = frozenset({429, 503})


class HttpSettings(ChannelSettings, frozen=True, kw_only=True):
    """What a channel over HTTP may set; `allow_hosts` are hosts of our own network, also without https."""

    allow_hosts: tuple[str, ...] = ()


class SecretUrl(HttpSettings, frozen=True, kw_only=True):
    """A channel whose URL is the secret, as of an incoming webhook."""

    url_env: str = ""
    url_file: str = ""

    def poster(self, environment: Environment) -> "Poster":
        """What posts to the URL."""
        return Poster(one_secret("URL", self.url_env, self.url_file, environment), self)

    def target(self) -> str:
        """Where the URL is written, as it is a secret."""
        return f"the URL in {if_name(self.url_env) if self.url_env else self.url_file}"


def one_secret(what: str, variable: str, file: str, environment: Environment) -> Secret:
    """The secret of a variable or of a file; `ValueError` unless exactly one is named."""
    if bool(variable) == bool(file):
        key = what.lower().replace(" ", "_")
        raise ValueError(f"the {what} has one place; give either {key}_env or {key}_file")
    return from_environment(variable, environment) if variable else from_file(file)


def host_of(url: str) -> str:
    """The host of a URL, for people."""
    return urlsplit(url).hostname or "no host"


class Answer(NamedTuple):
    """The status and headers of an answer, and the start of its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Poster:
    """Posts to one URL; opens no connection before the first post."""

    def __init__(self, url: Secret, settings: HttpSettings, lookup: Lookup = system_lookup) -> None:
        self.url = url
        self.timeout = settings.timeout
        self.allowed = allowed_hosts(settings.allow_hosts)
        self.lookup = lookup
        self.host = self._host()
        self._session: aiohttp.ClientSession | None = None

    async def post_json(self, content: Any, headers: Mapping[str, str] = {}) -> None:
        """Post it as JSON; raises `Retry` or `Refused` unless the status is 2xx."""
        await self.post(msgspec.json.encode(content), headers)

    async def post(self, content: bytes, headers: Mapping[str, str] = {}) -> None:
        """Post these bytes of JSON; raises `Retry` or `Refused` unless the status is 2xx."""
        answer = await self.answer(content, headers)
        check_status(answer.status, answer.headers)

    async def answer(self, content: bytes, headers: Mapping[str, str], read: int = 0) -> Answer:
        """What the receiver answers, with at most so many bytes of the body; `Retry` if it does not."""
        check_literal(self.host, self.allowed)
        sent = {"content-type": "application/json", "user-agent": "vigia", **headers}
        try:
            async with self._connected().post(
                self._target(), data=content, headers=sent, allow_redirects=False
            ) as response:
                body = await response.content.read(read) if read else b""
                status, received = response.status, response.headers
                response.close()
        except (Retry, Refused):
            raise
        except (TimeoutError, aiohttp.ClientError, OSError) as fault:
            raise Retry(f"no answer ({type(fault).__name__})") from fault
        return Answer(status, received, body)

    async def close(self) -> None:
        """Release the connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

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

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=CheckedResolver(self.allowed, self.lookup),
                    use_dns_cache=False,
                    force_close=True,
                    socket_factory=checked_socket(self.host, self.allowed),
                ),
                timeout=aiohttp.ClientTimeout(total=self.timeout / SECOND),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session


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

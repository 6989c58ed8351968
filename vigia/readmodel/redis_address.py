"""How to reach Redis: address, encryption, password, and how long a key lives there.

The rules are those for Kafka (`vigia.runtime.broker`): a password comes from the environment or from a file that it
names, never from a command line, and appears in no repr, log or error. Without TLS only a Redis on this machine is
accepted, unless VIGIA_REDIS_PLAINTEXT allows more.
"""

import ssl
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct
from redis import Redis as BlockingRedis
from redis.asyncio import Redis

from scorers.contract.events import DAY, SECOND
from scorers.policy.spans import Span, parse_span
from vigia.runtime.broker import is_here, secret, yes
from vigia.runtime.usage_error import UsageError

TTL = Span(400 * DAY)
"""How long a key lives after its last change: as long as `alarms` keeps what it is made of."""
TIMEOUT = 5  # seconds, of a connection and of an answer
NOT_A_URL = (
    "VIGIA_REDIS (or --redis) is not a URL of a Redis: write rediss://host:6379/0, or redis:// without TLS, and the "
    "password in VIGIA_REDIS_PASSWORD or VIGIA_REDIS_PASSWORD_FILE"
)


class RedisAddress(Struct, frozen=True):
    """A Redis to connect to; `files` are those of TLS, under the names of the client's arguments."""

    url: str
    password: str = ""
    files: Mapping[str, str] = {}
    ttl: Span = TTL

    def __repr__(self) -> str:
        return "RedisAddress()"  # never the URL, which may hold a password

    @property
    def seconds(self) -> int:
        """The life of a key in seconds."""
        return max(1, self.ttl // SECOND)

    def client(self) -> Redis:
        """A client for event loops; ValueError if the URL is none."""
        return Redis.from_url(self.url, decode_responses=True, **self._options())

    def blocking_client(self) -> BlockingRedis:
        """A client for threads, which answers bytes."""
        return BlockingRedis.from_url(self.url, **self._options())

    def _options(self) -> dict[str, Any]:
        options: dict[str, Any] = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT}
        if self.password:
            options["password"] = self.password
        if urlsplit(self.url).scheme == "rediss":
            options |= {**self.files, "ssl_cert_reqs": "required", "ssl_check_hostname": True}
        return options


def read(environment: Mapping[str, str], url: str = "") -> RedisAddress | None:
    """The Redis at this URL, or at that of the environment, with the settings of the environment; None without a URL.

    >>> read({}, "redis://cards.example.com:6379/0")
    Traceback (most recent call last):
    vigia.runtime.usage_error.UsageError: Redis at cards.example.com would be reached without encryption: write \
rediss:// in VIGIA_REDIS, or set VIGIA_REDIS_PLAINTEXT=yes if nobody else is on the way there
    """
    configured = secret(environment, "VIGIA_REDIS").strip()
    url = url or configured
    if not url:
        return None
    try:
        parts = urlsplit(url)
        inside, host, options = parts.password, parts.hostname or "", parse_qs(parts.query)
        _ = parts.port
    except ValueError:  # the message may contain the password
        raise UsageError(NOT_A_URL) from None
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise UsageError(NOT_A_URL)
    if inside and url != configured:
        raise UsageError(
            "--redis holds a password, and others can read a command line: set VIGIA_REDIS_PASSWORD or "
            "VIGIA_REDIS_PASSWORD_FILE"
        )
    password = secret(environment, "VIGIA_REDIS_PASSWORD")
    if (inside or "password" in options) and password:
        raise UsageError("VIGIA_REDIS holds a password and VIGIA_REDIS_PASSWORD is set as well: leave one out")
    if any(name.startswith("ssl") for name in options):
        raise UsageError(
            "VIGIA_REDIS: the URL may set nothing of TLS; set VIGIA_REDIS_CA, VIGIA_REDIS_CERT and VIGIA_REDIS_KEY"
        )
    address = RedisAddress(url, password, _files(environment, parts.scheme), _ttl(environment))
    if parts.scheme == "redis" and not is_here(host or "localhost") and not yes(environment, "VIGIA_REDIS_PLAINTEXT"):
        raise UsageError(
            f"Redis at {host} would be reached without encryption: write rediss:// in VIGIA_REDIS, or set "
            f"VIGIA_REDIS_PLAINTEXT=yes if nobody else is on the way there"
        )
    try:
        address.client()
    except ValueError:
        raise UsageError(NOT_A_URL) from None
    return address


def _files(environment: Mapping[str, str], scheme: str) -> dict[str, str]:
    """The files of TLS that are named, each of which must be usable."""
    ca, certificate, key = (environment.get(f"VIGIA_REDIS_{name}", "").strip() for name in ("CA", "CERT", "KEY"))
    if (ca or certificate or key) and scheme != "rediss":
        raise UsageError(
            "VIGIA_REDIS_CA, _CERT and _KEY are for TLS: write rediss:// in VIGIA_REDIS, or leave them out"
        )
    if bool(certificate) != bool(key):
        raise UsageError("VIGIA_REDIS_CERT and VIGIA_REDIS_KEY go together: set both")
    if ca:
        _usable("VIGIA_REDIS_CA", ca, lambda context: context.load_verify_locations(ca))
    if certificate:
        _usable("VIGIA_REDIS_CERT", certificate, lambda context: context.load_cert_chain(certificate, key, lambda: ""))
    named = {"ssl_ca_certs": ca, "ssl_certfile": certificate, "ssl_keyfile": key}
    return {name: file for name, file in named.items() if file}


def _usable(variable: str, file: str, load: Callable[[ssl.SSLContext], None]) -> None:
    try:
        load(ssl.create_default_context())
    except (OSError, ssl.SSLError):
        raise UsageError(f"{variable}={file!r} cannot be read as PEM: name a file of PEM certificates") from None


def _ttl(environment: Mapping[str, str]) -> Span:
    text = environment.get("VIGIA_REDIS_TTL", "").strip()
    try:
        found = parse_span(text) if text else TTL
    except ValueError as fault:
        raise UsageError(f"VIGIA_REDIS_TTL: {fault}") from None
    if found < DAY:
        raise UsageError(f"VIGIA_REDIS_TTL={text!r}: give at least 1d, as cards are written when alarms change")
    return found

"""How to reach Kafka: address, encryption, log-in, and the prefix of our topics and groups.

Credentials come from the environment or from files that it names, never from a command line, and appear in no repr, log
or error. Without TLS only brokers on this machine are accepted, unless VIGIA_KAFKA_PLAINTEXT allows more.
"""

import asyncio
import ipaddress
import os
import ssl
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from aiokafka.abc import AbstractTokenProvider
from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError, SaslAuthenticationFailed, UnsupportedSaslMechanismError
from aiokafka.protocol.metadata import MetadataRequest
from msgspec import Struct, structs

from scorers.contract.events import TOPIC_OF
from vigia.runtime.login import oauth, tls_alerts
from vigia.runtime.usage_error import UsageError

ACTIONS = "alarm-actions"
INPUTS = tuple(sorted(set(TOPIC_OF.values()) - {ACTIONS}))
"""The topics of facts about customers; what people do about alarms is no such fact, and no clock follows it."""
PASSWORDS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")
MECHANISMS = (*PASSWORDS, oauth.MECHANISM)
COMMITTED = "read_committed"
HANDSHAKE_MS = 10_000  # that a broker may take when `refused` connects to it
YES, NO = ("yes", "true", "1"), ("no", "false", "0", "")

EXPIRED, UNKNOWN_ISSUER, ANOTHER_NAME = (10,), (2, 18, 19, 20, 21), (62, 64)
"""Codes of X.509 verification as OpenSSL numbers them."""


class NotInTheTable(LookupError):
    """A process names a topic or group that its row in vigia/runtime/rights/table.py does not have."""


class Broker(Struct, frozen=True, dict=True):
    """A Kafka to connect to; `prefix` precedes every topic and group, so that several Vigías can share it."""

    address: str = "127.0.0.1:9092"
    prefix: str = ""
    tls: bool = False
    ca: str = ""  # files in PEM: authorities for the broker's certificate; certificate and key of this client
    certificate: str = ""
    key: str = ""
    key_password: str = ""
    user: str = ""
    password: str = ""
    mechanism: str = MECHANISMS[0]
    token_file: str = ""  # of OAUTHBEARER: a file with the token, or the address that gives one to `user`
    token_address: str = ""
    scope: str = ""
    names: frozenset[str] | None = None  # the topics and groups that may be named; None is all

    def __repr__(self) -> str:
        return f"Broker({self.address!r}, {self.prefix!r})"  # never the password

    def name(self, plain: str) -> str:
        """The name of a topic or group on this broker.

        >>> Broker(prefix="north-").name("alarms")
        'north-alarms'
        """
        if not self.may_name(plain):
            raise NotInTheTable(
                f"{plain} is not among the rights of this process: add it to vigia/runtime/rights/table.py"
            )
        return self.prefix + plain

    def may_name(self, plain: str) -> bool:
        """Whether the process may name this topic or group."""
        return self.names is None or plain in self.names

    def limited_to(self, names: Collection[str]) -> Self:
        """The same broker for a process that may name these topics and groups only."""
        return structs.replace(self, names=frozenset(names))

    def client(self) -> dict[str, Any]:
        """The arguments that every aiokafka producer and admin client gets."""
        return {"bootstrap_servers": self.address, **self._security}

    def consumer(self) -> dict[str, Any]:
        """The arguments that every aiokafka consumer gets: it reads no record of an aborted or open transaction."""
        return {**self.client(), "isolation_level": COMMITTED}

    @cached_property
    def context(self) -> ssl.SSLContext:
        """The TLS context; raises `UsageError` with the name of a file that cannot be used."""
        try:
            context = ssl.create_default_context(cafile=self.ca or None)
        except (OSError, ssl.SSLError) as fault:
            raise UsageError(f"VIGIA_KAFKA_CA={self.ca!r}: {_said(fault)}; name a file of PEM certificates") from None
        if self.certificate:
            try:
                context.load_cert_chain(self.certificate, self.key or None, lambda: self.key_password)
            except (OSError, ssl.SSLError) as fault:
                raise UsageError(
                    f"VIGIA_KAFKA_CERT={self.certificate!r}, VIGIA_KAFKA_KEY={self.key!r}: {_said(fault)}; "
                    f"name files of a PEM certificate and of its key"
                ) from None
        return context

    @cached_property
    def tokens(self) -> AbstractTokenProvider | None:
        """Where tokens come from; None for another mechanism than OAUTHBEARER."""
        if self.mechanism != oauth.MECHANISM:
            return None
        if self.token_file:
            return oauth.TokenFile(self.token_file)
        return oauth.TokenAddress(self.token_address, self.user, self.password, self.scope)

    @property
    def _security(self) -> dict[str, Any]:
        options: dict[str, Any] = {}
        logs_in = bool(self.user or self.token_file)
        if self.tls or logs_in:
            options["security_protocol"] = ("SASL_" if logs_in else "") + ("SSL" if self.tls else "PLAINTEXT")
        if self.tls:
            options["ssl_context"] = self.context
        if self.tokens is not None:
            options |= {"sasl_mechanism": self.mechanism, "sasl_oauth_token_provider": self.tokens}
        elif self.user:
            options |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return options

    def hosts(self) -> Iterator[tuple[str, int]]:
        """Host and port of each node that is named.

        >>> list(Broker("[::1]:9092, kafka:9093").hosts())
        [('::1', 9092), ('kafka', 9093)]
        """
        for part in self.address.split(","):
            host, _, port = part.strip().rpartition(":")
            yield host.strip("[]"), int(port)

    @property
    def is_here(self) -> bool:
        """Whether every node that is named is on this machine."""
        return all(is_here(host) for host, _ in self.hosts())

    async def refused(self) -> str:
        """Why no named node accepts this client, with the remedy; empty if one does."""
        why = ""
        for host, port in self.hosts():
            try:
                connection = await create_conn(host, port, request_timeout_ms=HANDSHAKE_MS, **self._security)
            except (OSError, KafkaError, TimeoutError) as fault:
                hangs_up = self.tls and isinstance(fault, KafkaConnectionError | ssl.SSLError)
                shown = bool(self.certificate)
                said = await tls_alerts.refusal(host, port, self.context, shows_one=shown) if hangs_up else ""
                why = said or _why(fault)
                continue
            try:
                if self.tokens is None or await _is_served(connection):
                    return ""
                why = "the token is refused: it may be expired, for another audience, or signed by a key that is not in force"
            finally:
                connection.close()
        return why


def read(environment: Mapping[str, str], address: str, prefix: str = "") -> Broker:
    """The broker at an address, with the security settings of an environment. Raises `UsageError`.

    >>> read({}, "kafka.example.com:9092")
    Traceback (most recent call last):
    vigia.runtime.usage_error.UsageError: Kafka at kafka.example.com:9092 would be reached without encryption: set VIGIA_KAFKA_TLS=yes (or \
VIGIA_KAFKA_CA), or VIGIA_KAFKA_PLAINTEXT=yes if nobody else is on the way there
    """
    ca, certificate, key = (environment.get(f"VIGIA_KAFKA_{name}", "").strip() for name in ("CA", "CERT", "KEY"))
    user, password = environment.get("VIGIA_KAFKA_USER", "").strip(), secret(environment, "VIGIA_KAFKA_PASSWORD")
    mechanism = environment.get("VIGIA_KAFKA_SASL", "").strip().upper() or MECHANISMS[0]
    if mechanism not in MECHANISMS:
        raise UsageError(f"VIGIA_KAFKA_SASL={mechanism!r}: not known; known are {', '.join(MECHANISMS)}")
    token_file, token_address, scope = (
        environment.get(f"VIGIA_KAFKA_{name}", "").strip() for name in ("TOKEN_FILE", "OAUTH_URL", "OAUTH_SCOPE")
    )
    _check_tokens(mechanism, token_file, token_address, user)
    if bool(user) != bool(password):
        raise UsageError(
            "VIGIA_KAFKA_USER and VIGIA_KAFKA_PASSWORD (or VIGIA_KAFKA_PASSWORD_FILE) go together: set both"
        )
    if key and not certificate:
        raise UsageError("VIGIA_KAFKA_KEY is the key of a certificate: set VIGIA_KAFKA_CERT as well")
    named = bool(ca or certificate)
    tls = yes(environment, "VIGIA_KAFKA_TLS", named)
    if named and not tls:
        raise UsageError(
            "VIGIA_KAFKA_TLS=no contradicts VIGIA_KAFKA_CA and VIGIA_KAFKA_CERT: leave one or the other out"
        )
    broker = Broker(
        address=address,
        prefix=prefix,
        tls=tls,
        ca=ca,
        certificate=certificate,
        key=key,
        key_password=secret(environment, "VIGIA_KAFKA_KEY_PASSWORD"),
        user=user,
        password=password,
        mechanism=mechanism,
        token_file=token_file,
        token_address=token_address,
        scope=scope,
    )
    if tls:
        _ = broker.context
    elif not yes(environment, "VIGIA_KAFKA_PLAINTEXT") and not broker.is_here:
        raise UsageError(
            f"Kafka at {address} would be reached without encryption: set VIGIA_KAFKA_TLS=yes (or VIGIA_KAFKA_CA), "
            f"or VIGIA_KAFKA_PLAINTEXT=yes if nobody else is on the way there"
        )
    return broker


def _check_tokens(mechanism: str, file: str, address: str, user: str) -> None:
    """Raise `UsageError` if what OAUTHBEARER needs is missing, or is set for another mechanism."""
    if mechanism != oauth.MECHANISM:
        if file or address:
            raise UsageError("VIGIA_KAFKA_TOKEN_FILE and VIGIA_KAFKA_OAUTH_URL need VIGIA_KAFKA_SASL=OAUTHBEARER")
        return
    if bool(file) == bool(address):
        raise UsageError(
            "VIGIA_KAFKA_SASL=OAUTHBEARER: set VIGIA_KAFKA_TOKEN_FILE, or VIGIA_KAFKA_OAUTH_URL with VIGIA_KAFKA_USER and "
            "VIGIA_KAFKA_PASSWORD"
        )
    if address:
        oauth.check_address(address, is_here(urlsplit(address).hostname or ""))
    if bool(address) != bool(user):
        raise UsageError(
            "VIGIA_KAFKA_USER and VIGIA_KAFKA_PASSWORD are what VIGIA_KAFKA_OAUTH_URL is asked with: set all of them, or the token's file alone"
        )


def secret(environment: Mapping[str, str], variable: str) -> str:
    """A secret from its variable, or from the file that the variable with the suffix `_FILE` names."""
    value, file = environment.get(variable, ""), environment.get(f"{variable}_FILE", "").strip()
    if value and file:
        raise UsageError(f"{variable} and {variable}_FILE are both set: leave one out")
    if not file:
        return value
    try:
        return Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError, ValueError) as fault:
        if Path(file).is_absolute():
            raise UsageError(f"{variable}_FILE={file!r}: {_said(fault)}") from None
        # it may be the secret itself in the wrong variable, which no log may repeat
        raise UsageError(
            f"{variable}_FILE: {_said(fault)}; give the full path of a file that holds the secret"
        ) from None


def yes(environment: Mapping[str, str], variable: str, default: bool = False) -> bool:
    """Whether a variable says yes; `UsageError` if it says neither yes nor no."""
    value = environment.get(variable, "").strip().lower()
    if value not in (*YES, *NO):
        raise UsageError(f"{variable}={value!r}: write yes or no")
    return value in YES if value else default


def is_here(host: str) -> bool:
    """Whether the host is this machine."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host.lower() == "localhost"


async def _is_served(connection: AIOKafkaConnection) -> bool:
    """Whether a broker answers after a log-in by token: one that refuses a token says so to the next request only."""
    try:
        return bool((await connection.send(MetadataRequest([]))).brokers)
    except (OSError, KafkaError, TimeoutError):
        return False


def _said(fault: Exception) -> str:
    """The message of a fault, without numbers and source locations."""
    if isinstance(fault, ssl.SSLError):
        return (fault.reason or "not what it must be").lower().replace("_", " ")
    if isinstance(fault, OSError) and fault.errno:
        return os.strerror(fault.errno) if fault.errno > 0 else str(fault.strerror)
    return str(fault)


def _why(fault: Exception) -> str:
    if isinstance(fault, oauth.NoToken):
        return str(fault.args[0])
    if isinstance(fault, ssl.SSLCertVerificationError):
        if fault.verify_code in EXPIRED:
            return "its certificate has expired: it has to be renewed there"
        if fault.verify_code in UNKNOWN_ISSUER:
            return "its certificate is signed by nobody who is known here: name the CA's file in VIGIA_KAFKA_CA"
        if fault.verify_code in ANOTHER_NAME:
            return "its certificate is for another name: connect to a name that stands in it"
        return f"its certificate is not believed ({fault.verify_message})"
    if isinstance(fault, ssl.SSLError):
        return f"no TLS can be spoken there ({_said(fault)}): is it the right port, and is a client certificate wanted?"
    if isinstance(fault, UnsupportedSaslMechanismError):
        return f"it takes no such log-in ({fault.args[0] if fault.args else fault}): set VIGIA_KAFKA_SASL"
    if isinstance(fault, SaslAuthenticationFailed):
        return "user or password are refused: check VIGIA_KAFKA_USER, VIGIA_KAFKA_PASSWORD and VIGIA_KAFKA_SASL"
    if isinstance(fault, KafkaConnectionError) or not isinstance(fault, OSError | asyncio.TimeoutError):
        return "it hangs up: does it want TLS (VIGIA_KAFKA_TLS), a client certificate (VIGIA_KAFKA_CERT), a log-in?"
    return f"cannot be reached ({_said(fault) or 'no answer'}); is it running there? (make kafka)"

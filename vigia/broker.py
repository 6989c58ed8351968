"""Where Kafka is and what our topics are called there: what every client of it needs, and nothing else."""

import ssl
from typing import Any

from msgspec import Struct

from scorers.events import TOPIC_OF

INPUTS = tuple(sorted(set(TOPIC_OF.values())))


class Broker(Struct, frozen=True):
    """A Kafka to connect to; `prefix` stands before every topic and group, so that several Vigías can share it."""

    address: str = "127.0.0.1:9092"
    prefix: str = ""
    tls: bool = False
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"Broker({self.address!r}, {self.prefix!r})"  # never the password

    def name(self, plain: str) -> str:
        """The name of a topic or group on this broker.

        >>> Broker(prefix="north-").name("alarms")
        'north-alarms'
        """
        return self.prefix + plain

    def client(self) -> dict[str, Any]:
        """The arguments that every aiokafka client gets."""
        told: dict[str, Any] = {"bootstrap_servers": self.address}
        if self.tls or self.user:
            told["security_protocol"] = ("SASL_" if self.user else "") + ("SSL" if self.tls else "PLAINTEXT")
        if self.tls:
            told["ssl_context"] = ssl.create_default_context()
        if self.user:
            told |= {
                "sasl_mechanism": "SCRAM-SHA-512",
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return told

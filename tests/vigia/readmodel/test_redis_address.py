"""How Redis is reached: with TLS and a password as Kafka is, and never a secret in a message."""

import gc
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme
from redis.exceptions import AuthenticationError, RedisError

from scorers.contract.events import DAY
from tests.support.redisserver import Server
from vigia.readmodel.redis_address import RedisAddress, read
from vigia.runtime.usage_error import UsageError

PASSWORD = "open-sesame-4711"


class Secured(NamedTuple):
    """A Redis that speaks only TLS and wants a password, and the files that open it."""

    server: Server
    ca: Path
    other_ca: Path
    password: Path


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    files = tmp_path_factory.mktemp("secured")
    ca, other = trustme.CA(), trustme.CA()
    ca.cert_pem.write_to_path(files / "ca.pem")
    other.cert_pem.write_to_path(files / "other-ca.pem")
    issued = ca.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(files / "cert.pem")
    issued.private_key_pem.write_to_path(files / "key.pem")
    (files / "password").write_text(PASSWORD + "\n")
    tls = ("--tls-cert-file", "cert.pem", "--tls-key-file", "key.pem", "--tls-ca-cert-file", "ca.pem")
    paths = [str(files / one) if one.endswith(".pem") else one for one in tls]
    server = Server(files, *paths, "--tls-auth-clients", "no", "--requirepass", PASSWORD, tls=True)
    server.start()
    yield Secured(server, files / "ca.pem", files / "other-ca.pem", files / "password")
    server.stop()


async def ping(environment: Mapping[str, str]) -> bool:
    """Whether the Redis of this environment answers."""
    address = read(environment)
    assert address is not None
    client = address.client()
    try:
        return bool(await client.execute_command("PING"))
    finally:
        await client.aclose()
        gc.collect()  # asyncio leaves the transport of a failed handshake to the collector, which warns: here, not later


async def test_tls_and_a_password_from_a_file(secured: Secured) -> None:
    """The certificate is verified, and the password is read from the file that the environment names."""
    environment = {
        "VIGIA_REDIS": secured.server.url,
        "VIGIA_REDIS_CA": str(secured.ca),
        "VIGIA_REDIS_PASSWORD_FILE": str(secured.password),
    }
    assert await ping(environment)


async def test_the_url_may_lie_in_a_file(secured: Secured, tmp_path: Path) -> None:
    """A URL with its password, from a mounted secret."""
    (tmp_path / "url").write_text(secured.server.url.replace("//", f"//:{PASSWORD}@") + "\n")
    assert await ping({"VIGIA_REDIS_FILE": str(tmp_path / "url"), "VIGIA_REDIS_CA": str(secured.ca)})


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_another_certificate_or_password_is_refused(secured: Secured) -> None:
    """An unknown authority, a name that the certificate does not hold, no password, a wrong one."""
    good = {"VIGIA_REDIS": secured.server.url, "VIGIA_REDIS_CA": str(secured.ca), "VIGIA_REDIS_PASSWORD": PASSWORD}
    assert await ping(good)
    other_name = secured.server.url.replace("127.0.0.1", "localhost")
    for changed in ({"VIGIA_REDIS_CA": str(secured.other_ca)}, {"VIGIA_REDIS_CA": ""}, {"VIGIA_REDIS": other_name}):
        with pytest.raises((RedisError, OSError)):
            await ping(good | changed)
    for password in ("", "open-barley"):
        with pytest.raises(AuthenticationError):
            await ping(good | {"VIGIA_REDIS_PASSWORD": password})


REFUSED = {
    "another host without TLS": ({"VIGIA_REDIS": "redis://cards.example.com:6379"}, "without encryption"),
    "an address without TLS": ({"VIGIA_REDIS": f"redis://:{PASSWORD}@10.0.0.5:6379"}, "without encryption"),
    "TLS unverified by the URL": ({"VIGIA_REDIS": "rediss://cards.example.com?ssl_cert_reqs=none"}, "nothing of TLS"),
    "two passwords": ({"VIGIA_REDIS": f"redis://:{PASSWORD}@localhost", "VIGIA_REDIS_PASSWORD": PASSWORD}, "leave one"),
    "two places of one password": ({"VIGIA_REDIS": "redis://localhost", "VIGIA_REDIS_PASSWORD": "a",
                                    "VIGIA_REDIS_PASSWORD_FILE": "/b"}, "both set"),
    "files of TLS without TLS": ({"VIGIA_REDIS": "redis://localhost", "VIGIA_REDIS_CA": "/ca.pem"}, "rediss://"),
    "no such file": ({"VIGIA_REDIS": "rediss://localhost", "VIGIA_REDIS_CA": "/no/such.pem"}, "VIGIA_REDIS_CA"),
    "a certificate without a key": ({"VIGIA_REDIS": "rediss://localhost", "VIGIA_REDIS_CERT": "/c.pem"}, "set both"),
    "no URL of a Redis": ({"VIGIA_REDIS": f"http://:{PASSWORD}@localhost"}, "not a URL"),
    "a port that is none": ({"VIGIA_REDIS": f"redis://:{PASSWORD}@localhost:port"}, "not a URL"),
    "a life that is none": ({"VIGIA_REDIS": "redis://localhost", "VIGIA_REDIS_TTL": "soon"}, "VIGIA_REDIS_TTL"),
    "a life too short": ({"VIGIA_REDIS": "redis://localhost", "VIGIA_REDIS_TTL": "1h"}, "at least 1d"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_says_why_and_no_secret(case: str) -> None:
    """In one line, with the variable that mends it."""
    environment, why = REFUSED[case]
    with pytest.raises(UsageError) as refused:
        read(environment)
    assert why in str(refused.value)
    assert PASSWORD not in str(refused.value)


def test_a_password_on_the_command_line_is_refused() -> None:
    """Others can read it there; from the environment the same URL is fine."""
    url = f"redis://:{PASSWORD}@localhost"
    with pytest.raises(UsageError, match="command line"):
        read({}, url)
    assert PASSWORD not in repr(read({"VIGIA_REDIS": url}, url))


def test_what_is_allowed() -> None:
    """Without a URL nothing; this machine as it is; another one with TLS, or where a setting allows it."""
    assert read({}) is None
    assert read({}, "redis://localhost:6379/0") == RedisAddress("redis://localhost:6379/0")
    assert read({"VIGIA_REDIS": "redis://[::1]:6379"})
    assert read({"VIGIA_REDIS": "unix:///run/redis.sock"})
    assert read({"VIGIA_REDIS": "rediss://cards.example.com"})
    allowed = read({"VIGIA_REDIS": "redis://cards:6379", "VIGIA_REDIS_PLAINTEXT": "yes", "VIGIA_REDIS_TTL": "30d"})
    assert allowed is not None
    assert (allowed.ttl, allowed.seconds) == (30 * DAY, 30 * 86_400)

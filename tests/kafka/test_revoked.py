"""A client certificate that is revoked, on a real Kafka that reads the authority's list of revocations: processes say so and end, a gateway says so and waits."""

import datetime
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.kafka.test_secured import keystore
from tests.support.door import purchase
from tests.support.paths import ROOT
from vigia.lab.local_kafka import LocalKafka

pytestmark = pytest.mark.kafka

T = TypeVar("T")
DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.UTC)
REVOCATION = "-Dcom.sun.net.ssl.checkRevocation=true -Dcom.sun.security.enableCRLDP=true"
"""What a broker's Java needs to ask for the list that a certificate names (docs/operations.md)."""


SERVES = {"gateway": ("gateway", "--no-token"), "console": ("console",)}


class Doors(NamedTuple):
    """A node that wants client certificates, and those that its authority has issued: of `serving` each is revoked."""

    address: str
    authority: "Authority"
    good: Path
    revoked: Path
    serving: dict[str, Path]

    def environment(self, certificate: Path) -> dict[str, str]:
        """What a process that shows a certificate is started with."""
        return os.environ | {
            "VIGIA_KAFKA": self.address,
            "VIGIA_KAFKA_CA": str(self.authority.certificate),
            "VIGIA_KAFKA_CERT": str(certificate),
            "VIGIA_SEAL": "a-seal-for-tests-4713",
            "VIGIA_PARTITIONS": "1",
        }


class Authority:
    """An authority whose certificates name its list of revocations."""

    def __init__(self, folder: Path) -> None:
        self._ca, self._folder, self._list = trustme.CA(), folder, folder / "revoked.crl"
        self.certificate = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(self.certificate)
        self._signer = x509.load_pem_x509_certificate(self._ca.cert_pem.bytes())
        self._key = serialization.load_pem_private_key(self._ca.private_key_pem.bytes(), None)
        self.numbers: dict[str, int] = {}
        self.revoked: set[str] = set()

    def broker(self) -> Path:
        return keystore(self._folder / "broker.pem", self._ca.issue_cert("127.0.0.1"))

    def client(self, name: str) -> Path:
        """A client certificate and its key in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        number = self.numbers[name] = x509.random_serial_number()
        where = x509.DistributionPoint([x509.UniformResourceIdentifier(self._list.as_uri())], None, None, None)
        built = (
            x509.CertificateBuilder(self._signer.subject, subject, key.public_key(), number, NOW - DAY, NOW + 9 * DAY)
            .add_extension(x509.CRLDistributionPoints([where]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(self._key, hashes.SHA256())  # type: ignore[arg-type]
        )
        pem = serialization.Encoding.PEM
        file = self._folder / f"{name}.pem"
        file.write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            + built.public_bytes(pem)
        )
        return file

    def revoke(self, *names: str) -> None:
        """Revoke these."""
        self.revoked |= set(names)
        self._publish()

    def restore(self, name: str) -> None:
        """Take this one off the list again."""
        self.revoked.remove(name)
        self._publish()

    def _publish(self) -> None:
        """Write the list of those that are revoked."""
        new = x509.CertificateRevocationListBuilder(self._signer.subject, NOW - DAY, NOW + 9 * DAY)
        for name in self.revoked:
            one = x509.RevokedCertificateBuilder(self.numbers[name], NOW - DAY).build()
            new = new.add_revoked_certificate(one)
        signed = new.sign(self._key, hashes.SHA256())  # type: ignore[arg-type]
        self._list.write_bytes(signed.public_bytes(serialization.Encoding.DER))


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    folder = tmp_path_factory.mktemp("revoked")
    authority = Authority(folder)
    broker, good, revoked = authority.broker(), authority.client("good"), authority.client("revoked")
    serving = {name: authority.client(name) for name in SERVES}
    authority.revoke("revoked", *SERVES)
    name = "listener.name.mutual.ssl"
    properties = {f"{name}.{store}.type": "PEM" for store in ("keystore", "truststore")}
    properties |= {f"{name}.keystore.location": str(broker), f"{name}.truststore.location": str(authority.certificate)}
    properties[f"{name}.client.auth"] = "required"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_TOOL_OPTIONS", REVOCATION)
        with LocalKafka(listeners={"MUTUAL": "SSL"}, properties=properties) as node:
            yield Doors(node.addresses["MUTUAL"], authority, good, revoked, serving)


def ended(doors: Doors, certificate: Path, *command: str) -> tuple[int, str]:
    """The exit status of a command and what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "vigia", *command],
        cwd=ROOT, env=doors.environment(certificate), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_one_that_is_not_revoked_opens(doors: Doors) -> None:
    """So that the refusal of the other one is because of the list alone."""
    assert ended(doors, doors.good, "topics", "apply")[0] == 0


COMMANDS = {
    "topics": ("topics", "check"),
    "worker": ("worker", "--metrics-port", "0"),
    "clock": ("clock",),
    "trainer": ("trainer",),
    "notifier": ("notifier", "--metrics-port", "0"),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_revoked_one_is_refused_and_the_cause_is_named(doors: Doors, command: tuple[str, ...]) -> None:
    """One line that says what to look at, and no stack trace."""
    status, said = ended(doors, doors.revoked, *command)
    lines = [line for line in said.splitlines() if line.startswith("vigia: ")]
    assert (status, len(lines)) == (3, 1), said
    assert "it refuses this client's certificate, which may be revoked, expired, or of" in lines[0]
    assert "name another one in VIGIA_KAFKA_CERT" in lines[0]
    assert "Traceback" not in said


@contextmanager
def running(doors: Doors, certificate: Path, folder: Path, *command: str) -> Iterator[Path]:
    """A process that serves people or tills inside the block, and its log; it ends in order."""
    log, environment = folder / "log", doors.environment(certificate) | {"VIGIA_STATE": str(folder)}
    with log.open("wb") as file:
        words = [sys.executable, "-m", "vigia", *command, "--port", "0", "--metrics-port", "0"]
        process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=file, stderr=file)
    try:
        yield log
        assert process.poll() is None
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def until(found: Callable[[], T | None]) -> T:
    """What is found within minutes."""
    deadline = time.monotonic() + 180
    while (one := found()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return one


def asked(url: str, body: bytes | None = None) -> tuple[int, str]:
    """Status and text of an answer."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


@pytest.mark.parametrize("who", SERVES)
def test_one_that_serves_says_why_it_cannot_and_goes_on_when_kafka_does(doors: Doors, tmp_path: Path, who: str) -> None:
    """Senders get 503 and keep their events, readiness and log name the cause, and nobody has to start it again."""
    assert ended(doors, doors.good, "topics", "apply")[0] == 0
    refused, remedy = "it refuses this client's certificate", "name another one in VIGIA_KAFKA_CERT"
    event = json.dumps(purchase()).encode()
    with running(doors, doors.serving[who], tmp_path, *SERVES[who]) as log:
        until(lambda: refused in log.read_text() or None)
        at = until(lambda: re.search(r"metrics on (http://[^/]+)/", log.read_text()))[1]
        status, why = until(lambda: found if refused in (found := asked(f"{at}/readyz"))[1] else None)
        assert (status, remedy in why) == (503, True)
        events = re.search(r"(http://.+/v1/events)", log.read_text())
        assert events is None or asked(events[1], event)[0] == 503
        doors.authority.restore(who)
        until(lambda: asked(f"{at}/readyz")[0] == 200 or None)
        assert events is None or asked(events[1], event)[0] == 202
        until(lambda: " again" in log.read_text() or None)
        assert log.read_text().count(refused) == 1
        assert "Traceback" not in log.read_text()

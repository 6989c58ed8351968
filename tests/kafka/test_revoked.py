"""A client certificate that is revoked, on a real Kafka that reads the authority's list of revocations: the process says so and ends."""

import datetime
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.kafka.test_secured import keystore
from tests.support.paths import ROOT
from vigia.lab.local_kafka import LocalKafka

pytestmark = pytest.mark.kafka

DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.UTC)
REVOCATION = "-Dcom.sun.net.ssl.checkRevocation=true -Dcom.sun.security.enableCRLDP=true"
"""What a broker's Java needs to ask for the list that a certificate names (docs/operations.md)."""


class Doors(NamedTuple):
    """A node that wants client certificates, and two that its authority has issued."""

    address: str
    ca: Path
    good: Path
    revoked: Path


class Authority:
    """An authority whose certificates name its list of revocations."""

    def __init__(self, folder: Path) -> None:
        self._ca, self._folder, self._list = trustme.CA(), folder, folder / "revoked.crl"
        self.certificate = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(self.certificate)
        self._signer = x509.load_pem_x509_certificate(self._ca.cert_pem.bytes())
        self._key = serialization.load_pem_private_key(self._ca.private_key_pem.bytes(), None)
        self.numbers: dict[str, int] = {}

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
        """Write the list of those that are revoked."""
        new = x509.CertificateRevocationListBuilder(self._signer.subject, NOW - DAY, NOW + 9 * DAY)
        for name in names:
            one = x509.RevokedCertificateBuilder(self.numbers[name], NOW - DAY).build()
            new = new.add_revoked_certificate(one)
        signed = new.sign(self._key, hashes.SHA256())  # type: ignore[arg-type]
        self._list.write_bytes(signed.public_bytes(serialization.Encoding.DER))


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    folder = tmp_path_factory.mktemp("revoked")
    authority = Authority(folder)
    broker, good, revoked = authority.broker(), authority.client("good"), authority.client("revoked")
    authority.revoke("revoked")
    name = "listener.name.mutual.ssl"
    properties = {f"{name}.{store}.type": "PEM" for store in ("keystore", "truststore")}
    properties |= {f"{name}.keystore.location": str(broker), f"{name}.truststore.location": str(authority.certificate)}
    properties[f"{name}.client.auth"] = "required"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_TOOL_OPTIONS", REVOCATION)
        with LocalKafka(listeners={"MUTUAL": "SSL"}, properties=properties) as node:
            yield Doors(node.addresses["MUTUAL"], authority.certificate, good, revoked)


def ended(doors: Doors, certificate: Path, *command: str) -> tuple[int, str]:
    """The exit status of a command and what it says."""
    environment = {
        "VIGIA_KAFKA": doors.address,
        "VIGIA_KAFKA_CA": str(doors.ca),
        "VIGIA_KAFKA_CERT": str(certificate),
        "VIGIA_SEAL": "a-seal-for-tests-4713",
        "VIGIA_PARTITIONS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "vigia", *command],
        cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=120, check=False,
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

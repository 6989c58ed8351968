"""Kafka with TLS and log-in: who shows what is asked for gets everything done, who does not is told why in one line."""

import asyncio
import datetime
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme
from aiokafka import AIOKafkaConsumer, TopicPartition
from cryptography.hazmat.primitives import serialization

from tests.support.tokens import Issuer
from vigia.lab.local_kafka import LocalKafka
from vigia.runtime.broker import MECHANISMS, PASSWORDS, read

pytestmark = pytest.mark.kafka

CHECKOUT = Path(__file__).resolve().parents[2]
PASSWORD = "open-sesame-4711"
WRONG = "open-barley-4712"
LATE = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
ENTRY = "org.apache.kafka.common.security.{}LoginModule required{};"


class Secured(NamedTuple):
    """A node with doors of several kinds, and the files that open them."""

    node: LocalKafka
    ca: Path
    other_ca: Path
    certificate: Path
    tokens: Issuer
    authority: trustme.CA


def keystore(path: Path, issued: trustme.LeafCert) -> Path:
    """The certificate and its key as Kafka reads them from one file."""
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    pkcs8 = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(pkcs8 + b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    return path


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    files = tmp_path_factory.mktemp("secured")
    ca, other = trustme.CA(), trustme.CA()
    ca.cert_pem.write_to_path(files / "ca.pem")
    other.cert_pem.write_to_path(files / "other-ca.pem")
    good = keystore(files / "good.pem", ca.issue_cert("127.0.0.1"))
    expired = keystore(files / "expired.pem", ca.issue_cert("127.0.0.1", not_after=LATE))
    client = keystore(files / "client.pem", ca.issue_cert("worker@example.com"))
    properties = {"sasl.enabled.mechanisms": ",".join(PASSWORDS)}
    properties["listener.name.secured.sasl.enabled.mechanisms"] = ",".join(MECHANISMS)
    for door, store in (("secured", good), ("mutual", good), ("expired", expired)):
        name = f"listener.name.{door}"
        properties |= {f"{name}.ssl.keystore.type": "PEM", f"{name}.ssl.keystore.location": str(store)}
        properties |= {f"{name}.ssl.truststore.type": "PEM", f"{name}.ssl.truststore.location": str(files / "ca.pem")}
        properties[f"{name}.plain.sasl.jaas.config"] = ENTRY.format("plain.Plain", f' user_vigia="{PASSWORD}"')
        for kind in ("scram-sha-256", "scram-sha-512"):
            properties[f"{name}.{kind}.sasl.jaas.config"] = ENTRY.format("scram.Scram", "")
    tokens = Issuer()
    properties |= tokens.properties("listener.name.secured.oauthbearer.", files / "keys.json")
    properties["listener.name.mutual.ssl.client.auth"] = "required"
    doors = {"SECURED": "SASL_SSL", "MUTUAL": "SSL", "EXPIRED": "SASL_SSL"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(
            "JAVA_TOOL_OPTIONS", f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={(files / 'keys.json').as_uri()}"
        )
        with LocalKafka(listeners=doors, properties=properties, users={"vigia": PASSWORD, "former": PASSWORD}) as node:
            yield Secured(node, files / "ca.pem", files / "other-ca.pem", client, tokens, ca)


def by_password(secured: Secured, mechanism: str = PASSWORDS[0]) -> dict[str, str]:
    return {
        "VIGIA_KAFKA": secured.node.addresses["SECURED"],
        "VIGIA_KAFKA_CA": str(secured.ca),
        "VIGIA_KAFKA_USER": "vigia",
        "VIGIA_KAFKA_PASSWORD": PASSWORD,
        "VIGIA_KAFKA_SASL": mechanism,
    }


def by_certificate(secured: Secured) -> dict[str, str]:
    return {
        "VIGIA_KAFKA": secured.node.addresses["MUTUAL"],
        "VIGIA_KAFKA_CA": str(secured.ca),
        "VIGIA_KAFKA_CERT": str(secured.certificate),
    }


def started(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "vigia", *arguments],
        cwd=CHECKOUT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended(environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    """The exit status and the output of a command that has 30 s to end."""
    process = started(environment, *arguments)
    try:
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, output


EVENT = {
    "id": "1", "source": "till", "type": "purchase.completed", "time": "2024-03-01T09:30:00Z", "customer_id": "ana",
    "amount_minor": 2450, "currency": "EUR",
}  # fmt: skip


async def rows(secured: Secured, prefix: str) -> list[bytes]:
    """Keys in the changelog of a group's partitions, once there are any."""
    consumer = AIOKafkaConsumer(bootstrap_servers=secured.node.address, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(f"{prefix}vigia-customers-changelog", n) for n in range(2)])
        async with asyncio.timeout(60):
            found: list[bytes] = []
            while b"ana" not in found:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [record.key for record in records]
            return found
    finally:
        await consumer.stop()


def by_token(secured: Secured, token: str) -> dict[str, str]:
    file = secured.ca.with_name("token")
    file.write_text(token + "\n")
    return {
        "VIGIA_KAFKA": secured.node.addresses["SECURED"],
        "VIGIA_KAFKA_CA": str(secured.ca),
        "VIGIA_KAFKA_SASL": "OAUTHBEARER",
        "VIGIA_KAFKA_TOKEN_FILE": str(file),
    }


@pytest.mark.parametrize("door", ["password", "certificate", "token"])
async def test_who_may_in_has_all_done(secured: Secured, tmp_path: Path, door: str) -> None:
    """With log-in or client certificate, over TLS: topics are made, an event is taken, and the worker folds it."""
    doors = {"password": by_password(secured), "certificate": by_certificate(secured)}
    environment = doors.get(door) or by_token(secured, secured.tokens.token())
    environment |= {"VIGIA_PREFIX": f"{door}-", "VIGIA_PARTITIONS": "2", "VIGIA_STATE": str(tmp_path / "state")}
    assert ended(environment, "topics", "apply")[0] == 0
    (tmp_path / "event.jsonl").write_text(json.dumps(EVENT) + "\n")
    status, said = ended(environment, "publish", str(tmp_path / "event.jsonl"))
    assert (status, said.splitlines()[0]) == (0, f"1 event -> {door}-purchases")
    worker = started(environment, "worker", "--metrics-port", "0")
    try:
        assert b"ana" in await rows(secured, f"{door}-")
    finally:
        worker.terminate()
        output, _ = await asyncio.to_thread(worker.communicate, timeout=60)
    assert worker.returncode == 0
    assert PASSWORD not in output


@pytest.mark.parametrize("mechanism", PASSWORDS)
async def test_every_way_to_log_in(secured: Secured, mechanism: str) -> None:
    """Each mechanism takes the right password, here from a file, and refuses the wrong one."""
    environment = by_password(secured, mechanism)
    address = environment.pop("VIGIA_KAFKA")
    del environment["VIGIA_KAFKA_PASSWORD"]
    file = secured.ca.with_name("password")
    environment["VIGIA_KAFKA_PASSWORD_FILE"] = str(file)
    file.write_text(PASSWORD + "\n")
    assert await read(environment, address).refused() == ""
    file.write_text(WRONG)
    assert "user or password are refused" in await read(environment, address).refused()


TOKENS = {
    "expired": (lambda issuer: issuer.token(lives=-600), "the token is refused: it may be expired"),
    "for others": (lambda issuer: issuer.token(aud="others"), "the token is refused"),
    "of a key that was withdrawn": (lambda issuer: Issuer().token(), "the token is refused"),
    "no token": (lambda issuer: "nonsense", "the token is refused"),
    "empty": (lambda issuer: "", "VIGIA_KAFKA_TOKEN_FILE is empty"),
}


@pytest.mark.parametrize("which", TOKENS)
async def test_a_bad_token_is_named(secured: Secured, which: str) -> None:
    """Expired, for another audience, signed by a key that is not in force: each is told, and the token is not repeated."""
    make, said = TOKENS[which]
    environment = by_token(secured, token := make(secured.tokens))
    why = await read(environment, environment["VIGIA_KAFKA"]).refused()
    assert said in why
    assert not token or token not in why


async def test_a_token_is_asked_for_at_its_address(secured: Secured) -> None:
    """By the client credentials grant, once for several connections; a wrong secret is told."""
    environment = by_token(secured, "")
    del environment["VIGIA_KAFKA_TOKEN_FILE"]
    async with secured.tokens.serving("vigia", PASSWORD) as (url, asked):
        environment |= {"VIGIA_KAFKA_OAUTH_URL": url, "VIGIA_KAFKA_USER": "vigia", "VIGIA_KAFKA_PASSWORD": PASSWORD}
        broker = read(environment | {"VIGIA_KAFKA_OAUTH_SCOPE": "kafka"}, environment["VIGIA_KAFKA"])
        assert [await broker.refused(), await broker.refused()] == ["", ""]
        assert asked == [{"grant_type": "client_credentials", "scope": "kafka"}]
        wrong = read(environment | {"VIGIA_KAFKA_PASSWORD": WRONG}, environment["VIGIA_KAFKA"])
        assert "VIGIA_KAFKA_OAUTH_URL answers 401" in await wrong.refused()


async def test_a_user_whose_password_is_withdrawn_is_refused(secured: Secured) -> None:
    """Someone who could log in cannot any more, once the broker has forgotten the password."""
    environment = by_password(secured) | {"VIGIA_KAFKA_USER": "former"}
    address = environment["VIGIA_KAFKA"]
    assert await read(environment, address).refused() == ""
    words = ["--bootstrap-server", secured.node.address, "--alter", "--delete-config", PASSWORDS[0]]
    withdraw = secured.node._java(
        "kafka.admin.ConfigCommand", *words, "--entity-type", "users", "--entity-name", "former"
    )
    done = await asyncio.to_thread(subprocess.run, withdraw, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    async with asyncio.timeout(60):
        while not (why := await read(environment, address).refused()):
            await asyncio.sleep(0.2)
    assert "user or password are refused" in why


@pytest.mark.parametrize("of", ["expired", "another authority"])
async def test_a_client_certificate_that_cannot_be_believed_is_refused(
    secured: Secured, tmp_path: Path, of: str
) -> None:
    """One that has expired, and one of an authority that the broker does not know."""
    file = keystore(
        tmp_path / "client.pem",
        secured.authority.issue_cert("worker@example.com", not_after=LATE)
        if of == "expired"
        else trustme.CA().issue_cert("worker@example.com"),
    )
    environment = by_certificate(secured) | {"VIGIA_KAFKA_CERT": str(file)}
    assert (
        "it refuses this client's certificate, which may be revoked, expired, or of"
        in await read(environment, environment["VIGIA_KAFKA"]).refused()
    )


COMMANDS = {
    "worker": ("worker", "--metrics-port", "0"),
    "clock": ("clock",),
    "trainer": ("trainer",),
    "notifier": ("notifier", "--metrics-port", "0"),
}
FAULTS = {
    "wrong password": ({"VIGIA_KAFKA_PASSWORD": WRONG}, "user or password are refused: check VIGIA_KAFKA_USER"),
    "unknown CA": ({"VIGIA_KAFKA_CA": "{other_ca}"}, "signed by nobody who is known here: name the CA's file"),
    "expired certificate": ({"VIGIA_KAFKA": "{expired}"}, "its certificate has expired: it has to be renewed"),
    "no TLS": (
        {"VIGIA_KAFKA_CA": "", "VIGIA_KAFKA_USER": "", "VIGIA_KAFKA_PASSWORD": ""},
        "it hangs up: does it want TLS",
    ),
}


@pytest.mark.parametrize(
    ("command", "fault"),
    [*(("worker", fault) for fault in FAULTS), *((command, "wrong password") for command in COMMANDS)][1:],
)
def test_a_missing_right_is_named(secured: Secured, command: str, fault: str) -> None:
    """What cannot be believed ends the process within 30 s: one line with the mend, no secret in any."""
    changed, said = FAULTS[fault]
    places = {"other_ca": str(secured.other_ca), "expired": secured.node.addresses["EXPIRED"]}
    environment = by_password(secured) | {"VIGIA_SEAL": "a-seal-for-tests-4713"}
    environment |= {name: value.format(**places) for name, value in changed.items()}
    status, output = ended(environment, *COMMANDS[command])
    lines = [line for line in output.splitlines() if line.startswith("vigia: ")]
    assert (status, len(lines)) == (3, 1), output
    assert said in lines[0]
    assert not any(word in output for word in (PASSWORD, WRONG, "a-seal-for-tests-4713", "Traceback")), output


def test_a_missing_client_certificate_is_named(secured: Secured) -> None:
    """Where both sides must show one, whoever shows none is told that it may be wanted."""
    environment = by_certificate(secured) | {"VIGIA_KAFKA_CERT": ""}
    status, output = ended(environment, "topics", "check")
    assert (status, output.count("\n")) == (3, 1)
    assert "it wants a client certificate: name one in VIGIA_KAFKA_CERT" in output

"""When certificates end is told by each process that was given them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
import trustme
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from vigia.runtime.health import serving_health
from vigia.runtime.metrics import certificates
from vigia.runtime.metrics.table import LABELS

SOON, LATER = datetime(2030, 1, 1, tzinfo=UTC), datetime(2031, 6, 1, tzinfo=UTC)


def issued(path: Path, *ends: datetime) -> str:
    """A file of certificates that end at these instants, one after the other."""
    authority = trustme.CA()
    leaves = [authority.issue_cert("worker@example.com", not_after=end) for end in ends]
    path.write_bytes(b"".join(leaf.cert_chain_pems[0].bytes() for leaf in leaves))
    return str(path)


def test_a_chain_ends_with_its_first_and_authorities_with_their_last(tmp_path: Path) -> None:
    """An authority that is about to end beside its successor is no reason to worry, a certificate of a chain is."""
    both = issued(tmp_path / "both.pem", LATER, SOON)
    found = certificates.ends_of({"VIGIA_KAFKA_CA": both, "VIGIA_KAFKA_CERT": both, "VIGIA_REDIS_CERT": ""}, both)
    assert found == {"kafka_ca": LATER.timestamp(), "kafka_client": SOON.timestamp(), "console": SOON.timestamp()}


def test_a_file_that_cannot_be_read_has_no_end(tmp_path: Path) -> None:
    """Who uses it says what is wrong; metrics do not end a process."""
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    files = {"VIGIA_KAFKA_CERT": str(tmp_path / "key.pem"), "VIGIA_KAFKA_CA": str(tmp_path / "none.pem")}
    assert certificates.ends_of(files | {"VIGIA_REDIS_CA": str(tmp_path)}) == {}


def test_the_label_names_all() -> None:
    assert LABELS["certificate"] == ", ".join(f"`{name}`" for name in certificates.NAMES)


async def test_a_process_tells_until_it_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it was given at its start counts: a file that is renewed meanwhile is not in use yet."""
    for name in (*certificates.AUTHORITIES.values(), *certificates.CLIENTS.values()):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VIGIA_KAFKA_CERT", issued(tmp_path / "client.pem", SOON))
    own = issued(tmp_path / "console.pem", LATER)
    async with (
        serving_health(CollectorRegistry(), 0, certificate=own) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as web,
    ):
        issued(tmp_path / "client.pem", SOON + timedelta(days=365))
        async with web.get("/metrics") as answer:
            families = text_string_to_metric_families(await answer.text())
            told = {one.name: one.samples for one in families}["vigia_certificate_end_time_seconds"]
    assert {one.labels["certificate"]: one.value for one in told} == {
        "kafka_client": SOON.timestamp(),
        "console": LATER.timestamp(),
    }

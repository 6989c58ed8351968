"""`vigia backup` and `vigia restore`: a file that can be checked, without keys; what is damaged or does not fit is refused."""

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.console import on, run, write
from vigia.lab.embedded_kafka import PARTITIONS, EmbeddedKafka
from vigia.operations.backup_file import opened
from vigia.runtime.topics import CHANGELOG, TOPICS

KEY = "0123456789abcdef" * 2
MARK = b'{"purchases@0":6,"clock@0":2}\n{}'


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIA_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("VIGIA_PARTITIONS", str(PARTITIONS))
    monkeypatch.setenv("VIGIA_PRIVACY_KEY", KEY)


@pytest.fixture
def kafka() -> Iterator[str]:
    with EmbeddedKafka() as kafka:
        kafka.create(*(topic.name for topic in TOPICS))
        yield kafka.address


@pytest.fixture
def file(kafka: str, tmp_path: Path) -> Path:
    """A backup of two rows, the checkpoint of one partition, and an incident."""
    write(kafka, CHANGELOG, ("C1", b"{}\nold"), ("C1", b"{}\nrow"), ("C2", b"{}\nrow"), (b"\x00mark", MARK))
    write(kafka, "notifications", ("a1", b"incident"), headers=[("seal", b"\x00\xff")])
    done = run("backup", "--out", str(tmp_path / "vigia.tar.gz"), "--kafka", kafka)
    assert done.exit_code == 0, done.output
    return tmp_path / "vigia.tar.gz"


def test_a_backup_says_what_it_holds_and_holds_no_key(file: Path) -> None:
    """Readable by its owner only; the keys that are needed are named."""
    done = run("backup", "--check", str(file))
    assert f"{CHANGELOG}: 4 records" in done.stdout
    assert "notifications: 1 records" in done.stdout
    assert "needs VIGIA_PRIVACY_KEY (" in done.stdout
    assert file.stat().st_mode & 0o777 == 0o600
    with opened(file) as (manifest, folder):
        assert manifest.topics["purchases"].ends == [0] * PARTITIONS
        held = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert KEY.encode() not in held
    assert [path.name for path in file.parent.iterdir() if path.name.startswith("vigia")] == [file.name]


def test_what_was_backed_up_comes_back(file: Path, tmp_path: Path) -> None:
    """In its partitions, in its order, with headers; where the topics are new, what to publish again is told."""
    with EmbeddedKafka() as other:
        other.create(*(topic.name for topic in TOPICS))
        done = run("restore", str(file), "--kafka", other.address, "--policy-out", str(tmp_path / "policy.toml"))
        assert done.exit_code == 0, done.output
        assert "Delete the state folders of all workers" in done.stdout
        rows = on(other.address, CHANGELOG)
        assert sorted((r.key, r.value) for r in rows if r.key == b"C1") == [(b"C1", b"{}\nold"), (b"C1", b"{}\nrow")]
        assert len(rows) == 4
        (incident,) = on(other.address, "notifications")
        assert (incident.value, incident.headers) == (b"incident", (("seal", b"\x00\xff"),))
        again = run("restore", str(file), "--kafka", other.address)
        assert "holds rows, so nothing is restored" in str(again.exception)
    assert (tmp_path / "policy.toml").read_text().strip()


@pytest.mark.parametrize("damage", ["cut", "flipped", "no archive", "a member changed"])
def test_a_damaged_file_is_refused(file: Path, damage: str, tmp_path: Path) -> None:
    """Before anything is written; the message says what is wrong."""
    data = file.read_bytes()
    if damage == "cut":
        file.write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        file.write_bytes(data[:200] + bytes([data[200] ^ 255]) + data[201:])
    elif damage == "no archive":
        file.write_bytes(b"rows")
    else:
        with opened(file) as (manifest, folder):
            member = next(name for name, one in manifest.members.items() if one.records and CHANGELOG in name)
            (folder / member).write_bytes((folder / member).read_bytes().replace(b"row", b"Row"))
            with tarfile.open(file, "w:gz") as archive:
                for path in sorted(folder.rglob("*")):
                    if path.is_file():
                        archive.add(path, str(path.relative_to(folder)))
    refused = str(run("backup", "--check", str(file)).exception)
    assert "take another" in refused


def test_a_backup_of_another_system_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows belong to their partitions, and name their topics."""
    monkeypatch.setenv("VIGIA_PARTITIONS", "9")
    assert "VIGIA_PARTITIONS=4; set the same" in str(run("restore", str(file)).exception)
    assert "made with --prefix ''" in str(run("restore", str(file), "--prefix", "north-").exception)
    assert "give either --out FILE" in str(run("backup").exception)

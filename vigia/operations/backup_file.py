"""The file of a backup: a tar archive of the records of some topics, the policy, and a manifest with a hash of each.

A member of records is a sequence of lengths (four bytes) and records in MessagePack: timestamp, key, value, headers. The manifest is
the first member. No key and no password is in the file; the manifest names the keys that a restored system needs.
"""

import hashlib
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from msgspec import DecodeError, Struct, field, json, msgpack

from vigia.runtime.usage_error import UsageError

FORM = 1
MANIFEST, POLICY = "manifest.json", "policy.toml"
PIECE = 1 << 20


class Entry(NamedTuple):
    """A record of a topic."""

    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


class TopicState(Struct):
    """A topic when the backup was made: its incarnation, and the bounds of each partition."""

    id: str
    begins: list[int]
    ends: list[int]


class Member(Struct):
    """A part of the file."""

    sha256: str
    size: int
    records: int = 0


class Manifest(Struct):
    """What a backup holds, and of which system."""

    version: str
    made_at: str
    prefix: str
    partitions: int
    topics: dict[str, TopicState] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    keys: dict[str, list[str]] = field(default_factory=dict)  # names of the keys in use, by setting
    form: int = FORM


def member_name(topic: str, partition: int) -> str:
    """The name of the member with a partition of a topic.

    >>> member_name("models", 0)
    'topics/models/0'
    """
    return f"topics/{topic}/{partition}"


class Writer:
    """Collects members in a folder; `finish` makes the file of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.members: dict[str, Member] = {}

    @contextmanager
    def records(self, name: str) -> Iterator["RecordSink"]:
        """A member of records, written inside the block."""
        path = self._path(name)
        with path.open("wb") as file:
            sink = RecordSink(file)
            yield sink
        self.members[name] = Member(_hash(path), path.stat().st_size, sink.count)

    def add(self, name: str, data: bytes) -> None:
        """A member of bytes."""
        path = self._path(name)
        path.write_bytes(data)
        self.members[name] = Member(_hash(path), len(data))

    def finish(self, manifest: Manifest, to: Path) -> None:
        """Write the file; it appears under its name only when it is complete."""
        manifest.members = self.members
        self._path(MANIFEST).write_bytes(json.format(json.encode(manifest)))
        part = to.with_name(f"{to.name}.part")
        part.touch(mode=0o600)
        with tarfile.open(part, "w:gz", compresslevel=1) as archive:
            for name in (MANIFEST, *self.members):
                archive.add(self._path(name), name)
        part.replace(to)

    def _path(self, name: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


class RecordSink:
    """Appends records to a member."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.count = 0

    def add(self, record: Any) -> None:
        """Append a record of Kafka."""
        headers = [(name, bytes(value)) for name, value in record.headers]
        packed = msgpack.encode(Entry(record.timestamp, record.key, record.value, headers))
        self._file.write(len(packed).to_bytes(4, "big") + packed)
        self.count += 1


@contextmanager
def opened(path: Path) -> Iterator[tuple[Manifest, Path]]:
    """The manifest and a folder with the unpacked members, each checked against its hash. Raises `UsageError`."""
    with tempfile.TemporaryDirectory(prefix="vigia-backup-", dir=path.resolve().parent) as name:
        folder = Path(name)
        try:
            with tarfile.open(path, "r:*") as archive:
                archive.extractall(folder, filter="data")
            manifest = json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
        except (tarfile.TarError, EOFError, OSError, DecodeError) as fault:
            raise UsageError(f"{path}: no complete backup ({type(fault).__name__}: {fault}); take another") from None
        if manifest.form > FORM:
            raise UsageError(f"{path}: written by a later release ({manifest.version}); restore with that release")
        for member, wanted in manifest.members.items():
            if not (folder / member).is_file() or _hash(folder / member) != wanted.sha256:
                raise UsageError(f"{path}: {member} is damaged; take another backup")
        yield manifest, folder


def entries(path: Path) -> Iterator[Entry]:
    """The records of a member."""
    decode = msgpack.Decoder(Entry).decode
    with path.open("rb") as file:
        while size := file.read(4):
            yield decode(file.read(int.from_bytes(size, "big")))


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

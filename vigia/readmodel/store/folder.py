"""Builds a read model from the folder of a replay, so that its console needs no Kafka."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from scorers.contract.rfc3339 import parse_instant
from scorers.groups.iceberg import StoreVoices, reported_values
from vigia.readmodel.store.folding import Folding
from vigia.readmodel.store.items import StoreReport
from vigia.readmodel.store.tables import Tables
from vigia.runtime.dead_letter import Letter
from vigia.runtime.privacy.keyed_hash import KeyedHash
from vigia.runtime.usage_error import UsageError

NEEDED = ("customers.jsonl", "alarms.jsonl")
BATCH = 5_000


class _Rejected(msgspec.Struct):
    file: str
    line: int
    code: str
    detail: str = ""


class _Timed(msgspec.Struct):
    time: str


class _Summary(msgspec.Struct):
    policy_version: str = ""


def load(folder: Path, tables: Tables, hashes: KeyedHash) -> int:
    """Put the whole run into empty tables; returns the instant of its newest alarm.

    Raises `UsageError` if the folder is not that of a replay.
    """
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise UsageError(
            f"{folder}: {' and '.join(missing)} not found; name the folder of a run of vigia replay or vigia demo"
        )
    newest = max((_time(line) for line in _lines(folder / "alarms.jsonl")), default=0)
    folding = Folding(tables, hashes, lambda: newest)
    _each(tables, folder / "alarms.jsonl", folding.alarm)
    _each(tables, folder / "customers.jsonl", folding.customer)
    _each(tables, folder / "worklist.jsonl", folding.entry)
    _each(tables, folder / "stores.jsonl", lambda line: tables.put_store(*_store(line, newest)))
    _each(tables, folder / "rejected.jsonl", lambda line: folding.letter(_letter(line)))
    return newest


def policy_version(folder: Path) -> str:
    """The version of the policy that was in force at the end of the run; empty if its summary is missing or older than versions."""
    try:
        return msgspec.json.decode((folder / "summary.json").read_bytes(), type=_Summary).policy_version
    except (OSError, msgspec.DecodeError):
        return ""


def _each(tables: Tables, path: Path, take: Callable[[bytes], object]) -> None:
    lines = _lines(path)
    done = False
    while not done:
        done = True
        with tables.transaction():
            for number, line in enumerate(lines, 1):
                take(line)
                if number == BATCH:
                    done = False
                    break


def _lines(path: Path) -> Iterator[bytes]:
    if not path.is_file():
        return
    with path.open("rb") as file:
        for line in file:
            yield line.rstrip(b"\r\n")


def _time(line: bytes) -> int:
    try:
        return int(parse_instant(msgspec.json.decode(line, type=_Timed).time))
    except (msgspec.DecodeError, ValueError):
        return 0


def _store(line: bytes, newest: int) -> tuple[str, StoreReport]:
    one = msgspec.json.decode(line, type=StoreVoices)
    return one.store_id, StoreReport(newest, reported_values(one), one.coverage == "heard")


def _letter(line: bytes) -> Letter:
    one = msgspec.json.decode(line, type=_Rejected)
    return Letter(
        code=one.code, detail=one.detail, topic=one.file, partition=0, offset=one.line, key=None, value=None, written=0
    )

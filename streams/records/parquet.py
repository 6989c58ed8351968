"""Writes lessons as a table with typed columns, for external training: parquet, in pieces of bounded size.

Where the lessons come from, a topic or a file, is the caller's concern. The library that writes parquet is an optional
dependency, imported when a table is opened.
"""

import os
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from scorers.contract.events import DAY
from scorers.contract.lessons import MEMBERS, Lesson
from scorers.risk.columns import FEATURES_VERSION, NAMES
from streams.records.lessons import decode_record
from vigia.runtime.distribution import install

PIECE = 10_000  # rows held before they are written
KNOWN = 100_000  # lessons that are recognized if a worker that was killed sends them twice

COLUMN = "x_{}"  # the column of a feature: all of them can be selected by the prefix
VOICE = "voice_{}"


class NoParquet(RuntimeError):
    """The library that writes parquet is not installed."""


class LessonTable:
    """A parquet file that is being written; it gets its name when it is complete."""

    def __init__(self, path: Path) -> None:
        try:
            import pyarrow
            from pyarrow.parquet import ParquetWriter
        except ImportError:
            raise NoParquet(f"writing parquet needs pyarrow: {install('lessons')}") from None
        self.rows = self.repeated = self.foreign = self.broken = 0
        self._path, self._part = path, path.with_name(f".{path.name}.part")
        self._arrow: Any = pyarrow
        self._schema = _schema(pyarrow)
        self._held: list[Lesson] = []
        self._weights: list[float] = []
        self._known: dict[bytes, None] = {}
        self._part.touch()  # a missing folder raises the error of the operating system
        self._file: Any = ParquetWriter(str(self._part), self._schema, compression="zstd")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, fault: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if fault is None:
            self._write()
        self._file.close()
        if fault is None:
            os.replace(self._part, self._path)
        else:
            self._part.unlink(missing_ok=True)

    def add(self, raw: bytes) -> None:
        """Add a record of `lessons`; a repeated one, one of other features and a broken one are counted and left out."""
        try:
            record = decode_record(raw)
            if record.features_version != FEATURES_VERSION:
                self.foreign += 1
                return
            lesson = record.lesson()
        except ValueError:
            self.broken += 1
            return
        name = blake2b(
            f"{lesson.customer_id}\0{int(lesson.asked_at)}\0{lesson.horizon}".encode(), digest_size=8
        ).digest()
        if name in self._known:
            self.repeated += 1
            return
        self._known[name] = None
        if len(self._known) > KNOWN:
            del self._known[next(iter(self._known))]
        self._held.append(lesson)
        self._weights.append(record.weight)
        if len(self._held) >= PIECE:
            self._write()

    def _write(self) -> None:
        held = self._held
        arrays = [
            self._arrow.array(column, type=field.type)
            for column, field in zip(_columns(held, self._weights), self._schema, strict=True)
        ]
        self._file.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))
        self.rows += len(held)
        self._held, self._weights = [], []


def _columns(held: list[Lesson], weights: list[float]) -> Iterator[list[Any]]:
    """In the order of `_schema`."""
    yield [lesson.customer_id for lesson in held]
    yield [int(lesson.asked_at) for lesson in held]
    yield [int(lesson.answered_at) for lesson in held]
    yield [lesson.horizon / DAY for lesson in held]
    yield [lesson.inactive for lesson in held]
    yield [None if lesson.bought_after is None else lesson.bought_after / DAY for lesson in held]
    yield weights
    yield [lesson.rules for lesson in held]
    yield [lesson.predicted for lesson in held]
    yield [lesson.model_version for lesson in held]
    for place in range(len(MEMBERS)):
        yield [lesson.voices[place] if place < len(lesson.voices) else None for lesson in held]
    for place in range(len(NAMES)):
        yield [lesson.features[place] for lesson in held]


def _schema(arrow: Any) -> Any:
    instant = arrow.timestamp("us", tz="UTC")
    kinds = [
        ("customer_id", arrow.string(), False),
        ("asked_at", instant, False),
        ("answered_at", instant, False),
        ("horizon_days", arrow.float64(), False),
        ("inactive", arrow.bool_(), False),
        ("bought_after_days", arrow.float64(), True),
        ("weight", arrow.float64(), False),
        ("rules", arrow.float64(), False),
        ("predicted", arrow.float64(), False),
        ("model_version", arrow.string(), False),
        *((VOICE.format(name), arrow.float32(), True) for name in MEMBERS),
        *((COLUMN.format(name), arrow.float32(), False) for name in NAMES),
    ]
    fields = [arrow.field(name, kind, nullable=nullable) for name, kind, nullable in kinds]
    return arrow.schema(fields, metadata={"features_version": FEATURES_VERSION})

"""Lessons are a stream that anyone can train on: read by name, exported with types, each once."""

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import numpy as np
import pyarrow.parquet
import pytest
from aiokafka import AIOKafkaProducer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from scorers.contract.events import DAY, Instant
from scorers.contract.lessons import Lesson
from scorers.risk.columns import FEATURES_VERSION, NAMES, WIDTH
from streams.records import parquet
from streams.records.lessons import decode_lesson, encode_lesson
from tests.scorers.risk.test_risk import WORLD
from tests.support.driver import instant
from tests.support.paths import ROOT
from tests.vigia.commands.test_cli import vigia
from vigia.lab.embedded_kafka import EmbeddedKafka
from vigia.schema import json_schemas

MAY = instant("2024-05-01T00:00:00Z")
DOC = ROOT / "docs" / "lessons.md"


def lesson(number: int, **more: Any) -> Lesson:
    """A lesson of its own customer, some columns empty."""
    told: dict[str, Any] = {
        "customer_id": f"C{number}",
        "asked_at": Instant(MAY + number),
        "answered_at": Instant(MAY + number + 31 * DAY),
        "horizon": 30 * DAY,
        "features": tuple(0.5 * (place % 3) for place in range(WIDTH)),
        "inactive": number % 2 == 0,
        "bought_after": None if number % 2 == 0 else 3 * DAY + 1,
        "rules": 0.4,
        "predicted": 0.3,
        "model_version": "cold",
        "features_version": FEATURES_VERSION,
    }
    return Lesson(**{**told, **more})


def table_of(path: Path) -> Any:
    """The exported table."""
    return pyarrow.parquet.read_table(path)


def test_the_record_is_what_the_schema_says() -> None:
    """What is told has columns by name and comes back to the bit; the schema knows every name and no other."""
    schema = jsonschema_rs.Draft202012Validator(json_schemas()["lesson"], validate_formats=True)
    for one in (lesson(1), lesson(2), *WORLD[:50]):
        raw = encode_lesson(one)
        assert schema.is_valid(json.loads(raw))
        assert decode_lesson(raw) == one
    told = json.loads(encode_lesson(lesson(1)))
    assert list(told["features"]) == [name for place, name in enumerate(NAMES) if place % 3]
    told["features"]["moon"] = 1.0
    assert not schema.is_valid(told)
    with pytest.raises(ValueError, match="column 'moon'"):
        decode_lesson(json.dumps(told).encode())


def test_the_document_lists_every_column_in_order() -> None:
    """docs/lessons.md has a row for each column, in the order of the table."""
    rows = DOC.read_text(encoding="utf-8").split("## Columns")[1].splitlines()
    told = [name for row in rows if row.startswith("| `") for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert tuple(told) == NAMES


def test_export_has_types_and_each_lesson_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Typed columns, in pieces; what is told twice stands once; what is no lesson of ours is counted and left out."""
    monkeypatch.setattr(parquet, "PIECE", 7)
    lessons = [lesson(0, voices=(0.5, -1.0, 0.25)), lesson(1, voices=(0.5, -1.0)), *(lesson(n) for n in range(2, 20))]
    foreign = encode_lesson(lesson(98, features_version="0"))
    lines = [*map(encode_lesson, lessons), encode_lesson(lessons[3]), foreign, b'{"broken"']
    (tmp_path / "lessons.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    done = vigia("lessons", "export", "--from", "lessons.jsonl", "--out", "l.parquet", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().splitlines() == [
        "20 lessons -> l.parquet",
        "1 records were duplicates and are written once",
        "1 records have the features of another version and were left out",
        "1 records are not lessons and were left out",
    ]
    assert [path.name for path in tmp_path.glob("*parquet*")] == ["l.parquet"]
    assert pyarrow.parquet.ParquetFile(tmp_path / "l.parquet").num_row_groups == 3
    table = table_of(tmp_path / "l.parquet")
    assert table.schema.field("asked_at").type == pyarrow.timestamp("us", tz="UTC")
    assert table.schema.field("inactive").type == pyarrow.bool_()
    assert [name.removeprefix("x_") for name in table.column_names if name.startswith("x_")] == list(NAMES)
    said = [table[name].to_pylist()[:3] for name in ("voice_kalman", "voice_sgd", "voice_prior")]
    assert said == [[0.5, 0.5, None], [-1.0, -1.0, None], [0.25, None, None]]  # the second is of an older release
    assert table["customer_id"].to_pylist() == [one.customer_id for one in lessons]
    assert table["bought_after_days"].to_pylist()[:2] == [None, 3 + 1 / DAY]
    assert [table[f"x_{name}"][4].as_py() for name in NAMES] == list(lessons[4].features)


def test_an_export_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Files that are not there, or cannot be written, end with status 2 and no half table."""
    done = vigia("lessons", "export", "--from", "none.jsonl", "--out", "l.parquet", cwd=tmp_path)
    assert (done.returncode, b"none.jsonl" in done.stderr) == (2, True)
    (tmp_path / "l.jsonl").write_bytes(encode_lesson(lesson(1)))
    done = vigia("lessons", "export", "--from", "l.jsonl", "--out", "nowhere/l.parquet", cwd=tmp_path)
    assert (done.returncode, b"nowhere" in done.stderr) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["l.jsonl"]


def test_without_the_extra_the_mend_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pyarrow is not installed the message says what to install."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "l.jsonl").write_bytes(encode_lesson(lesson(1)))
    done = vigia("lessons", "export", "--from", "l.jsonl", "--out", "l.parquet", cwd=tmp_path)
    assert (done.returncode, b"pip install 'vigia-lookout[lessons]'" in done.stderr) == (2, True)


def test_lessons_are_exported_from_kafka(tmp_path: Path) -> None:
    """All partitions are read up to what stood there, repeats once; a Kafka that is away is status 3."""
    pytest.importorskip("confluent_kafka")
    lessons = [lesson(n) for n in range(60)]
    with EmbeddedKafka() as kafka:
        kafka.create("lessons")
        asyncio.run(publish_lessons(kafka.address, [*lessons, *lessons[50:]]))
        done = vigia("lessons", "export", "--kafka", kafka.address, "--out", "l.parquet", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, b"")
        address = kafka.address
    table = table_of(tmp_path / "l.parquet")
    assert sorted(table["customer_id"].to_pylist()) == sorted(one.customer_id for one in lessons)
    done = vigia("lessons", "export", "--kafka", address, "--out", "m.parquet", cwd=tmp_path)
    assert done.returncode == 3
    assert not list(tmp_path.glob("*m.parquet*"))


async def publish_lessons(address: str, lessons: list[Lesson]) -> None:
    """Put lessons on their topic as a worker does."""
    async with AIOKafkaProducer(bootstrap_servers=address) as producer:
        for one in lessons:
            await producer.send_and_wait("lessons", encode_lesson(one), key=one.customer_id.encode())


def test_anyone_can_train_on_the_table(tmp_path: Path) -> None:
    """A simulated shop's lessons, replayed and exported, teach a plain logistic to tell who comes back."""
    assert vigia("simulate", "--customers", 300, "--days", 400, "--out", ".", cwd=tmp_path).returncode == 0
    replayed = vigia("replay", "events.jsonl", "--out", "out", "--lessons", "l.jsonl", "--horizon", "45d", cwd=tmp_path)
    assert replayed.returncode == 0
    assert vigia("lessons", "export", "--from", "l.jsonl", "--out", "l.parquet", cwd=tmp_path).returncode == 0
    table = table_of(tmp_path / "l.parquet")
    columns = np.column_stack([table[name].to_numpy() for name in table.column_names if name.startswith("x_")])
    inactive, asked = table["inactive"].to_numpy(), table["asked_at"].to_numpy()
    day = np.quantile(asked.astype("int64"), 0.7).astype("int64").astype("datetime64[us]")
    past, future = table["answered_at"].to_numpy() <= day, asked > day
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(columns[past], inactive[past], logisticregression__sample_weight=table["weight"].to_numpy()[past])
    theirs = roc_auc_score(inactive[future], model.predict_proba(columns[future])[:, 1])
    ours = roc_auc_score(inactive[future], table["predicted"].to_numpy()[future])
    assert theirs > 0.8
    assert ours > theirs - 0.03

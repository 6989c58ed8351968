"""`vigia import`: from a table to a file or to Kafka, as a user sees it."""

import asyncio
import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from vigia.cli import app, with_address
from vigia.lab.embedded_kafka import EmbeddedKafka
from vigia.runtime.broker import INPUTS, Broker
from vigia.runtime.topic_reader import read

TABLE = """Invoice,StockCode,Quantity,InvoiceDate,UnitPrice,Customer ID
A2,10,1,27/01/2024 10:00,2.50,7
A1,11,2,26/01/2024 10:00,1.25,7
A1,12,1,26/01/2024 10:00,x,7
A3,12,-1,28/01/2024 10:00,1,7
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "till.csv").write_text(TABLE)
    return tmp_path


def values_of(address: str, topic: str) -> list[bytes]:
    found: list[bytes] = []
    asyncio.run(read(Broker(address), topic, lambda record: found.append(record.value)))
    return found


def vigia(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def proposed() -> None:
    """Write the map that is proposed for the table."""
    found = vigia("import", "till.csv", "--propose")
    assert found.exit_code == 0
    Path("map.toml").write_text(found.output)


def test_a_proposed_map_imports_the_table_it_was_made_for(folder: Path) -> None:
    """What was guessed is said; the map names group, format and product as a person would."""
    proposed()
    form = tomllib.loads(Path("map.toml").read_text())
    assert (form["group"], form["negative"]) == ("Invoice", "purchase.refunded")
    assert form["fields"]["time"] == {"column": "InvoiceDate", "format": "%d/%m/%Y %H:%M"}
    assert form["fields"]["amount"] == {"column": "UnitPrice", "times": "Quantity"}
    assert 'currency = { value = "EUR" }  # no column was found: write yours' in Path("map.toml").read_text()
    done = vigia("import", "till.csv", "--map", "map.toml", "--out", "events.jsonl", "--rejects", "left.jsonl")
    assert done.exit_code == 0
    assert done.output.splitlines() == [
        "4 rows: 2 events (1 purchase.completed, 1 purchase.refunded) -> events.jsonl",
        "left out: 2 rows rejected (2 bad_value); left.jsonl has file, line and reason",
    ]
    assert [json.loads(line)["id"] for line in Path("events.jsonl").read_text().splitlines()] == ["A2", "A3"]
    assert json.loads(Path("left.jsonl").read_text().splitlines()[1]) == {
        "file": "till.csv", "line": 4, "code": "bad_value", "detail": "amount: 'x' is not a number",
    }  # fmt: skip
    assert vigia("replay", "events.jsonl", "--out", "out").exit_code == 0


def test_a_dry_run_shows_events_and_faults_and_writes_nothing(folder: Path) -> None:
    proposed()
    before = sorted(folder.iterdir())
    done = vigia("import", "till.csv", "--map", "map.toml", "--dry-run")
    assert done.exit_code == 0
    assert '"id":"A2"' in done.output
    assert "till.csv:4: bad_value: amount: 'x' is not a number" in done.output
    assert "-> nothing was written" in done.output
    assert sorted(folder.iterdir()) == before


def test_rows_go_to_kafka_in_the_order_of_time(folder: Path) -> None:
    proposed()
    with EmbeddedKafka() as broker:
        broker.create(*INPUTS)
        done = vigia("import", "till.csv", "--map", "map.toml", "--kafka", broker.address)
        assert done.output.splitlines()[0] == "2 events -> purchases"
        assert [json.loads(value)["id"] for value in values_of(broker.address, "purchases")] == ["A2", "A3"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["till.csv"], "--map is missing: name a map"),
        (["till.csv", "--map", "map.toml"], "choose one of --out FILE, --kafka and --dry-run"),
        (["till.csv", "--map", "map.toml", "--out", "e", "--dry-run"], "choose one of"),
        (["till.csv", "--sort", "--dry-run"], "without a map events are sorted into a file"),
        (["till.csv", "--map", "map.toml", "--out", "nowhere/e"], "there is no folder nowhere; make it first"),
        (["till.csv", "--map", "map.toml", "--out", "till.csv"], "would write over the input till.csv"),
        (["empty.csv", "--map", "map.toml", "--out", "e"], "no row is an event"),
        (["till.csv", "--map", "broken.toml", "--out", "e"], "broken.toml, line 1: source is missing"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_mend(folder: Path, words: list[str], said: str) -> None:
    """Nothing is written."""
    proposed()
    Path("empty.csv").write_text(TABLE.partition("\n")[0] + "\n,,,,,\n")
    Path("broken.toml").write_text('type = "purchase.completed"\n')
    done = vigia("import", *words)
    assert said in str(done.exception)
    assert not Path("e").exists()
    assert Path("till.csv").read_text() == TABLE


def test_kafka_is_a_flag_for_import_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIA_KAFKA", "kafka:9092")
    assert with_address(["import", "a.csv", "--kafka", "--map", "m"])[2:4] == ["--kafka", "kafka:9092"]

"""A till's table of line items, with all that tills do, comes in with one map of twelve lines."""

from pathlib import Path

from msgspec import json
from typer.testing import CliRunner

from tests.support import line_items
from vigia.cli import app


def test_a_table_of_line_items_comes_in_with_twelve_lines(tmp_path: Path) -> None:
    """Cancellations become refunds, sales without a customer are anonymous, the money is that of the table, and nothing else is left out."""
    expected = line_items.write(tmp_path / "till.csv", 5_000)
    (tmp_path / "map.toml").write_text(line_items.MAP)
    assert len(line_items.MAP.splitlines()) == 12
    words = ["import", str(tmp_path / "till.csv"), "--map", str(tmp_path / "map.toml"), "--sort"]
    left = tmp_path / "left.jsonl"
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "events.jsonl"), "--rejects", str(left)])
    assert done.exit_code == 0, done.output
    events = [json.decode(line) for line in (tmp_path / "events.jsonl").read_bytes().splitlines()]
    sales = [event for event in events if event["type"] == "purchase.completed"]
    assert {"purchase.completed": len(sales), "purchase.refunded": len(events) - len(sales)} == dict(expected.types)
    assert sum(event.get("customer_id") is None for event in events) == expected.anonymous
    assert sum(event["amount_minor"] for event in sales) == expected.sold_minor
    assert len(left.read_bytes().splitlines()) == expected.rejected > 0
    assert sorted(events, key=lambda event: str(event["time"])) == events
    replayed = CliRunner().invoke(app, ["replay", str(tmp_path / "events.jsonl"), "--out", str(tmp_path / "run")])
    assert replayed.exit_code == 0, replayed.output
    summary = json.decode((tmp_path / "run/summary.json").read_bytes())
    assert (summary["events"], summary["rejected"], summary["anonymous"]) == (len(events), 0, expected.anonymous)

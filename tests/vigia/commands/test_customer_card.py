"""What `vigia customer show` says of one who has left (A4)."""

from msgspec.structs import replace

from vigia.commands.files.customer import card
from vigia.readmodel.alarm_summary import CustomerRow, LossRow

SILENT = LossRow("2024-05-01T22:00:00Z", "silence", "unknown", False, 40.6)
ROW = CustomerRow("C1", "core_defector", "gold", "loyal", 0.9, 5_000, currency="EUR", loss=SILENT)


def left(row: CustomerRow) -> list[str]:
    return [line.split("left", 1)[1].strip() for line in card(row) if line.strip().startswith("left")]


def test_it_says_when_and_how_and_whether_anybody_was_told() -> None:
    goodbye = LossRow("2024-05-01T22:00:00Z", "goodbye", "service_quality", True)
    assert left(ROW) == ["2024-05-01, by silence; first alarm 41 days before"]
    assert left(replace(ROW, loss=goodbye)) == ["2024-05-01, as they said (service quality); no alarm before"]
    assert left(replace(ROW, loss=None)) == []


def test_a_reason_of_ones_own_code_is_inert() -> None:
    """Codes come from outside, and a terminal is no place for what they may hold."""
    hostile = LossRow("2024-05-01T22:00:00Z", "goodbye", "other:\u202e\x1b[31mred", True)
    (line,) = left(replace(ROW, loss=hostile))
    assert line.isprintable()

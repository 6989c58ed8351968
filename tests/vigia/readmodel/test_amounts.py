"""Amounts for people are rounded, in the minor units of their currency, and dates are those of the business."""

from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from scorers.contract.currencies import minor_digits
from scorers.policy.business_zone import business_zone
from vigia.readmodel.alarm_summary import CustomerRow
from vigia.readmodel.amounts import without_cents
from vigia.readmodel.roster import write_roster


@given(st.integers(-(10**18), 10**18), st.sampled_from(["EUR", "JPY", "KWD", "CLF"]))
def test_amounts_are_rounded_half_to_even(minor: int, currency: str) -> None:
    """As exact decimal arithmetic rounds, also where a float could not hold the amount."""
    exact = (Decimal(minor) / 10 ** minor_digits(currency)).quantize(Decimal(1), ROUND_HALF_EVEN)
    assert without_cents(minor, currency) == f"{currency} {int(exact):,}"


def test_the_roster_has_other_currencies_and_the_dates_of_the_business(tmp_path: Path) -> None:
    """Half an hour after midnight in Madrid is the next day; each currency has its own decimals."""
    row = CustomerRow(
        "c1", "core_customer", "iron", "unknown", 0.5, 12345, "Ana", "EUR",
        last_purchase="2024-01-20T23:30:00Z", other_amounts={"JPY": 600_000, "KWD": 2500},
    )  # fmt: skip
    write_roster([row], tmp_path / "all.csv", business_zone("Europe/Madrid"))
    head, cells = (tmp_path / "all.csv").read_text("utf-8-sig").splitlines()
    assert "Spent in other currencies" in head
    assert "JPY 600,000; KWD 2.500" in cells
    assert ",2024-01-21," in cells

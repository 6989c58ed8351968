"""docs/performance.md has the table that `python -m tests.bench.sizing` computes, and the sums are right."""

import pytest

from tests.bench import sizing
from tests.bench.sizing import size, sizes
from tests.support.paths import ROOT

DOCUMENT = ROOT / "docs" / "performance.md"


def test_the_document_has_the_table_as_it_is_computed() -> None:
    """After a change of a constant the table must be printed again."""
    assert sizes() in DOCUMENT.read_text()


@pytest.mark.parametrize("name", ["EVENT_US", "DAY_US", "ROW_BYTES", "DISK_BYTES", "RECOVERED", "OPENED", "FIXED_MIB"])
def test_the_document_has_the_constants(name: str) -> None:
    """Each measured constant is in the document under its name."""
    value = getattr(sizing, name)
    assert f"`{name}` {value:,g}" in DOCUMENT.read_text()


def test_more_customers_never_take_less() -> None:
    """Neither more events nor more customers make anything smaller in all."""
    small, busy, large = size(1_000_000, 100), size(1_000_000, 9_000), size(7_500_000, 100)
    assert small.workers < busy.workers
    assert small.workers < large.workers
    assert small.written < busy.written
    assert small.changelog < large.changelog
    assert large.partitions >= large.workers * sizing.EACH

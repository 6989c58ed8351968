"""The table that a run of the fault matrix prints at its end."""

import os
import random
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.faults.proof import Proof
from tests.faults.verdict import Line, Verdict, table
from tests.kafka.ledger import Ledger

PROPERTY = "line of the fault matrix"  # of a test's report, so that it comes back from a process of its own
POLICY = "[risk]\nhorizon = '10d'\n"

Note = Callable[..., Verdict]


@pytest.fixture
def seed() -> int:
    """A new one for each test, told if the test fails; VIGIA_TEST_SEED repeats one."""
    seed = int(os.environ.get("VIGIA_TEST_SEED") or random.randrange(1_000_000))
    sys.stderr.write(f"VIGIA_TEST_SEED={seed}\n")
    return seed


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    """Puts a line into the table: `note("F1", "what was done", seed, kills, events, verdict)` is the verdict."""

    def noted(row: str, what: str, seed: int | str, kills: int, events: int, verdict: Verdict) -> Verdict:
        request.node.user_properties.append((PROPERTY, (row, what, seed, kills, events, vars(verdict))))
        return verdict

    return noted


@pytest_asyncio.fixture
async def proof(kafka: str, tmp_path: Path) -> AsyncIterator[Proof]:
    """Vigía's workers on four partitions of their own."""
    async with Proof(kafka, f"test-{uuid4().hex[:8]}-", tmp_path, 4, POLICY) as proof:
        yield proof


@pytest_asyncio.fixture
async def ledger(kafka: str, tmp_path: Path, seed: int) -> AsyncIterator[Ledger]:
    """Counting workers with topics of their own."""
    async with Ledger(kafka, f"test-{uuid4().hex[:8]}", tmp_path, seed) as ledger:
        yield ledger


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table, where there is one."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    told = [value for report in reports for name, value in report.user_properties if name == PROPERTY]
    if lines := [Line(*cells, verdict=Verdict(**verdict)) for *cells, verdict in told]:
        terminalreporter.section("fault matrix")
        for line in table(lines):
            terminalreporter.write_line(line)

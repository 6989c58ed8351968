"""A fresh group of counting workers for each test."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.kafka.ledger import Ledger


@pytest_asyncio.fixture
async def ledger(kafka: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Ledger]:
    """A ledger with topics of its own; its seed is the test's `seed` parameter, or 1."""
    seed = request.getfixturevalue("seed") if "seed" in request.fixturenames else 1
    async with Ledger(kafka, f"test-{uuid4().hex[:8]}", tmp_path, seed) as ledger:
        yield ledger

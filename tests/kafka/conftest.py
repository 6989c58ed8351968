"""One real Kafka for all tests of this folder, and a fresh group of workers for each."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from streams.localkafka import LocalKafka
from tests.kafka.ledger import Ledger


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """The address of a real Kafka: the one VIGIA_TEST_KAFKA names, or one that lives as long as the tests."""
    if address := os.environ.get("VIGIA_TEST_KAFKA"):
        yield address
        return
    with LocalKafka() as node:
        yield node.address


@pytest_asyncio.fixture
async def ledger(kafka: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Ledger]:
    """A ledger with topics of its own; its seed is the test's `seed` parameter, or 1."""
    seed = request.getfixturevalue("seed") if "seed" in request.fixturenames else 1
    async with Ledger(kafka, f"test-{uuid4().hex[:8]}", tmp_path, seed) as ledger:
        yield ledger

"""Options of the test run, and the one real Kafka of the tests that need one."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from vigia.lab.local_kafka import LocalKafka

# A busy machine is no fault. What is red in CI is red again; by hand each run draws its own examples.
settings.register_profile("untimed", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--goldens", action="store_true", help="write the expected alarms of the scenarios")


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """The address of a real Kafka: the one VIGIA_TEST_KAFKA names, or one that lives as long as the tests."""
    if address := os.environ.get("VIGIA_TEST_KAFKA"):
        yield address
        return
    with LocalKafka() as node:
        yield node.address

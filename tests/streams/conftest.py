"""The broker of the gateway's tests."""

from collections.abc import Iterator

import pytest

from vigia.lab.embedded_kafka import EmbeddedKafka
from vigia.runtime.broker import INPUTS


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """A broker for all tests of a file."""
    with EmbeddedKafka() as kafka:
        kafka.create(*INPUTS)
        yield kafka.address

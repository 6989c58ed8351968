"""The gateway's OpenAPI document is true: requests made from it are no fault, and have answers that it describes."""

import asyncio
from collections.abc import Iterator

import pytest

from streams.gateway.settings import Limits
from tests.support.described import ask
from tests.support.door import opened
from vigia.lab.embedded_kafka import EmbeddedKafka
from vigia.openapi import openapi
from vigia.runtime.broker import INPUTS

EXAMPLES = 25  # of each operation; `make faults` tries more, and all hooks
PATHS = ("/v1/events", "/v1/hooks/{name}")


@pytest.fixture
def broker() -> Iterator[str]:
    """A broker with the input topics."""
    with EmbeddedKafka() as kafka:
        kafka.create(*INPUTS)
        yield kafka.address


@pytest.mark.filterwarnings("ignore:Do not use the `random` module")  # schemathesis does
async def test_answers_of_the_gateway_are_as_described(broker: str) -> None:
    """Whatever is sent within the description, and no answer is a server error."""
    document = openapi()
    document["paths"] = {path: document["paths"][path] for path in PATHS}
    async with opened(broker, limits=Limits(requests_per_second=1e6)) as door:
        assert await asyncio.to_thread(ask, document, door.url, EXAMPLES) == set(PATHS)

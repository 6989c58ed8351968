"""The description of the API is true: requests made from it get answers that it describes."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scorers.contract.wire import encode_worklist_entry
from tests.support.alarms import an_alarm
from tests.support.consoles import Shop, a_shop
from tests.support.described import ask
from tests.support.readmodels import NOW, a_customer, an_entry
from vigia.console.api.openapi import document

EXAMPLES = 12  # of each operation


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """A console over a broker, with something in it."""
    async with a_shop(tmp_path) as found:
        await found.desk.send("customers", "C1", a_customer("C1", "Ana Ruiz"))
        await found.desk.alarms(an_alarm(NOW, "a1"))
        await found.desk.send("worklist", "C1", encode_worklist_entry(an_entry("C1")))
        yield found


@pytest.mark.filterwarnings("ignore:Do not use the `random` module")  # schemathesis does
async def test_answers_are_as_described(shop: Shop) -> None:
    """Whatever is asked within the description, and no answer is a server error."""
    raw = document()
    raw = {**raw, "paths": {path: found for path, found in raw["paths"].items() if path != "/events"}}
    asked = await asyncio.to_thread(ask, raw, f"{shop.address}/api/v1", EXAMPLES)
    assert asked == set(raw["paths"])


def test_the_description_names_every_address() -> None:
    """An address that is added is described."""
    from vigia.console.api.answers import BASE, routes

    served = {route.path.removeprefix(BASE) for route in routes()} - {"/openapi.json"}  # type: ignore[attr-defined]
    assert served == document()["paths"].keys()

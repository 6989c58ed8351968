"""D2: requests made from the OpenAPI document of the gateway, and a million mutated deliveries over all hooks."""

import asyncio
import json
import os
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.deliveries import SAMPLES
from tests.support.mutations import tried
from tests.support.taking_hooks import BOOKING_MAP, SECRET
from vigia.lab.embedded_kafka import EmbeddedKafka
from vigia.openapi import document, openapi
from vigia.runtime.broker import INPUTS

TYPES = ("square", "shopify", "stripe", "zendesk", "freshdesk", "chatwoot", "lightspeed", "woocommerce", "standard")
HOOKS = "".join(f'[hook.{name}]\ntype = "{name}"\nverify = "none"\n' for name in TYPES)
MAPPED = f'[hook.map]\ntype = "map"\nverify = "none"\nmap = "{BOOKING_MAP}"\nrows = "$.bookings[*]"\n'


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """A broker with the inputs."""
    with EmbeddedKafka() as kafka:
        kafka.create(*INPUTS)
        yield kafka.address


@pytest.mark.faults
async def test_no_request_made_from_the_document_is_a_fault(broker: str, tmp_path: Path) -> None:
    """Schemathesis finds no 5xx, no undocumented status and no answer of another shape; the document is served as written."""
    (tmp_path / "gateway.toml").write_text(HOOKS + MAPPED + "[limits]\nrequests_per_second = 1e6\n")
    command = [sys.executable, "-m", "vigia", "gateway", "--kafka", broker, "--no-token", "--config"]
    ports = [str(tmp_path / "gateway.toml"), "--port", "0", "--metrics-port", "0"]
    env = os.environ | {"VIGIA_STATE": str(tmp_path), "SECRET": SECRET}
    log = tmp_path / "gateway.log"  # a pipe that nobody reads would fill, and stop the gateway
    with log.open("wb") as written:
        gateway = await asyncio.create_subprocess_exec(*command, *ports, env=env, stderr=written)
    try:
        url = await _address(log, gateway)
        async with aiohttp.ClientSession() as session, session.get(f"{url}/v1/openapi.json") as answer:
            assert await answer.read() == document()
        schema: dict[str, Any] = openapi()
        schema["paths"]["/v1/hooks/{name}"]["post"]["parameters"][0]["schema"] = {"enum": [*TYPES, "map"]}
        (tmp_path / "openapi.json").write_text(json.dumps(schema))
        said = await _asked(tmp_path, url)
        assert "not_a_server_error" not in said, said
    finally:
        gateway.kill()
        await gateway.wait()


async def _address(log: Path, gateway: asyncio.subprocess.Process) -> str:
    while not (found := re.search(r"(http://\S+)/v1/events", log.read_text())):
        assert gateway.returncode is None, log.read_text()
        await asyncio.sleep(0.05)
    return found[1]


async def _asked(folder: Path, url: str) -> str:
    """What schemathesis says; its status is 0."""
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", "openapi.json", "--url", url]
    options = ["--checks", checks, "--max-examples", "25", "--seed", "7", "--phases", "examples,coverage,fuzzing"]
    options += ["--no-color", "--generation-database", "none"]
    done = await asyncio.create_subprocess_exec(
        *command, *options, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said = (await done.communicate())[0].decode()
    assert done.returncode == 0, said
    return said


@pytest.mark.faults
@pytest.mark.parametrize("name", SAMPLES)
def test_a_million_mutated_deliveries_are_no_fault(name: str) -> None:
    """Each is read, or refused with a sentence; `python -m tests.support.mutations N SEED` tries others."""
    rounds = 1_000_000 // len(SAMPLES)
    assert sum(tried(name, random.Random(f"{name} 1"), rounds).values()) == rounds

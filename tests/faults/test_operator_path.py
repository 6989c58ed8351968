"""Install, connect, first alarm, upgrade, lose a disk, scale out, grow, restore: one shop walks the whole path, and nothing is lost or told twice."""

from pathlib import Path

import pytest

from tests.faults.conftest import Note
from tests.faults.operator_path import walk

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(3600)]  # it installs every package


async def test_an_operator_walks_the_whole_path(kafka: str, tmp_path: Path, note: Note) -> None:
    """What lies on the broker in the end is what a replay of all events says, and each message was sent once."""
    path = walk(kafka, tmp_path)
    verdict = await path.run()
    note("O1", f"the operator's path, {len(path.steps)} steps", "-", 1, path.events, verdict)
    assert verdict.exact(), verdict

"""What an older release has written opens in this one and goes on; what a newer one adds is no obstacle.

tests/data/release-1 holds what the first release writes. Once that release is out it is never written anew; until then
`pytest tests/scorers/timeline/test_releases.py --goldens` does it.
"""

import json
from base64 import b64decode, b64encode
from typing import Any

import msgspec
import pytest

from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, HOUR, Instant
from scorers.contract.wire import decode_alarm, encode_alarm
from scorers.in_force.context import Context
from scorers.in_force.control import PolicyInForce
from scorers.policy.tables import Policy
from scorers.risk.model import UNTRAINED
from scorers.subjects.customer import CUSTOMER
from scorers.timeline.timeline import Timeline
from streams.engine.fences import pack, unpack
from streams.engine.output_log import Checkpoint
from streams.engine.rows import CHECKPOINT
from streams.worker.stored_row import CODEC
from tests.support.desk import MAY, Desk, figures
from tests.support.driver import purchase, record
from tests.support.paths import DATA

OLD = DATA / "release-1"


def before(desk: Desk) -> None:
    """Three weeks of a small business: figures and a policy in force, a case open, a silence told."""
    desk.tell(figures(desk.policy, MAY // DAY - 2, MAY - DAY))
    desk.tell(PolicyInForce(in_force=Instant(MAY - DAY), version="p", text="[risk]\nhorizon = '60d'\n"))
    for n in range(8):
        desk.send("purchases", purchase(MAY + n * 3 * DAY, "C1"))
        desk.send("purchases", purchase(MAY + n * 3 * DAY + HOUR, "C2", 5_000))
    desk.send("purchases", purchase(MAY + DAY, "C3"))
    opened = record("complaint.opened", MAY + 20 * DAY, "C2", complaint_id="K1", severity="major")
    desk.send("complaints", opened)
    desk.tick(MAY + 31 * DAY)
    desk.flush()


def after(desk: Desk) -> list[bytes]:
    """What follows from three weeks more, alarm by alarm."""
    told = len(desk.outputs)
    desk.send("purchases", purchase(MAY + 32 * DAY, "C1"))
    desk.send("complaints", record("complaint.resolved", MAY + 33 * DAY, "C2", complaint_id="K1"))
    desk.send("purchases", purchase(MAY + 31 * DAY + HOUR, "C3"))
    desk.tick(MAY + 60 * DAY)
    return [output.value or b"" for output in desk.outputs[told:] if output.topic == "alarms"]


@pytest.fixture
def lived() -> Desk:
    """One life in this release."""
    desk = Desk()
    before(desk)
    return desk


@pytest.fixture
def old(lived: Desk, request: pytest.FixtureRequest) -> dict[bytes, bytes]:
    """The rows that the first release has left."""
    if request.config.getoption("--goldens"):
        OLD.mkdir(parents=True, exist_ok=True)
        rows = {key.decode(): b64encode(row).decode() for key, row in sorted(lived.store.rows.items())}
        (OLD / "rows.json").write_text(json.dumps(rows, indent=1) + "\n")
        alarms = [output.value or b"" for output in lived.outputs if output.topic == "alarms"]
        (OLD / "alarms.jsonl").write_bytes(b"\n".join(alarms) + b"\n")
    return {key.encode(): b64decode(row) for key, row in json.loads((OLD / "rows.json").read_text()).items()}


def continued(lived: Desk, rows: dict[bytes, bytes]) -> Desk:
    """A life of this release on rows of another."""
    desk = Desk()
    desk.store.rows, desk.offsets, desk.log = dict(rows), dict(lived.offsets), list(lived.log)
    desk.open()
    return desk


def test_rows_of_the_first_release_go_on(lived: Desk, old: dict[bytes, bytes]) -> None:
    """Alarms, figures and policy in force are those of a life that was never interrupted by an upgrade."""
    desk = continued(lived, old)
    told = after(desk)
    assert len(told) > 5
    assert told == after(lived)


def test_what_the_first_release_has_folded_is_not_folded_again(lived: Desk, old: dict[bytes, bytes]) -> None:
    """Its fences hold in this release: reading its records again tells nothing."""
    desk = continued(lived, old)
    for one in lived.log:
        desk.fold(one)
    assert desk.alarms() == []


def test_alarms_of_the_first_release_are_read(old: dict[bytes, bytes]) -> None:
    """And written again as they were; a field that a later release adds is passed over."""
    lines = (OLD / "alarms.jsonl").read_bytes().splitlines()
    assert len(lines) > 5
    for line in lines:
        alarm = decode_alarm(line)
        assert isinstance(alarm, Alarm)
        assert encode_alarm(alarm) == line
        assert decode_alarm(line[:-1] + b',"added_later":{"x":1}}') == alarm


def test_a_row_with_more_than_this_release_knows_opens(lived: Desk) -> None:
    """A newer release may append to a row what an older one can do without: after a rollback all the rest is there."""
    fence, stored = unpack(lived.store.rows[b"C1"])
    kept = CODEC.decode(stored)
    assert isinstance(kept.data, bytes)
    fields: list[Any] = msgspec.msgpack.decode(kept.data)
    more = msgspec.msgpack.encode([*fields, {"added": "later"}])
    ctx = Context(Policy(), UNTRAINED)
    assert Timeline.decode(CUSTOMER, more, ctx).encode() == Timeline.decode(CUSTOMER, kept.data, ctx).encode()
    head = stored[: -len(kept.data)]
    lived.store.rows[b"C1"] = pack(fence, head + more)
    assert len(after(continued(lived, lived.store.rows))) > 5


def test_a_mark_with_more_than_this_release_knows_opens() -> None:
    """What is owed to the world is told by the release before, too."""
    stored = b'{"ends":{"0":7},"owed":{},"limits":{},"added_later":[1]}'
    assert msgspec.json.decode(stored, type=Checkpoint) == Checkpoint(ends={0: 7})
    assert CHECKPOINT.startswith(b"\x00"), "no customer has such a key"

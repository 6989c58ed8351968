"""This release continues from what an older release has written, and ignores what a newer one adds.

tests/data/release-1 holds what the first release writes. Once that release is out it is never rewritten; until then
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
from scorers.timeline.row import pack_row, unpacked
from scorers.timeline.timeline import Timeline
from streams.engine.fences import pack, unpack
from streams.engine.output_log import Checkpoint
from streams.engine.rows import CHECKPOINT
from streams.worker.rows.stored_row import CODEC
from tests.support.desk import MAY, Desk, figures
from tests.support.driver import purchase, record
from tests.support.paths import DATA

OLD = DATA / "release-1"


def before(desk: Desk) -> None:
    """Three weeks of a small business: figures and a policy in force, an open case, an alarm about a silence."""
    desk.control(figures(desk.policy, MAY // DAY - 2, MAY - DAY))
    desk.control(PolicyInForce(in_force=Instant(0), version="p", text="[risk]\nhorizon = '60d'\n"))
    for n in range(8):
        desk.send("purchases", purchase(MAY + n * 3 * DAY, "C1"))
        desk.send("purchases", purchase(MAY + n * 3 * DAY + HOUR, "C2", 5_000))
    desk.send("purchases", purchase(MAY + DAY, "C3"))
    opened = record("complaint.opened", MAY + 20 * DAY, "C2", complaint_id="K1", severity="major")
    desk.send("complaints", opened)
    desk.tick(MAY + 31 * DAY)
    desk.flush()


def after(desk: Desk) -> list[bytes]:
    """The alarms of three weeks more."""
    before = len(desk.outputs)
    desk.send("purchases", purchase(MAY + 32 * DAY, "C1"))
    desk.send("complaints", record("complaint.resolved", MAY + 33 * DAY, "C2", complaint_id="K1"))
    desk.send("purchases", purchase(MAY + 31 * DAY + HOUR, "C3"))
    desk.tick(MAY + 60 * DAY)
    return [output.value or b"" for output in desk.outputs[before:] if output.topic == "alarms"]


@pytest.fixture
def current() -> Desk:
    """A run of this release."""
    desk = Desk()
    before(desk)
    return desk


@pytest.fixture
def old(current: Desk, request: pytest.FixtureRequest) -> dict[bytes, bytes]:
    """The rows that the first release has written."""
    if request.config.getoption("--goldens"):
        OLD.mkdir(parents=True, exist_ok=True)
        rows = {key.decode(): b64encode(row).decode() for key, row in sorted(current.store.rows.items())}
        (OLD / "rows.json").write_text(json.dumps(rows, indent=1) + "\n")
        alarms = [output.value or b"" for output in current.outputs if output.topic == "alarms"]
        (OLD / "alarms.jsonl").write_bytes(b"\n".join(alarms) + b"\n")
    return {key.encode(): b64decode(row) for key, row in json.loads((OLD / "rows.json").read_text()).items()}


def continued(current: Desk, rows: dict[bytes, bytes]) -> Desk:
    """A run of this release on rows of another."""
    desk = Desk()
    desk.store.rows, desk.offsets, desk.log = dict(rows), dict(current.offsets), list(current.log)
    desk.open()
    return desk


def test_rows_of_the_first_release_can_be_continued(current: Desk, old: dict[bytes, bytes]) -> None:
    """Alarms, figures and policy in force are those of a run without an upgrade."""
    desk = continued(current, old)
    alarms = after(desk)
    assert len(alarms) > 5
    assert alarms == after(current)


def test_what_the_first_release_has_folded_is_not_folded_again(current: Desk, old: dict[bytes, bytes]) -> None:
    """Its fences hold in this release: reading its records again emits nothing."""
    desk = continued(current, old)
    for one in current.log:
        desk.fold(one)
    assert desk.alarms() == []


def test_alarms_of_the_first_release_can_be_read(old: dict[bytes, bytes]) -> None:
    """And are encoded with every field that they had; a field that a later release adds is ignored, and one of ours is null."""
    lines = (OLD / "alarms.jsonl").read_bytes().splitlines()
    assert len(lines) > 5
    for line in lines:
        alarm = decode_alarm(line)
        assert isinstance(alarm, Alarm)
        written, encoded = msgspec.json.decode(line), msgspec.json.decode(encode_alarm(alarm))
        assert {name: encoded[name] for name in written} == written
        assert {encoded[name] for name in encoded.keys() - written.keys()} <= {None}
        assert decode_alarm(line[:-1] + b',"added_later":{"x":1}}') == alarm


def test_a_row_with_fields_of_a_later_release_can_be_read(current: Desk) -> None:
    """A newer release may append fields to a row; after a rollback they are ignored and the rest is read."""
    fence, stored = unpack(current.store.rows[b"C1"])
    kept = CODEC.decode(stored)
    assert isinstance(kept.data, bytes)
    fields: list[Any] = msgspec.msgpack.decode(unpacked(kept.data))
    more = pack_row(msgspec.msgpack.encode([*fields, {"added": "later"}]))
    ctx = Context(Policy(), UNTRAINED)
    assert Timeline.decode(CUSTOMER, more, ctx).encode() == Timeline.decode(CUSTOMER, kept.data, ctx).encode()
    head = stored[: -len(kept.data)]
    current.store.rows[b"C1"] = pack(fence, head + more)
    assert len(after(continued(current, current.store.rows))) > 5


def test_a_checkpoint_with_fields_of_a_later_release_can_be_read() -> None:
    """Fields that a later release adds are ignored."""
    stored = b'{"ends":{"0":7},"owed":{},"limits":{},"added_later":[1]}'
    assert msgspec.json.decode(stored, type=Checkpoint) == Checkpoint(ends={0: 7})
    assert CHECKPOINT.startswith(b"\x00"), "no customer has such a key"

"""What is stored and sent survives its encoding: the state of a partition, lessons, control records."""

from scorers.contract.events import Instant
from scorers.contract.rejection import Rejection
from scorers.contract.rfc3339 import rfc3339
from scorers.in_force.control import Control, ModelInForce, PolicyInForce, Tick, decode_control, encode_control
from scorers.in_force.figures import FigureBook
from scorers.policy.tables import Policy
from streams.records.lessons import decode_lesson, encode_lesson
from streams.worker.partition_state import COMPACT, PartitionState
from tests.support.desk import MAY, a_lesson, figures


def test_a_version_of_the_partition_state_never_changes() -> None:
    """Its bytes are the same whenever they are made, and give the same sums as adding one by one."""
    state, plain, versions = PartitionState(Policy()), FigureBook(Policy()), []
    for n in range(2 * COMPACT + 10):
        counts = [(n % 5, "gap", n % 11, 1)]
        state.add(counts)
        plain.add(counts)
        if n % 200 == 0:
            versions.append((state.version(), state.version().encode()))
    assert all(version.encode() == told for version, told in versions)
    again = PartitionState(Policy())
    again.recover(state.version().encode())
    assert again.book.pending == plain.pending


def test_lessons_survive_encoding() -> None:
    """Instants have their zone on the wire."""
    lesson = a_lesson()
    assert decode_lesson(encode_lesson(lesson)) == lesson
    assert rfc3339(MAY).encode() in encode_lesson(lesson)


def test_control_records_survive_encoding() -> None:
    """Every type survives encoding; other bytes are rejected with a reason."""
    kinds: list[Control] = [
        Tick(until=Instant(MAY), follows=True),
        figures(Policy(), 19_840, MAY),
        ModelInForce(in_force=Instant(MAY), version="v", model="{}"),
        PolicyInForce(in_force=Instant(0), version="v", text="[risk]", sent=Instant(MAY)),
    ]
    for control in kinds:
        assert decode_control(encode_control(control)) == control
    for raw, code in (
        (b"{", "not_json"),
        (b'{"type": "x"}', "unknown_type"),
        (b'{"type": "clock.ticked"}', "missing_field"),
    ):
        told = decode_control(raw)
        assert isinstance(told, Rejection)
        assert told.code == code

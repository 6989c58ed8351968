"""Hostile control records: none is adopted, each is a dead letter, and the partition goes on."""

import base64
import time
from collections.abc import Callable
from typing import Any

import pytest

from scorers.contract.events import DAY, Instant
from scorers.in_force.control import Control, Group, GroupInForce, PolicyInForce, Tick, encode_control
from scorers.policy.tables import Policy
from streams.records.sealed_control import SIGNED_BY, Headers, open_control, sealed, signed
from streams.records.signing import HEADER, ROLES, keyring, new_keys
from tests.support.desk import MAY, Desk, Record, figures
from tests.support.driver import purchase
from tests.support.seals import KEYS, signed_record

OTHERS = keyring("a secret of somebody else")
TICK = Tick(until=Instant(MAY + 400 * DAY))
POLICY = PolicyInForce(in_force=Instant(0), version="x", text="[risk]\nhorizon = '28d'\n", sent=Instant(MAY))
KINDS: list[Control] = [
    TICK,
    POLICY,
    figures(Policy(), MAY // DAY, MAY),
    GroupInForce(in_force=Instant(MAY), reported=Instant(MAY), subject=Group("store", "S1"), values={"complaints": 9}),
]
Forged = tuple[bytes, Headers]


def by(role: str, value: bytes, place: int | str = 0, topic: str = "clock") -> Forged:
    """A record that a role signed rightly, whatever it says."""
    return value, ((HEADER, KEYS.sign(role, signed(topic, place, value))),)  # type: ignore[arg-type]


def swapped(control: Control, other: Control) -> Forged:
    """The signature of one record on another."""
    return encode_control(other), signed_record(control)[1]


def seal(data: bytes) -> Forged:
    return encode_control(TICK), ((HEADER, data),)


NAME, SIGNATURE = signed_record(TICK)[1][0][1].split(b":")
NESTED = b"[" * 100_000
FORGED: dict[str, Callable[[], Forged]] = {
    "unsigned": lambda: (encode_control(TICK), ()),
    "unsigned policy": lambda: (encode_control(POLICY), ()),
    "signed with another key": lambda: sealed(OTHERS, "clock", 0, TICK),
    "another key under a trusted name": lambda: seal(
        NAME + b":" + sealed(OTHERS, "clock", 0, TICK)[1][0][1].split(b":")[1]
    ),
    "of another type": lambda: swapped(POLICY, TICK),
    "of another instant": lambda: swapped(Tick(until=Instant(MAY)), TICK),
    "of another partition": lambda: signed_record(TICK, 1),
    "of another topic": lambda: signed_record(TICK, 0, "north-clock"),
    "of the trainer's topic": lambda: by("trainer", encode_control(TICK), "trainer/0", "models"),
    "a tick by a worker": lambda: by("worker", encode_control(TICK)),
    "a policy by the trainer": lambda: by("trainer", encode_control(POLICY)),
    "figures by the clock": lambda: by("clock", encode_control(KINDS[2])),
    "a model by a worker": lambda: by(
        "worker", b'{"type":"model.in_force","in_force":"2024-05-01T00:00:00Z","version":"x","model":"{}"}'
    ),
    "truncated": lambda: (encode_control(TICK)[:-2], signed_record(TICK)[1]),
    "with a blank more": lambda: (encode_control(TICK) + b" ", signed_record(TICK)[1]),
    "giant": lambda: (b'{"type":"clock.ticked","x":"' + b"y" * 900_000 + b'"}', signed_record(TICK)[1]),
    "nested": lambda: (NESTED, signed_record(TICK)[1]),
    "empty": lambda: (b"", signed_record(TICK)[1]),
    "two seals": lambda: (encode_control(TICK), signed_record(TICK)[1] * 2),
    "an empty seal": lambda: seal(b""),
    "a giant seal": lambda: seal(b"0" * 500_000),
    "a seal of another alphabet": lambda: seal(NAME + b":" + b"\xff" * 86),
    "a seal without its end": lambda: seal(NAME + b":" + SIGNATURE[:-1]),
    "a seal in hexadecimal": lambda: seal(NAME + b":" + base64.b16encode(SIGNATURE)),
    "a seal of zeros": lambda: seal(NAME + b":" + b"A" * 86),
    "a name that nobody has": lambda: seal(b"0" * 16 + b":" + SIGNATURE),
    "an older form of seal": lambda: seal(b"0" * 64),
}


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_control_record_changes_nothing(how: str) -> None:
    """It is a dead letter, before as after records that are signed rightly; the next one of those is adopted."""
    desk = Desk()
    desk.send("purchases", purchase(MAY))
    value, headers = FORGED[how]()
    before = desk.processor.state.progress
    (letter,) = desk.receive("clock", None, value, headers)
    assert dict(letter.headers)["code"] == b"bad_seal"
    assert desk.processor.state.progress == before
    assert desk.metrics.registry.get_sample_value("vigia_rejects_total", {"code": "bad_seal", "topic": "clock"}) == 1
    desk.control(TICK)
    desk.control(POLICY)
    assert desk.codes() == ["bad_seal"]
    assert desk.processor.state.progress.clock == TICK.until
    assert desk.processor.ctx.policy.risk.horizon == 28 * DAY


@pytest.mark.parametrize(("value", "code"), [(NESTED, "too_deep"), (b"{", "not_json"), (b"x" * 300_000, "too_large")])
def test_what_its_owner_signed_wrongly_is_rejected_too(value: bytes, code: str) -> None:
    """A right signature on bytes that are no control record is a dead letter with the reason."""
    desk = Desk()
    desk.receive("clock", None, *by("clock", value))
    assert desk.codes() == [code]


@pytest.mark.parametrize("control", KINDS, ids=lambda control: type(control).__name__)
def test_each_type_is_signed_by_one_role(control: Control) -> None:
    """With single keys, who has not that of the role cannot sign, and who only verifies cannot either."""
    secret, public = new_keys()
    verifying = keyring("", public)
    for role in ROLES:
        keys = keyring(secret[role], public)
        if role == SIGNED_BY[type(control)]:
            value, headers = sealed(keys, "clock", 0, control)
            assert open_control(verifying, record(value, headers)) == control
        else:
            with pytest.raises(Exception, match="set VIGIA_SEAL"):
                sealed(keys, "clock", 0, control)
    with pytest.raises(Exception, match="set VIGIA_SEAL"):
        sealed(verifying, "clock", 0, control)


def test_keys_are_replaced_while_all_runs() -> None:
    """What the old key signed is adopted beside what the new one signs, until the old one is taken out."""
    old, new = "the old secret of all", "the new secret of all"
    first, second = sealed(keyring(old), "clock", 0, TICK), sealed(keyring(f"{new},{old}"), "clock", 0, TICK)
    for keys, adopts in ((f"{old},{new}", [True, True]), (f"{new},{old}", [True, True]), (new, [False, True])):
        found = [open_control(keyring(keys), record(*one)) == TICK for one in (first, second)]
        assert found == adopts


def test_a_flood_of_forged_records_costs_less_than_one_of_events() -> None:
    """A record without a seal is rejected before its bytes are decoded."""
    rejected, folded = Desk(), Desk()
    began = time.process_time()
    for _ in range(300):
        rejected.receive("clock", None, NESTED, ((HEADER, b"x"),))
    forged = time.process_time() - began
    began = time.process_time()
    for n in range(300):
        folded.send("purchases", purchase(MAY + n * DAY))
    assert forged < 5 * (time.process_time() - began)


def record(value: bytes, headers: Headers) -> Any:
    return Record("clock", 0, None, value, headers=headers)

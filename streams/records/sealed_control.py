"""Control records and their seals: each is signed for its topic and partition, by the role that may put it in force.

The signature covers the whole record, so type and instant as well, and stands in a header. It is verified before the
record is decoded. Whether a record is older than what is in force already is not decided here.
"""

from typing import Any

from scorers.contract.rejection import Rejection
from scorers.in_force.control import (
    Control,
    FiguresInForce,
    GroupInForce,
    HistoryInForce,
    ModelInForce,
    PolicyInForce,
    Tick,
    decode_control,
    encode_control,
)
from streams.records.signing import HEADER, Keyring, Role

Headers = tuple[tuple[str, bytes], ...]

SIGNED_BY: dict[type[Control], Role] = {
    Tick: "clock",
    PolicyInForce: "clock",
    HistoryInForce: "clock",
    FiguresInForce: "worker",
    GroupInForce: "worker",
    ModelInForce: "trainer",
}


def sealed(keys: Keyring, topic: str, partition: int, control: Control) -> tuple[bytes, Headers]:
    """A control record for one partition of the clock: its value and its headers."""
    value = encode_control(control)
    return value, ((HEADER, keys.sign(SIGNED_BY[type(control)], signed(topic, partition, value))),)


def open_control(keys: Keyring, record: Any) -> Control | Rejection:
    """The control record, if a trusted key of the right role signed it for its place; else why it is rejected."""
    value = record.value or b""
    role = keys.signer(signed(record.topic, record.partition, value), seal_of(record.headers))
    if role is None:
        return Rejection("bad_seal", "not signed, for this partition, with a key that is trusted here")
    control = decode_control(value)
    if not isinstance(control, Rejection) and SIGNED_BY[type(control)] != role:
        return Rejection("bad_seal", f"signed by the {role}, who may not put this in force")
    return control


def signed(topic: str, place: int | str, value: bytes) -> bytes:
    """The bytes that a signature of a record covers; `place` is its partition, or its key where that says what it is."""
    return f"vigia {topic}/{place}\n".encode() + value


def seal_of(headers: Any) -> bytes | None:
    """The seal among a record's headers; None if there is none, or more than one."""
    seals = [value for name, value in headers or () if name == HEADER]
    return seals[0] if len(seals) == 1 else None

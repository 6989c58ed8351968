"""The keys of tests, and control records signed with them."""

from scorers.in_force.control import Control
from streams.records.sealed_control import Headers, sealed
from streams.records.signing import keyring

SECRET = "a secret of the tests"
KEYS = keyring(SECRET)


def signed_record(control: Control, partition: int = 0, topic: str = "clock") -> tuple[bytes, Headers]:
    """A control record as the owner of its role sends it: value and headers."""
    return sealed(KEYS, topic, partition, control)

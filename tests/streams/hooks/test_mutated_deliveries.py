"""D2: mutated deliveries of every vendor are read, or refused with a sentence; none is a fault of ours."""

import random

import pytest

from tests.support.deliveries import SAMPLES
from tests.support.mutations import tried

ROUNDS = 400


@pytest.mark.parametrize("name", SAMPLES)
def test_a_mutated_body_never_fails(name: str) -> None:
    """Bytes, values, keys and structure are changed; the seed names a failing run."""
    outcomes = tried(name, random.Random(f"{name} 20240506"), ROUNDS)
    assert sum(outcomes.values()) == ROUNDS
    assert outcomes["events"] > 0
    assert outcomes["refused"] > 0

"""D7: what an older release could not read is not lost: a newer one has it back from the dead letters, once."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.conftest import Note
from tests.faults.nextrelease import NEW, OLD
from tests.faults.proof import LATER, Proof, simulated

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

NEXT = (sys.executable, "-m", "tests.faults.nextrelease", "worker", "--metrics-port", "0")


def of_a_newer_till(line: bytes) -> bool:
    """Whether an event is one of the customers whose shop has a newer till: about a third of them."""
    return hash_of(json.loads(line).get("customer_id", "")) % 3 == 0


def hash_of(name: str) -> int:
    return sum(name.encode())


def versioned(line: bytes, mark: bytes) -> bytes:
    return b"{" + mark + b", " + line[1:]


async def sent_back(proof: Proof, *more: str) -> str:
    """What `vigia dead-letters replay` says."""
    command = [sys.executable, "-m", "vigia", "dead-letters", "replay", "--code", "schema_unknown", *more]
    where = ["--kafka", proof.broker.address, "--prefix", proof.broker.prefix]
    done = subprocess.run([*command, *where], env=os.environ, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


async def test_an_upgrade_recovers_what_was_refused_before_it(
    proof: Proof, tmp_path: Path, seed: int, note: Note
) -> None:
    """Events of an unknown version are dead letters; sent back after the upgrade, also twice, each counts once."""
    lines = [versioned(line, OLD) for line in simulated(tmp_path / "sim", 150, 40, seed)]
    newer = [line.replace(OLD, NEW) for line in lines if of_a_newer_till(line)]
    assert len(lines) / 5 < len(newer) < len(lines) / 2
    proof.start(VIGIA_MARGIN=LATER)
    await proof.publish(line.replace(OLD, NEW) if of_a_newer_till(line) else line for line in lines)
    await proof.drained()
    refused = await proof.letters()
    assert Counter(letter.value for letter in refused) == Counter(newer)
    assert {letter.code for letter in refused} == {"schema_unknown"}
    assert await proof.stop() == 0

    proof.start(command=NEXT, VIGIA_MARGIN=LATER)
    assert "records ->" in await sent_back(proof)
    assert "no dead letters to send back" in await sent_back(proof)
    assert "records ->" in await sent_back(proof, "--again")
    await proof.conclude(lines)
    assert len(await proof.letters()) == len(refused)
    verdict = await proof.verdict(lines, same_changes=False)
    note("D7", f"{len(newer)} events of a version that came before its release", seed, 0, len(lines), verdict)
    assert verdict.exact(), verdict

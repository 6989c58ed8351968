"""D1 to D8, D10 and F17: what producers and the core itself may do wrong, through the real worker."""

import json
import random
import time
from collections import Counter
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Producer

from scorers.contract.events import DAY, HOUR, SECOND, TOPIC_OF, Instant
from scorers.in_force.control import Tick
from tests.faults.conftest import Note
from tests.faults.corpus import BAD, Bad, fuzzed
from tests.faults.proof import LATER, Proof, simulated
from tests.faults.verdict import Verdict
from tests.kafka.running import time_of
from tests.support.driver import instant, purchase
from vigia.runtime.broker import INPUTS
from vigia.runtime.crash.failpoints import chosen
from vigia.runtime.dead_letter import MAX_KEY, MAX_VALUE

pytestmark = pytest.mark.kafka

ONE = "purchases"  # topic, where the order of arrival is what matters: there is none between topics
MAY = instant("2024-05-01T00:00:00Z")
PATIENT = "40"  # seconds: a slow machine is no fault of the data


async def test_bad_input_reaches_the_dead_letters_alone(proof: Proof, tmp_path: Path, seed: int, note: Note) -> None:
    """Each bad record is a dead letter with its reason, as it came; its neighbours are folded as if it had not been."""
    dice = random.Random(seed)
    real = simulated(tmp_path / "sim", 80, 60, seed)
    bad = [*BAD, *fuzzed(real, 20_000, seed)]
    dice.shuffle(bad)
    marks = sorted(dice.randrange(len(real) + 1) for _ in bad)
    proof.start(VIGIA_MARGIN=LATER, VIGIA_SESSION=PATIENT)
    proof.tick()
    lines: list[bytes] = []

    async def send(line: bytes) -> None:
        lines.append(line)
        await proof.publish([line])

    inputs = [proof.broker.name(topic) for topic in sorted(INPUTS)]
    async with AIOKafkaProducer(max_request_size=2_000_000, linger_ms=5, **proof.broker.client()) as careless:
        waiting = list(zip(marks, bad, strict=True))
        for number in range(len(real) + 1):
            while waiting and waiting[0][0] == number:
                one = waiting.pop(0)[1]
                if one.code is None and one.value is not None:
                    await send(one.value)
                else:
                    await careless.send(dice.choice(inputs), one.value, key=one.key)
            if number < len(real):
                await proof.producer.send(*where(proof, real[number]))
                lines.append(real[number])
        await careless.flush()
    await proof.producer.flush()
    await proof.conclude(lines)
    refused = [one for one in bad if one.code is not None]
    expected = Counter(map(letter_of, refused))
    found = Counter((letter.code, letter.key, letter.value) for letter in await proof.letters())
    verdict = await proof.verdict(lines, same_changes=False)  # sound records of the corpus are old when they come
    lost, foreign = expected - found, found - expected
    for row in ("D1", "D2", "D3", "D4", "D7", "D8"):
        mine = [one for one in refused if one.row == row]
        gone = sum(lost[letter_of(one)] for one in mine)
        seen = Verdict(verdict.missing + gone, verdict.double, verdict.wrong_states, *list(vars(verdict).values())[3:])
        note(row, "bad records among real ones", seed, 0, len(mine), seen)
    assert not lost, [(code, key, (value or b"")[:80]) for code, key, value in lost][:5]
    assert not foreign, [(code, key, (value or b"")[:80]) for code, key, value in foreign][:5]
    assert verdict.exact(), verdict


def letter_of(one: Bad) -> tuple[str | None, bytes | None, bytes | None]:
    """What its dead letter is; one that would not fit into a letter is cut."""
    return one.code, one.key and one.key[:MAX_KEY], one.value and one.value[:MAX_VALUE]


def where(proof: Proof, line: bytes) -> tuple[str, bytes, bytes | None]:
    """The topic, the value and the key of an event."""
    event = json.loads(line)
    customer = event.get("customer_id")
    return (
        proof.broker.name(TOPIC_OF[event["type"].split(".")[0]]),
        line,
        None if customer is None else customer.encode(),
    )


async def test_the_future_moves_nobodys_clock(proof: Proof, seed: int, note: Note) -> None:
    """Up to a day ahead of its record's timestamp an event counts, beyond that it is a dead letter, from the first record on."""
    buyers = [f"C{number}" for number in range(40)]
    now = int(time.time()) * SECOND
    real = [purchase(now + day * DAY, who) for day in range(-60, 1, 6) for who in buyers]
    near = [purchase(now + HOUR, who) for who in buyers[:10]]
    far = [purchase(now + DAY + HOUR, who) for who in buyers] + [
        purchase("2099-06-01T00:00:00Z", who) for who in buyers
    ]
    proof.start(VIGIA_MARGIN=LATER, VIGIA_SESSION=PATIENT)
    await proof.publish(far)
    await proof.publish(real)
    await proof.publish(near)
    await proof.drained()
    await proof.send_and_wait(Tick(until=Instant(now + 2 * HOUR)))
    assert await proof.stop() == 0
    assert Counter(letter.code for letter in await proof.letters()) == {"bad_time": len(far)}
    assert {letter.value for letter in await proof.letters()} == set(far)
    verdict = await proof.verdict(real + near, until=now + 2 * HOUR)
    note("D4", "events from the future", "-", 0, len(real + near + far), verdict)
    assert verdict.exact(), verdict


@pytest.mark.parametrize(("spread", "name"), [(HOUR, "an hour"), (DAY - SECOND, "a day")])
async def test_out_of_order_within_the_allowed_lateness(
    proof: Proof, tmp_path: Path, seed: int, note: Note, spread: int, name: str
) -> None:
    """Events that come in another order leave the states and the alarms of a replay in the right one."""
    dice = random.Random(seed)
    lines = simulated(tmp_path / "sim", 200, 60, seed)
    shuffled = sorted(lines, key=lambda line: time_of(line) + dice.randrange(spread))
    proof.start(VIGIA_MARGIN=LATER, VIGIA_SESSION=PATIENT)
    proof.tick()
    await proof.publish(shuffled, ONE)
    await proof.conclude(lines)
    verdict = await proof.verdict(lines, same_changes=False)
    note("D5", f"shuffled within {name}", seed, 0, len(lines), verdict)
    assert verdict.exact(), verdict


async def test_later_than_the_allowed_lateness(proof: Proof, tmp_path: Path, seed: int, note: Note) -> None:
    """Of events shuffled by a week those that come too late change nothing, and no others are lost with them."""
    dice = random.Random(seed)
    lines = simulated(tmp_path / "sim", 200, 60, seed)
    shuffled = sorted(lines, key=lambda line: time_of(line) + dice.randrange(7 * DAY))
    newest: dict[str, int] = {}
    in_time = []
    for line in shuffled:
        customer, at = json.loads(line).get("customer_id", ""), time_of(line)
        if at >= newest.get(customer, 0) - DAY:
            in_time.append(line)
            newest[customer] = max(at, newest.get(customer, 0))
    assert 20 < len(lines) - len(in_time) < len(lines) / 2
    proof.start(VIGIA_MARGIN=LATER, VIGIA_SESSION=PATIENT)
    proof.tick()
    await proof.publish(shuffled, ONE)
    await proof.conclude(lines)
    verdict = await proof.verdict(sorted(in_time, key=time_of), same_changes=False, until=max(map(time_of, lines)))
    note("D5", "shuffled within a week", seed, 0, len(lines), verdict)
    assert verdict.exact(), verdict


async def test_duplicates_have_one_effect(proof: Proof, tmp_path: Path, seed: int, note: Note) -> None:
    """An event sent again counts once; of two payloads under one identity the first one counts."""
    dice = random.Random(seed)
    lines = simulated(tmp_path / "sim", 200, 60, seed)
    arriving: list[tuple[float, bytes]] = []
    conflicts = 0
    for line in lines:
        arriving.append((time_of(line), line))
        event = json.loads(line)
        if dice.random() < 0.2:
            arriving.append((time_of(line) + dice.randrange(DAY // 2), line))
        elif event["type"] == "contact.made" and dice.random() < 0.2:
            conflicts += 1
            other = json.dumps({**event, "channel": "pigeon"}).encode()
            arriving.append((time_of(line) + dice.randrange(DAY // 2), other))
    arrived = [line for _, line in sorted(arriving, key=lambda pair: pair[0])]
    assert conflicts > 5
    proof.start(VIGIA_MARGIN=LATER, VIGIA_SESSION=PATIENT)
    proof.tick()
    await proof.publish(arrived, ONE)
    await proof.conclude(lines)
    verdict = await proof.verdict(arrived, ledger=lines, same_changes=False)
    note("D6", "a fifth sent twice, some with another payload", seed, 0, len(arrived), verdict)
    assert verdict.exact(), verdict


async def test_one_customer_by_three_producers(proof: Proof, seed: int, note: Note) -> None:
    """Two ways of spreading keys that agree make one customer; one that does not makes dead letters, never half a customer."""
    proof.start(VIGIA_MARGIN=LATER, VIGIA_SESSION=PATIENT)
    proof.tick()
    buyers = [f"C{number}" for number in range(60)]
    days = [[purchase(MAY + day * DAY, who, id=f"{day} {who}") for who in buyers] for day in range(0, 40, 2)]
    address = {"bootstrap.servers": proof.broker.address}
    murmur, crc = Producer({**address, "partitioner": "murmur2_random"}), Producer(address)
    by_crc: list[bytes] = []
    for number, lines in enumerate(days):
        match number % 3:
            case 0:
                await proof.publish(lines)
            case 1:
                for line in lines:
                    topic, value, key = where(proof, line)
                    murmur.produce(topic, value, key)
                murmur.flush()
            case 2:
                by_crc += lines
                for line in lines:
                    topic, value, key = where(proof, line)
                    crc.produce(topic, value, key)
                crc.flush()
        await proof.ticked(MAY + 2 * number * DAY)
    assert await proof.stop() == 0
    letters = await proof.letters()
    refused = {letter.value for letter in letters}
    assert {letter.code for letter in letters} == {"key_mismatch"}
    assert all("murmur2" in letter.detail for letter in letters)
    assert refused < set(by_crc), "the producer whose spread differs hits the right partition by chance only"
    assert len(refused) > len(by_crc) / 2
    counted = [line for lines in days for line in lines if line not in refused]
    verdict = await proof.verdict(counted)
    note("D10", "aiokafka, librdkafka with murmur2 and with CRC32", "-", 0, sum(map(len, days)), verdict)
    assert verdict.exact(), verdict


async def test_a_fault_in_the_core_is_one_dead_letter(proof: Proof, tmp_path: Path, seed: int, note: Note) -> None:
    """Where the core fails on some events they are dead letters, once each also after kills, and all else is exact."""
    one_of = 50
    lines = simulated(tmp_path / "sim", 400, 100, seed)
    faulty = [line for line in lines if chosen(line, one_of)]
    assert len(faulty) > 5
    proof.tick()
    proof.start(VIGIA_MARGIN=LATER, VIGIA_SESSION=PATIENT, VIGIA_FAILPOINT=f"core:{one_of}")
    half = len(lines) // 2
    await proof.publish(lines[:half])
    await proof.progress()
    proof.kill()
    proof.start(VIGIA_MARGIN=LATER, VIGIA_SESSION=PATIENT, VIGIA_FAILPOINT=f"core:{one_of}")
    await proof.publish(lines[half:])
    await proof.conclude(lines)
    letters = await proof.letters()
    assert {letter.value for letter in letters} == set(faulty)
    assert {letter.code for letter in letters} == {"core_error"}
    kept = [line for line in lines if line not in set(faulty)]
    verdict = await proof.verdict(kept, until=max(map(time_of, lines)))
    note("F17", f"the core fails on {len(faulty)} events", seed, proof.processes.kills, len(lines), verdict)
    assert verdict.exact(), verdict

"""Dead letters: listed inert, filtered, and sent back as they came, once."""

import json
from collections.abc import Iterator

import pytest

from tests.support.console import HOSTILE, broker, on, run, write
from vigia.runtime import dead_letter


@pytest.fixture
def kafka() -> Iterator[str]:
    yield from broker()


class Refused:
    """A record as its consumer held it when it was refused."""

    def __init__(self, origin: tuple[str, int, int], key: bytes | None, value: bytes | None) -> None:
        self.topic, self.partition, self.offset = origin
        self.key, self.value = key, value


def bury(
    kafka: str,
    origin: tuple[str, int, int],
    value: bytes | None = b"{",
    key: str | None = "C1",
    code: str = "not_json",
    detail: str = "the decoder cannot read it",
    prefix: str = "",
) -> None:
    """A dead letter as worker and notifier write it."""
    record = Refused(origin, None if key is None else key.encode(), value)
    *told, headers = dead_letter.encode(record, code, detail)
    write(kafka, f"{prefix}dead-letters", tuple(told), headers=headers)


def test_dead_letters_are_listed_inert_and_filtered(kafka: str) -> None:
    """D12: each in one line, with reason, origin and harmless text; filters leave what they name."""
    bury(kafka, ("purchases", 1, 7), HOSTILE.encode(), key=HOSTILE, detail=HOSTILE)
    bury(kafka, ("feedback", 2, 8), b"\xff\xfe", code="bad_text", key="C2")
    bury(kafka, ("purchases", 3, 9), None, key=None, code="key_mismatch")
    bury(kafka, ("purchases", 1, 7), HOSTILE.encode(), key=HOSTILE)  # the same refusal, told twice after a kill
    write(kafka, "dead-letters", ("C1", b"somebody else's"))
    done = run("dead-letters", "list", "--kafka", kafka)
    assert done.exit_code == 0, done.output
    rows = done.stdout.splitlines()
    assert len(rows) == 3
    assert all(row.isprintable() for row in rows)
    (hostile,) = [row for row in rows if "purchases/1@7" in row]
    assert "not_json" in hostile
    assert hostile.count("Ana") == 3

    def left(*options: str) -> set[str]:
        found = run("dead-letters", "list", "--json", "--kafka", kafka, *options)
        assert found.exit_code == 0, found.output
        return {f"{one['topic']}@{one['offset']}" for one in map(json.loads, found.stdout.splitlines())}

    everything = {"purchases@7", "feedback@8", "purchases@9"}
    assert left() == everything
    assert left("--code", "bad_text") == {"feedback@8"}
    assert left("--code", "bad_text", "--code", "key_mismatch") == {"feedback@8", "purchases@9"}
    assert left("--topic", "purchases") == {"purchases@7", "purchases@9"}
    assert left("--key", "C2") == {"feedback@8"}
    assert left("--since", "1h") == everything
    assert left("--since", "2099-01-01T00:00:00Z") == set()
    assert left("--topic", "purchases", "--code", "bad_text") == set()


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (("--code", "bad_tex"), "--code 'bad_tex': not known; known are not_json"),
        (("--topic", "sales"), "--topic 'sales': not known; known are"),
        (("--topic", "north-purchases", "--prefix", "north-"), "write it without the prefix, 'purchases'"),
        (("--since", "yesterday"), "--since"),
    ],
)
def test_a_filter_that_is_none_is_named(typed: tuple[str, ...], says: str) -> None:
    """A slip of the pen is not an empty list; nothing is asked of Kafka."""
    done = run("dead-letters", "list", "--kafka", "127.0.0.1:1", *typed)
    assert says in str(done.exception)


def test_dead_letters_go_back_once_as_they_came(kafka: str) -> None:
    """Key and bytes to their topic, what has no key to its partition; a second time only when asked, after a dry run none."""
    raw = b'{"id": "1", "later": true}'
    bury(kafka, ("north-purchases", 0, 7), raw, key="C1", prefix="north-")
    bury(kafka, ("north-purchases", 2, 3), b"sale", key=None, prefix="north-")
    bury(kafka, ("north-alarm-actions", 1, 1), b"\xff", key="C3", code="bad_text", prefix="north-")
    options = ("--kafka", kafka, "--prefix", "north-")

    def back() -> list[tuple[str, bytes | None, bytes | None]]:
        topics = ("north-purchases", "north-alarm-actions")
        return [(topic, r.key, r.value) for topic in topics for r in on(kafka, topic)]

    dry = run("dead-letters", "replay", "--dry-run", *options)
    assert (dry.exit_code, back()) == (0, [])
    assert "2 would be sent -> north-purchases" in dry.output
    some = run("dead-letters", "replay", "--code", "bad_text", *options)
    assert some.exit_code == 0, some.output
    assert back() == [("north-alarm-actions", b"C3", b"\xff")]
    rest = run("dead-letters", "replay", *options)
    assert "2 records -> north-purchases" in rest.output
    everything = back()
    assert set(everything) == {
        ("north-alarm-actions", b"C3", b"\xff"),
        ("north-purchases", None, b"sale"),
        ("north-purchases", b"C1", raw),
    }
    assert [r.partition for r in on(kafka, "north-purchases") if r.key is None] == [2]
    none = run("dead-letters", "replay", *options)
    assert none.exit_code == 0
    assert "no dead letters to send back" in none.output
    assert len(back()) == len(everything) == 3
    assert "sent back" in run("dead-letters", "list", "--again", *options).stdout
    assert run("dead-letters", "list", *options).stdout == ""
    assert run("dead-letters", "replay", "--again", "--topic", "alarm-actions", *options).exit_code == 0
    assert len(back()) == len(everything) + 1


def test_dead_letters_go_back_in_the_order_of_their_events(kafka: str) -> None:
    """Letters of one topic lie in several partitions; weeks out of order, a customer's events would be too late."""
    days = [b'{"time": "2024-05-%02dT10:00:00Z"}' % day for day in (3, 1, 4, 2)]
    for n, raw in enumerate(days):
        bury(kafka, ("row-purchases", 0, n), raw, key=None, prefix="row-")
    done = run("dead-letters", "replay", "--kafka", kafka, "--prefix", "row-")
    assert done.exit_code == 0, done.output
    assert [record.value for record in on(kafka, "row-purchases")] == sorted(days)


def test_letters_that_cannot_go_back_are_named(kafka: str) -> None:
    """Of another Vigía, or of a partition that is no more: named, left where they are, and the others go."""
    bury(kafka, ("south-purchases", 0, 7))
    bury(kafka, ("purchases", 77, 7), key=None)
    bury(kafka, ("purchases", 0, 8), b"good")
    done = run("dead-letters", "replay", "--kafka", kafka)
    assert done.exit_code == 1
    assert "south-purchases/0@7: not sent: south-purchases is not a topic of this Vigía" in done.output
    assert "purchases/77@7: not sent" in done.output
    assert [record.value for record in on(kafka, "purchases")] == [b"good"]
    left = run("dead-letters", "list", "--kafka", kafka).stdout
    assert left.count("\n") == 2
    assert on(kafka, "south-purchases") == []

"""A record of a partition: what is folded, what is refused and why, what is in force, and what a crash leaves."""

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorers.alarm import Alarm
from scorers.control import Control, FiguresInForce, ModelInForce, PolicyInForce, Tick, decode_control, encode_control
from scorers.events import DAY, HOUR, Instant
from scorers.features import WIDTH
from scorers.figures import FigureBook
from scorers.instants import rfc3339
from scorers.monitor import Monitor
from scorers.policy import Policy, parse_policy
from scorers.refusal import Rejected
from scorers.risk import FORMAT, Lesson, Model
from scorers.training import Trainer
from scorers.wire import decode_alarm
from streams.fold import Folder
from streams.kept import CODEC, Kept
from streams.lessons import decode_lesson, encode_lesson
from streams.metrics import WorkerMetrics
from streams.outbox import Output
from streams.reports import Report, Sums, decode_report
from streams.rows import Rows
from streams.seal import seal, sealed
from streams.story import COMPACT, KEY, Story
from tests.driver import instant, purchase, record
from vigia.erasures import read_erasure

MAY = instant("2024-05-01T00:00:00Z")


class Record(NamedTuple):
    topic: str
    offset: int
    key: bytes | None
    value: bytes | None
    partition: int = 0
    timestamp: int = 0


class Memory:
    """A shelf that is a dict."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}

    def get(self, partition: int, key: bytes) -> bytes | None:
        return self.rows.get(key)

    def items(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        return iter(list(self.rows.items()))

    def write(self, partition: int, rows: Sequence[tuple[bytes, bytes | None]], offset: int) -> None:
        for key, value in rows:
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = value


class Desk:
    """A folder on rows in memory, driven as the engine drives it."""

    def __init__(self, policy: str = "", secret: str = "") -> None:
        self.policy, self.secret = parse_policy(policy), secret
        self.shelf = Memory()
        self.log: list[Record] = []
        self.offsets: dict[str, int] = {}
        self.outputs: list[Output] = []
        self.open()

    def open(self) -> None:
        """Begin a life: rows are recovered."""
        self.rows: Rows[Kept] = Rows(0, self.shelf, CODEC)
        trust = (lambda c: sealed(self.secret, c.model.encode(), c.seal)) if self.secret else (lambda c: True)
        self.folder = Folder(self.rows, self.policy, lambda plain: plain, WorkerMetrics(), trust)
        for key, row in self.rows.recovered():
            self.folder.recover(key, row)

    def send(self, topic: str, value: bytes | None, key: bytes | None = None) -> list[Output]:
        """Fold one new record; a key that is not given is the customer's."""
        if key is None and value is not None and topic != "clock":
            try:
                key = json.loads(value).get("customer_id", "").encode() or None
            except (ValueError, AttributeError):
                key = None
        offset = self.offsets[topic] = self.offsets.get(topic, -1) + 1
        self.log.append(Record(topic, offset, key, value))
        return self.fold(self.log[-1])

    def fold(self, one: Record) -> list[Output]:
        """Fold a record as the engine does; the outputs are sent at once."""
        if not self.rows.begin(one.topic, one.offset, one.key):
            return []
        outputs = self.folder.fold(one)
        self.outputs += outputs
        return outputs

    def tell(self, control: Control) -> list[Output]:
        return self.send("clock", encode_control(control))

    def tick(self, at: int, follows: bool = False) -> list[Output]:
        return self.tell(Tick(until=Instant(at), follows=follows))

    def flush(self, share: float = 1.0) -> None:
        """Write what has changed, or only the first rows of it: the process dies in the middle."""
        changed = list(self.rows.take_changed())
        self.shelf.write(0, changed[: round(len(changed) * share)], 0)

    def alarms(self) -> list[Alarm]:
        return [a for o in self.outputs if o.topic == "alarms" and isinstance(a := decode_alarm(o.value or b""), Alarm)]

    def codes(self) -> list[str]:
        return [dict(o.headers)["code"].decode() for o in self.outputs if o.topic == "dead-letters"]

    def reports(self) -> list[Report]:
        return [decode_report(o.value or b"") for o in self.outputs if o.topic == "figures"]


def figures(policy: Policy, day: int, at: int) -> FiguresInForce:
    """The figures of a base of sixty buyers, in force from an instant on."""
    book = FigureBook(policy)
    book.add([(day, "year", 900 + n, 1) for n in range(60)])
    return FiguresInForce.of(day, msgspec.structs.replace(book.close(day), in_force=at))


def test_a_silence_is_told_by_a_tick_and_not_by_others_events() -> None:
    """An event of another customer, however late, moves nobody's time; a tick does."""
    desk = Desk()
    for n in range(8):
        desk.send("purchases", purchase(MAY + n * 3 * DAY))
    desk.send("purchases", purchase(MAY + 300 * DAY, "C2"))
    assert "gone-quiet" not in [alarm.kind for alarm in desk.alarms()]
    desk.tick(MAY + 300 * DAY)
    assert "gone-quiet" in [alarm.kind for alarm in desk.alarms()]


def test_a_deadline_that_moved_makes_no_monitor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who bought again falls due later; that stands before the bytes, which nobody reads for it."""
    desk = Desk()
    desk.send("purchases", purchase(MAY, "C1"))
    desk.send("purchases", purchase(MAY + 5 * DAY, "C1"))
    desk.flush()
    due = desk.rows.get(b"C1").due  # type: ignore[union-attr]
    desk.rows.evict(0)
    made: list[bytes] = []
    decode = Monitor.decode
    monkeypatch.setattr(Monitor, "decode", lambda data, ctx: made.append(data) or decode(data, ctx))
    desk.folder.partition.expect(due - 1, "C1")
    desk.tick(due)
    assert not made
    desk.tick(due + 1)
    assert len(made) == 1


def test_alarms_are_keyed_by_their_subject() -> None:
    """All changes of one subject stand in one partition."""
    desk = Desk()
    desk.send("complaints", record("complaint.opened", MAY, complaint_id="K1", severity="major"))
    desk.tick(MAY + 60 * DAY)
    keys = {(decode_alarm(o.value or b"").subject.id, o.key) for o in desk.outputs if o.topic == "alarms"}  # type: ignore[union-attr]
    assert keys
    assert all(subject.encode() == key for subject, key in keys)


@pytest.mark.parametrize(
    ("value", "key", "code"),
    [
        (b"not json", b"C1", "not_json"),
        (purchase(MAY), b"C2", "key_mismatch"),
        (purchase(MAY, None), b"C2", "key_mismatch"),
        (None, None, "key_mismatch"),
        (None, b"\xff", "key_mismatch"),
        (purchase(MAY + 2 * DAY + 1), b"C1", "bad_time"),
    ],
)
def test_a_record_that_cannot_be_folded_is_a_dead_letter(value: bytes | None, key: bytes | None, code: str) -> None:
    """It keeps its key and its bytes, and says why and where it stood; no row is made."""
    desk = Desk()
    desk.tick(MAY + DAY)
    before = dict(desk.folder.census)
    (letter,) = desk.send("purchases", value, key)
    told = dict(letter.headers)
    nothing = value is None and key is None  # which a producer cannot send
    assert (letter.topic, letter.key, letter.value) == ("dead-letters", key, b"" if nothing else value)
    assert (told["code"].decode(), told["topic"], told["partition"], told["offset"]) == (code, b"purchases", b"0", b"0")
    assert dict(desk.folder.census) == before


def test_an_event_may_be_a_day_ahead_of_the_newest_tick_and_further_where_the_clock_follows() -> None:
    """Without a tick nobody knows what is ahead; where time is that of the events, nothing is."""
    for ticks, refused in (((), []), ((False,), ["bad_time"]), ((True,), [])):
        desk = Desk()
        for follows in ticks:
            desk.tick(MAY, follows)
        desk.send("purchases", purchase(MAY + DAY))
        desk.send("purchases", purchase(MAY + DAY + 1))
        assert desk.codes() == refused


def test_an_anonymous_sale_is_nobodys() -> None:
    """It has no key, makes no row and is no dead letter."""
    desk = Desk()
    assert desk.send("purchases", purchase(MAY, None)) == []
    assert desk.rows.get(b"") is None
    assert not desk.folder.census.total()


def test_a_null_value_forgets_the_customer() -> None:
    """The row is emptied and stays empty although the past is told again; what comes later is a new story."""
    desk = Desk()
    desk.send("purchases", purchase(MAY))
    desk.send("purchases", None, b"C1")
    desk.send("purchases", purchase(MAY - HOUR))
    monitor = desk.folder._monitors.get("C1")
    assert monitor is not None
    assert monitor.head.purchases == 0
    desk.send("purchases", purchase(MAY + 5 * DAY))
    assert monitor.head.purchases == 1


def test_a_null_value_is_told_where_erasures_are_looked_for() -> None:
    """The notifier and the cards read `feedback` alone; there the worker finds what it knows, and tells nothing more."""
    desk = Desk()
    desk.send("purchases", purchase(MAY))
    (told,) = desk.send("purchases", None, b"C1")
    assert (told.topic, told.key) == ("feedback", b"C1")
    erasure = read_erasure(Record("feedback", 7, b"C1", told.value))
    assert erasure is not None
    assert (erasure.customer_id, erasure.event_id) == ("C1", "null-purchases-0-1")
    assert desk.send("feedback", told.value, b"C1") == []
    assert desk.send("feedback", None, b"C1") == []


def test_before_there_is_any_time_nobody_is_erased() -> None:
    """Where no fact and no tick has told a time, nobody can be known, and an erasure would have no time to tell."""
    assert Desk().send("purchases", None, b"C1") == []


def test_a_fault_of_the_fold_leaves_rows_and_monitors_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should telling what follows fail, the record is as if it had not been, in memory too."""
    desk = Desk()
    desk.send("purchases", purchase(MAY))
    kept = desk.rows.get(b"C1")
    assert kept is not None
    one = Record("purchases", 1, b"C1", purchase(MAY + DAY))
    monkeypatch.setattr(desk.folder, "_outputs", lambda step: 1 / 0)
    desk.rows.begin("purchases", one.offset, one.key)
    with pytest.raises(ZeroDivisionError):
        desk.folder.fold(one)
    desk.rows.undo()
    assert desk.rows.get(b"C1") is kept
    monitor = desk.folder._monitors.get("C1")
    assert monitor is not None
    assert monitor.head.purchases == 1


def test_control_records_reach_forward_only() -> None:
    """Figures for an instant that was judged already come in force just after it, and that is counted."""
    desk = Desk()
    desk.send("purchases", purchase(MAY + 9 * DAY))
    desk.tell(figures(desk.policy, 19_840, MAY))
    point, ctx = desk.folder.story.point, desk.folder.ctx
    assert point.late == 1
    assert ctx.figures(MAY + 9 * DAY).version == "none"
    assert ctx.figures(MAY + 9 * DAY + 1).version == ctx.newest_figures.version != "none"
    desk.tell(figures(desk.policy, 19_850, MAY + 20 * DAY))
    assert desk.folder.story.point.late == 1


def test_what_is_in_force_outlives_the_process() -> None:
    """Figures, models and the policy are rows of the partition: the next life judges by them at once."""
    desk = Desk()
    model = Trainer()
    model.learn(a_lesson())
    snapshot = model.snapshot()
    desk.tell(figures(desk.policy, 19_840, MAY))
    desk.tell(ModelInForce(in_force=Instant(MAY), version=snapshot.version, model=snapshot.encode().decode()))
    text = "[risk]\nhorizon = '28d'\n"
    desk.tell(PolicyInForce(in_force=Instant(MAY), version=parse_policy(text).version, text=text))
    before = desk.folder.ctx
    desk.flush()
    desk.open()
    desk.send("purchases", purchase(MAY + DAY))
    after = desk.folder.ctx
    assert after.newest_figures == before.newest_figures
    assert after.figures(MAY - 1).version == "none"
    assert after.newest_model == snapshot == before.newest_model
    assert snapshot.version != "cold"
    assert after.policy_version == before.policy_version == parse_policy(text).version != desk.policy.version


def a_lesson() -> Lesson:
    return Lesson(
        customer_id="C1",
        asked_at=Instant(MAY),
        answered_at=Instant(MAY + 11 * DAY),
        horizon=10 * DAY,
        features=(0.5,) * WIDTH,
        inactive=True,
        rules=0.4,
        predicted=0.4,
        model_version="cold",
    )


def test_partitions_share_the_figures_that_all_are_told() -> None:
    """Each partition is told them in a record of its own; two years of them are kept once."""
    one, two = Desk(), Desk()
    for desk in (one, two):
        desk.tell(figures(desk.policy, MAY // DAY - 2, MAY - DAY))
        desk.tick(MAY)
    assert one.folder.ctx.newest_figures.ranked == 60
    assert one.folder.ctx.newest_figures.base is two.folder.ctx.newest_figures.base
    one.flush()
    one.open()
    one.tick(MAY + HOUR)
    assert one.folder.ctx.newest_figures.base is two.folder.ctx.newest_figures.base


def test_a_model_without_the_right_seal_is_refused() -> None:
    """Nobody who can only write to Kafka decides who leaves."""
    trainer = Trainer()
    trainer.learn(a_lesson())
    model = trainer.snapshot()
    data = model.encode()
    desk = Desk(secret="right")
    for secret in ("wrong", "right"):
        told = ModelInForce(in_force=Instant(MAY), version=model.version, model=data.decode(), seal=seal(secret, data))
        desk.tell(told)
        assert (desk.folder.ctx.newest_model.version == model.version) is (secret == "right")
    assert desk.codes() == ["bad_value"]


def _newer(model: Model) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(model, format=FORMAT + 1))


SPOILT: dict[str, Callable[[Model], tuple[bytes, str]]] = {
    "altered": lambda m: (m.encode().replace(b'"echo":', b'"echo":1'), seal("right", m.encode())),
    "altered and sealed by whoever altered it": lambda m: (
        (bad := m.encode().replace(b'"echo":', b'"echo":1')),
        seal("wrong", bad),
    ),
    "altered by the trainer itself": lambda m: (
        (bad := m.encode().replace(b'"echo":', b'"echo":1')),
        seal("right", bad),
    ),
    "truncated": lambda m: (m.encode()[:-40], seal("right", m.encode()[:-40])),
    "unsigned": lambda m: (m.encode(), ""),
    "newer": lambda m: (_newer(m), seal("right", _newer(m))),
    "of other features": lambda m: (
        (other := msgspec.structs.replace(m, features_version="0").encode()),
        seal("right", other),
    ),
    "a pickle": lambda m: (b"cos\nsystem\n(S'true'\ntR.", seal("right", b"cos\nsystem\n(S'true'\ntR.")),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_spoilt_model_is_refused_and_the_one_before_stays(how: str) -> None:
    """It is a dead letter with its reason, the customers are judged on by the model before, and a good one is taken."""
    trainer = Trainer()
    trainer.learn(a_lesson())
    first = trainer.snapshot()
    trainer.learn(msgspec.structs.replace(a_lesson(), inactive=False))
    second = trainer.snapshot()
    desk = Desk(secret="right")

    def told(model: Model, data: bytes, mark: str) -> None:
        desk.tell(ModelInForce(in_force=Instant(MAY), version=model.version, model=data.decode("latin-1"), seal=mark))

    told(first, first.encode(), seal("right", first.encode()))
    told(second, *SPOILT[how](second))
    assert desk.codes() == ["bad_value"]
    assert desk.folder.ctx.newest_model == first
    desk.send("purchases", purchase(MAY + DAY))
    told(second, second.encode(), seal("right", second.encode()))
    assert desk.folder.ctx.newest_model == second


def test_each_day_is_reported_once_and_all_partitions_make_the_figures() -> None:
    """The totals of two partitions are those of all customers in one; the figures come from their sum alone."""
    policy = Policy()
    whole, halves = Desk(), (Desk(), Desk())
    for n in range(120):
        sale = purchase(MAY + n % 7 * DAY + n, f"C{n % 60}", 1000 + n)
        whole.send("purchases", sale)
        halves[n % 60 % 2].send("purchases", sale)
    for desk in (whole, *halves):
        for at in (8, 8, 9, 10):
            desk.tick(MAY + at * DAY)
    days = [report.day for report in whole.reports()]
    assert len(days) == 3 == len(set(days))

    def closed(desks: Sequence[Desk]) -> list[FiguresInForce]:
        sums = Sums(len(desks), policy, margin=0)
        told = [
            msgspec.structs.replace(report, partition=number)
            for number, desk in enumerate(desks)
            for report in desk.reports()
        ]
        return [figures for report in [*told, *told] if (figures := sums.add(report))]

    assert closed([whole]) == closed(halves)
    assert [control.day for control in closed(halves)] == days
    assert closed(halves)[-1].bounds is not None


def test_figures_wait_for_every_partition_and_come_in_force_after_what_was_judged() -> None:
    """A day that one partition has not told stays open; the margin counts from the newest instant of all."""
    sums = Sums(2, Policy(), margin=HOUR)
    day = MAY // DAY
    assert sums.add(Report(0, day, MAY + 2 * DAY, {})) is None
    assert sums.add(Report(0, day, MAY + 2 * DAY, {})) is None
    figures = sums.add(Report(1, day, MAY + 5 * DAY, {}))
    assert figures is not None
    assert figures.in_force == MAY + 5 * DAY + HOUR
    assert sums.add(Report(1, day, MAY + 5 * DAY, {})) is None


CUSTOMERS = ("C1", "C2", "C3", "C4", "C5")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["buy", "buy", "buy", "complain", "tick", "figures", "flush"]),
        st.sampled_from(CUSTOMERS),
        st.integers(1, 40),
    ),
    min_size=5,
    max_size=40,
)


@settings(deadline=None, max_examples=60)
@given(STEPS, st.floats(0, 1))
def test_a_crash_in_the_middle_of_a_flush_does_not_show(steps: list[tuple[str, str, int]], share: float) -> None:
    """Whatever part of the last flush was written, the records read again lead to the same rows and the same alarms."""
    calm, crashed = Desk(), Desk()
    clock, read = MAY, 0
    for number, (what, customer, hours) in enumerate(steps):
        clock += hours * HOUR
        for desk in (calm, crashed):
            if what == "buy":
                desk.send("purchases", purchase(clock, customer, 100 + number))
            elif what == "complain":
                told = record("complaint.opened", clock, customer, complaint_id=f"K{number}", severity="major")
                desk.send("complaints", told)
            elif what == "tick":
                desk.tick(clock, follows=True)
            elif what == "figures":
                desk.tell(figures(desk.policy, number, clock + DAY))
        if what == "flush":
            crashed.flush()
            read = len(crashed.log)
    crashed.flush(share)
    crashed.open()
    for one in crashed.log[read:]:
        crashed.fold(one)
    for desk in (calm, crashed):
        desk.tick(clock + 100 * DAY, follows=True)
        desk.flush()
    assert unfenced(calm.shelf) == unfenced(crashed.shelf)
    assert totals(calm) == totals(crashed)
    assert {change(alarm) for alarm in calm.alarms()} == {change(alarm) for alarm in crashed.alarms()}


def unfenced(shelf: Memory) -> dict[bytes, bytes]:
    """The rows of customers and of what is in force, without their fences."""
    return {key: stored.partition(b"\n")[2] for key, stored in shelf.rows.items() if key != KEY}


def totals(desk: Desk) -> Any:
    story = Story(desk.policy)
    story.recover(desk.shelf.rows[KEY].partition(b"\n")[2][10:])
    return story.point, {name: dict(counts) for name, counts in story.book.total.items()}, story.book.pending


def change(alarm: Alarm) -> tuple[str, str, int, str | None]:
    return alarm.alarm_id, alarm.type, int(alarm.at), alarm.outcome


def test_a_version_of_the_story_that_was_put_never_changes() -> None:
    """Its bytes are the same whenever they are made, and lead to the same sums as adding one by one."""
    story, plain, versions = Story(Policy()), FigureBook(Policy()), []
    for n in range(2 * COMPACT + 10):
        counts = [(n % 5, "gap", n % 11, 1)]
        story.add(counts)
        plain.add(counts)
        if n % 200 == 0:
            versions.append((story.version(), story.version().encode()))
    assert all(version.encode() == told for version, told in versions)
    again = Story(Policy())
    again.recover(story.version().encode())
    assert again.book.pending == plain.pending


def test_lessons_come_back_as_they_were_told() -> None:
    """Instants have their zone on the wire."""
    lesson = a_lesson()
    assert decode_lesson(encode_lesson(lesson)) == lesson
    assert rfc3339(MAY).encode() in encode_lesson(lesson)


def test_control_records_come_back_as_they_were_told() -> None:
    """Every kind survives the wire; what is none has its reason."""
    kinds: list[Control] = [
        Tick(until=Instant(MAY), follows=True),
        figures(Policy(), 19_840, MAY),
        ModelInForce(in_force=Instant(MAY), version="v", model="{}", seal="s"),
        PolicyInForce(in_force=Instant(0), version="v", text="[risk]"),
    ]
    for control in kinds:
        assert decode_control(encode_control(control)) == control
    for raw, code in (
        (b"{", "not_json"),
        (b'{"type": "x"}', "unknown_type"),
        (b'{"type": "clock.ticked"}', "missing_field"),
    ):
        told = decode_control(raw)
        assert isinstance(told, Rejected)
        assert told.code == code


def test_the_census_is_right_from_the_first_moment_of_a_life() -> None:
    """Customers by stage and tier are counted from the rows, without reading them whole."""
    desk = Desk()
    for n, customer in itertools.product(range(3), CUSTOMERS):
        desk.send("purchases", purchase(MAY + n * 5 * DAY, customer))
    desk.flush()
    counted = +desk.folder.census
    desk.open()
    assert +desk.folder.census == counted
    assert counted.total() == len(CUSTOMERS)

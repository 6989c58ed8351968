"""Control records of a partition: when they come into force, which are rejected, and how days are closed."""

from collections.abc import Callable, Sequence

import msgspec
import pytest

from scorers.contract.events import DAY, HOUR, Instant
from scorers.in_force.control import FiguresInForce, ModelInForce, PolicyInForce
from scorers.policy.reading import parse_policy
from scorers.policy.tables import Policy
from scorers.risk.model import FORMAT, Model
from scorers.risk.training import Trainer
from streams.records.signing import sign
from streams.worker.reports import Report, Sums
from tests.support.desk import MAY, Desk, a_lesson, figures
from tests.support.driver import purchase


def test_control_records_never_change_the_past() -> None:
    """Figures for an instant that was judged already come into force just after it, and that is counted."""
    desk = Desk()
    desk.send("purchases", purchase(MAY + 9 * DAY))
    desk.tell(figures(desk.policy, 19_840, MAY))
    point, ctx = desk.processor.state.progress, desk.processor.ctx
    assert point.late == 1
    assert ctx.figures(MAY + 9 * DAY).version == "none"
    assert ctx.figures(MAY + 9 * DAY + 1).version == ctx.newest_figures.version != "none"
    desk.tell(figures(desk.policy, 19_850, MAY + 20 * DAY))
    assert desk.processor.state.progress.late == 1


def test_what_is_in_force_survives_a_restart() -> None:
    """Figures, models and the policy are rows of the partition: the next run judges by them at once."""
    desk = Desk()
    model = Trainer()
    model.learn(a_lesson())
    snapshot = model.snapshot()
    desk.tell(figures(desk.policy, 19_840, MAY))
    desk.tell(ModelInForce(in_force=Instant(MAY), version=snapshot.version, model=snapshot.encode().decode()))
    text = "[risk]\nhorizon = '28d'\n"
    desk.tell(PolicyInForce(in_force=Instant(MAY), version=parse_policy(text).version, text=text))
    before = desk.processor.ctx
    desk.flush()
    desk.open()
    desk.send("purchases", purchase(MAY + DAY))
    after = desk.processor.ctx
    assert after.newest_figures == before.newest_figures
    assert after.figures(MAY - 1).version == "none"
    assert after.newest_model == snapshot == before.newest_model
    assert snapshot.version != "cold"
    assert after.policy_version == before.policy_version == parse_policy(text).version != desk.policy.version


def test_partitions_share_one_object_for_the_same_figures() -> None:
    """Each partition gets its own record, but two years of figures are kept in memory once."""
    one, two = Desk(), Desk()
    for desk in (one, two):
        desk.tell(figures(desk.policy, MAY // DAY - 2, MAY - DAY))
        desk.tick(MAY)
    assert one.processor.ctx.newest_figures.ranked == 60
    assert one.processor.ctx.newest_figures.base is two.processor.ctx.newest_figures.base
    one.flush()
    one.open()
    one.tick(MAY + HOUR)
    assert one.processor.ctx.newest_figures.base is two.processor.ctx.newest_figures.base


def test_a_model_without_the_right_signature_is_rejected() -> None:
    """Writing to Kafka is not enough to replace the model."""
    trainer = Trainer()
    trainer.learn(a_lesson())
    model = trainer.snapshot()
    data = model.encode()
    desk = Desk(secret="right")
    for secret in ("wrong", "right"):
        told = ModelInForce(in_force=Instant(MAY), version=model.version, model=data.decode(), seal=sign(secret, data))
        desk.tell(told)
        assert (desk.processor.ctx.newest_model.version == model.version) is (secret == "right")
    assert desk.codes() == ["bad_value"]


def _newer(model: Model) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(model, format=FORMAT + 1))


SPOILT: dict[str, Callable[[Model], tuple[bytes, str]]] = {
    "altered": lambda m: (m.encode().replace(b'"intercept":', b'"intercept":1'), sign("right", m.encode())),
    "altered and sealed by whoever altered it": lambda m: (
        (bad := m.encode().replace(b'"intercept":', b'"intercept":1')),
        sign("wrong", bad),
    ),
    "altered by the trainer itself": lambda m: (
        (bad := m.encode().replace(b'"intercept":', b'"intercept":1')),
        sign("right", bad),
    ),
    "truncated": lambda m: (m.encode()[:-40], sign("right", m.encode()[:-40])),
    "unsigned": lambda m: (m.encode(), ""),
    "newer": lambda m: (_newer(m), sign("right", _newer(m))),
    "of other features": lambda m: (
        (other := msgspec.structs.replace(m, features_version="0").encode()),
        sign("right", other),
    ),
    "a pickle": lambda m: (b"cos\nsystem\n(S'true'\ntR.", sign("right", b"cos\nsystem\n(S'true'\ntR.")),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_spoilt_model_is_rejected_and_the_former_one_stays(how: str) -> None:
    """It is a dead letter with its reason, the customers are judged on by the model before, and a good one is taken."""
    trainer = Trainer()
    trainer.learn(a_lesson())
    first = trainer.snapshot()
    trainer.learn(msgspec.structs.replace(a_lesson(), inactive=False))
    second = trainer.snapshot()
    desk = Desk(secret="right")

    def told(model: Model, data: bytes, mark: str) -> None:
        desk.tell(ModelInForce(in_force=Instant(MAY), version=model.version, model=data.decode("latin-1"), seal=mark))

    told(first, first.encode(), sign("right", first.encode()))
    told(second, *SPOILT[how](second))
    assert desk.codes() == ["bad_value"]
    assert desk.processor.ctx.newest_model == first
    desk.send("purchases", purchase(MAY + DAY))
    told(second, second.encode(), sign("right", second.encode()))
    assert desk.processor.ctx.newest_model == second


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
    """A day that one partition has not reported stays open; the margin counts from the newest instant of all."""
    sums = Sums(2, Policy(), margin=HOUR)
    day = MAY // DAY
    assert sums.add(Report(0, day, MAY + 2 * DAY, {})) is None
    assert sums.add(Report(0, day, MAY + 2 * DAY, {})) is None
    figures = sums.add(Report(1, day, MAY + 5 * DAY, {}))
    assert figures is not None
    assert figures.in_force == MAY + 5 * DAY + HOUR
    assert sums.add(Report(1, day, MAY + 5 * DAY, {})) is None

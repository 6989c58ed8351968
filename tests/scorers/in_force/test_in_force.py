"""Control records of a partition: when they come into force, which are rejected, and how days are closed."""

from collections.abc import Callable, Sequence

import msgspec
import pytest

from scorers.contract.alarms import Subject
from scorers.contract.events import DAY, HOUR, Instant
from scorers.in_force.control import FiguresInForce, GroupInForce, ModelInForce, PolicyInForce
from scorers.policy.reading import parse_policy
from scorers.policy.tables import Policy
from scorers.risk.model import FORMAT, Model
from scorers.risk.training import Trainer
from streams.worker.reports import Report, Sums
from tests.support.desk import MAY, Desk, a_lesson, figures
from tests.support.driver import purchase


def test_control_records_never_change_the_past() -> None:
    """Figures for an instant that was judged already come into force just after it, and that is counted."""
    desk = Desk()
    desk.send("purchases", purchase(MAY + 9 * DAY))
    desk.control(figures(desk.policy, 19_840, MAY))
    point, ctx = desk.processor.state.progress, desk.processor.ctx
    assert point.late == 1
    assert ctx.figures(MAY + 9 * DAY).version == "none"
    assert ctx.figures(MAY + 9 * DAY + 1).version == ctx.newest_figures.version != "none"
    desk.control(figures(desk.policy, 19_850, MAY + 20 * DAY))
    assert desk.processor.state.progress.late == 1


def test_what_is_in_force_survives_a_restart() -> None:
    """Figures, models and the policy are rows of the partition: the next run judges by them at once."""
    desk = Desk()
    model = Trainer()
    model.learn(a_lesson())
    snapshot = model.snapshot()
    desk.control(figures(desk.policy, 19_840, MAY))
    desk.control(ModelInForce(in_force=Instant(MAY), version=snapshot.version, model=snapshot.encode().decode()))
    text = "[risk]\nhorizon = '28d'\n"
    desk.control(PolicyInForce(in_force=Instant(0), version=parse_policy(text).version, text=text))
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
        desk.control(figures(desk.policy, MAY // DAY - 2, MAY - DAY))
        desk.tick(MAY)
    assert one.processor.ctx.newest_figures.ranked == 60
    assert one.processor.ctx.newest_figures.base is two.processor.ctx.newest_figures.base
    one.flush()
    one.open()
    one.tick(MAY + HOUR)
    assert one.processor.ctx.newest_figures.base is two.processor.ctx.newest_figures.base


def _newer(model: Model) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(model, format=FORMAT + 1))


SPOILT: dict[str, Callable[[Model], bytes]] = {
    "altered": lambda m: m.encode().replace(b'"intercept":', b'"intercept":1'),
    "truncated": lambda m: m.encode()[:-40],
    "newer": _newer,
    "of other features": lambda m: msgspec.structs.replace(m, features_version="0").encode(),
    "a pickle": lambda m: b"cos\nsystem\n(S'true'\ntR.",
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_spoilt_model_is_rejected_and_the_former_one_stays(how: str) -> None:
    """Though its signature is right, it is a dead letter with its reason, and a good one is adopted after it."""
    first, second = models(2)
    desk = Desk()
    desk.control(model_in_force(first, MAY))
    data = SPOILT[how](second).decode("latin-1")
    desk.control(ModelInForce(in_force=Instant(MAY), version=second.version, model=data))
    assert desk.codes() == ["bad_value"]
    assert desk.processor.ctx.newest_model == first
    desk.send("purchases", purchase(MAY + DAY))
    desk.control(model_in_force(second, MAY))
    assert desk.processor.ctx.newest_model == second


def models(count: int) -> list[Model]:
    """Models, each of which has learned a lesson more."""
    trainer, found = Trainer(), []
    for number in range(count):
        trainer.learn(msgspec.structs.replace(a_lesson(), inactive=bool(number % 2)))
        found.append(trainer.snapshot())
    return found


def model_in_force(model: Model, at: int) -> ModelInForce:
    return ModelInForce(in_force=Instant(at), version=model.version, model=model.encode().decode())


def policy_in_force(text: str, sent: int) -> PolicyInForce:
    version = parse_policy(text).version
    return PolicyInForce(in_force=Instant(0), version=version, text=text, sent=Instant(sent))


LONG, SHORT = "[risk]\nhorizon = '90d'\n", "[risk]\nhorizon = '28d'\n"


@pytest.mark.parametrize("restart", [False, True])
def test_nothing_old_comes_into_force_again(restart: bool) -> None:
    """A record that was signed and sent once is told again: it is ignored and counted, also by the next run."""
    one, two, three = models(3)
    desk = Desk()
    old = [
        figures(desk.policy, 19_840, MAY),
        model_in_force(one, MAY),
        model_in_force(two, MAY),
        policy_in_force(LONG, MAY),
    ]
    new = [figures(desk.policy, 19_841, MAY + DAY), model_in_force(three, MAY + DAY), policy_in_force(SHORT, MAY + DAY)]
    for control in (*old, *new):
        desk.control(control)
    if restart:
        desk.flush()
        desk.open()
    desk.send("purchases", purchase(MAY + 9 * DAY))
    before = in_force(desk)
    for control in (*old, *new, *old):
        desk.control(control)
    assert in_force(desk) == before
    assert before[1:] == (three.version, parse_policy(SHORT).version)
    assert desk.codes() == []
    assert desk.metrics.registry.get_sample_value("vigia_control_repeats_total") == 11


def in_force(desk: Desk) -> tuple[int, str, str]:
    """The figures, the model and the policy that verdicts use now."""
    ctx = desk.processor.ctx
    return ctx.newest_figures.in_force, ctx.newest_model.version, ctx.policy_version


def test_an_old_policy_is_ignored_although_the_newest_changed_nothing() -> None:
    """A worker that starts with the policy that is on the clock still learns how new it is."""
    desk = Desk(SHORT)
    desk.control(policy_in_force(SHORT, MAY + DAY))
    desk.control(policy_in_force(LONG, MAY))
    assert desk.processor.ctx.policy_version == parse_policy(SHORT).version
    desk.control(policy_in_force(LONG, MAY + 2 * DAY))
    assert desk.processor.ctx.policy_version == parse_policy(LONG).version


def test_an_old_report_of_a_group_is_ignored() -> None:
    """A report is adopted once, and none for an earlier instant; another one for the same instant corrects it."""
    desk = Desk()

    def report(at: int, complaints: int) -> dict[str, int]:
        at, subject = Instant(at), Subject("store", "S1")
        desk.control(GroupInForce(in_force=at, reported=at, subject=subject, values={"complaints": complaints}))
        return dict(desk.processor.ctx.group("store", "S1", MAY + 90 * DAY))

    assert report(MAY, 3) == {"complaints": 3}
    assert report(MAY, 4) == {"complaints": 4}
    assert report(MAY, 3) == {"complaints": 4}
    assert report(MAY + DAY, 0) == {"complaints": 0}
    assert report(MAY, 4) == {"complaints": 0}
    desk.flush()
    desk.open()
    desk.tick(MAY + DAY)
    assert report(MAY, 9) == {"complaints": 0}


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
        return [day.figures for report in [*told, *told] if (day := sums.add(report))]

    assert closed([whole]) == closed(halves)
    assert [control.day for control in closed(halves)] == days
    assert closed(halves)[-1].bounds


def test_figures_wait_for_every_partition_and_come_in_force_after_what_was_judged() -> None:
    """A day that one partition has not reported stays open; the margin counts from the newest instant of all."""
    sums = Sums(2, Policy(), margin=HOUR)
    day = MAY // DAY
    assert sums.add(Report(0, day, MAY + 2 * DAY, {})) is None
    assert sums.add(Report(0, day, MAY + 2 * DAY, {})) is None
    closed = sums.add(Report(1, day, MAY + 5 * DAY, {}))
    assert closed is not None
    assert closed.figures.in_force == MAY + 5 * DAY + HOUR
    assert sums.add(Report(1, day, MAY + 5 * DAY, {})) is None

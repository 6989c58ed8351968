"""Features, rules, model and trainer: what the score is made of, and that it is honest."""

import hashlib
import math
import random
import struct
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorers.contract.events import DAY, Instant
from scorers.contract.lessons import Lesson
from scorers.customer.state import Customer
from scorers.in_force.base_rhythm import BaseRhythm
from scorers.risk.columns import FEATURES_VERSION, INDEX, NAMES, WIDTH, pack_features, unpack_features
from scorers.risk.features import features
from scorers.risk.model import UNTRAINED, Model
from scorers.risk.prior import Population
from scorers.risk.rules import rules_risk
from scorers.risk.training import SEASONS_FROM, Trainer

NOTHING = BaseRhythm.of({}, {})
HORIZON = 30 * DAY
START = 10_000 * DAY


def buyer(*days: float) -> Customer:
    """A customer with a purchase of 20.00 on each of these days."""
    c = Customer("c1")
    for day in days:
        at = START + round(day * DAY)
        c.rhythm.visit(at)
        c.spending.days.append(at // DAY)
        c.spending.takings.append(2000)
        c.purchases.count += 1
        c.purchases.last = at
        c.spending.amount_minor += 2000
    return c


def at(day: float) -> int:
    """An instant."""
    return START + round(day * DAY)


def lessons(many: int, seed: int = 1, days: int = 300) -> list[Lesson]:
    """Answers in a world of Poisson buyers of two paces, some of whom left; money tells the leavers a little."""
    world = random.Random(seed)
    found = []
    for n in range(many):
        pace = world.choice((6.0, 40.0))
        first, left = world.uniform(0, 200), world.random() < 0.3
        asked = 200 + days * n / many
        ends = first + (asked - first) * world.random() if left else math.inf
        c, day, after = Customer(f"c{n}"), first, None
        while day < min(asked + 30, ends):
            if day <= asked:
                c.rhythm.visit(at(day))
                c.spending.days.append(at(day) // DAY)
                c.purchases.count += 1
                c.spending.amount_minor += round(2000 * world.lognormvariate(-0.5 if left else 0.5, 0.5))
            elif after is None:
                after = day - asked
            day += world.expovariate(1 / pace)
        now = at(asked)
        found.append(
            Lesson(
                customer_id=c.id,
                asked_at=Instant(now),
                answered_at=Instant(now + HORIZON + DAY),
                horizon=HORIZON,
                features=tuple(features(c, now, HORIZON, NOTHING)),
                inactive=after is None,
                bought_after=None if after is None else round(after * DAY),
                rules=rules_risk(c, now, HORIZON, NOTHING),
                predicted=0.5,
                model_version="cold",
                features_version=FEATURES_VERSION,
            )
        )
    return found


WORLD = lessons(2500)


def loss(told: list[tuple[float, bool]]) -> float:
    """Mean log-loss."""
    return -sum(math.log(p if y else 1 - p) for p, y in told) / len(told)


def trained(some: list[Lesson]) -> Trainer:
    """A trainer after these lessons."""
    trainer = Trainer()
    for lesson in some:
        trainer.learn(lesson)
    return trainer


# --- features -----------------------------------------------------------------------------------------------------


def test_what_is_unknown_is_zero() -> None:
    """For a customer with purchases alone every column of signals is exactly 0."""
    x = features(buyer(0, 7, 14), at(20), HORIZON, NOTHING)
    assert len(x) == len(NAMES) == WIDTH == len(set(NAMES))
    silent = NAMES[INDEX["trips"] : INDEX["season_sin"]]
    assert {name for name in silent if x[INDEX[name]]} == set()
    assert x[INDEX["overdue"]] < 0 < x[INDEX["silence"]]


def test_the_order_of_columns_belongs_to_their_version() -> None:
    """Rows, lessons and models keep columns by place: whoever changes them must change the version and this digest."""
    digest = hashlib.sha256(" ".join(NAMES).encode()).hexdigest()[:12]
    assert (FEATURES_VERSION, digest) == ("1", "69ef06719edc")


def test_counts_are_of_purchases_up_to_the_instant() -> None:
    """The windows of the counts end at the instant asked and are measured in horizons."""
    c = buyer(0, 50, 70, 100, 110, 118)
    x = features(c, at(120), HORIZON, NOTHING)
    counts = [
        round(math.expm1(x[INDEX[f"bought_{span}"]]))
        for span in ("half_horizon", "horizon", "two_horizons", "four_horizons")
    ]
    assert counts == [2, 3, 4, 5]


@given(st.lists(st.one_of(st.just(0.0), st.floats(-60_000, 60_000, width=16)), min_size=WIDTH, max_size=WIDTH))
def test_packed_features_come_back(x: list[float]) -> None:
    """Packing loses nothing, and zeros cost a bit each."""
    assert unpack_features(pack_features(x)) == x
    assert len(pack_features(x)) == (WIDTH + 7) // 8 + 2 * sum(value != 0 for value in x)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(0, 400 * DAY), min_size=1, max_size=20), st.integers(0, 4000 * DAY), st.integers(1, 700))
def test_any_history_has_finite_features(gaps: list[int], silence: int, horizon: int) -> None:
    """Columns are finite 16-bit floats and rules and model give probabilities, whatever the history."""
    c, now = Customer("c1"), START
    for gap in gaps:
        now += gap
        c.rhythm.visit(now)
        c.spending.days.append(now // DAY)
    x = features(c, now + silence, horizon * DAY, NOTHING)
    assert all(math.isfinite(value) and struct.unpack("e", struct.pack("e", value))[0] == value for value in x)
    rules = rules_risk(c, now + silence, horizon * DAY, NOTHING)
    assert 0 <= rules <= 1
    assert 0 <= MODEL.risk(x, rules) <= 1


# --- rules --------------------------------------------------------------------------------------------------------


def test_rules_judge_silence_by_the_own_rhythm() -> None:
    """Risk rises with silence, and the same silence says more of a weekly buyer than of a monthly one."""
    weekly, monthly = buyer(*range(0, 210, 7)), buyer(*range(0, 210, 30))
    risks = [rules_risk(weekly, weekly.rhythm.last + silence * DAY, HORIZON, NOTHING) for silence in (0, 7, 21, 60)]
    assert all(earlier < later for earlier, later in pairwise(risks))
    assert risks[0] < 0.15
    assert risks[-1] > 0.8
    assert rules_risk(monthly, monthly.rhythm.last + 35 * DAY, HORIZON, NOTHING) < 0.6


def test_rules_use_what_the_customer_says() -> None:
    """Low satisfaction raises the risk, high satisfaction lowers it, an exit makes it nearly certain."""
    c = buyer(0, 20, 40, 60)
    now = at(80)
    plain = rules_risk(c, now, HORIZON, NOTHING)
    c.opinion.marks, c.opinion.mood = 1, 1.0
    unhappy = rules_risk(c, now, HORIZON, NOTHING)
    c.opinion.mood = 5.0
    happy = rules_risk(c, now, HORIZON, NOTHING)
    assert happy < plain < unhappy
    c.exit.at = now
    assert rules_risk(c, now, HORIZON, NOTHING) > 0.95


# --- model and trainer --------------------------------------------------------------------------------------------

MODEL = trained(WORLD).snapshot()


def test_an_untrained_model_gives_the_risk_by_rules() -> None:
    """A new trainer's snapshot is the untrained model, whose risk is the risk by rules to the bit."""
    assert Trainer().snapshot() == UNTRAINED
    assert UNTRAINED.risk([0.1] * WIDTH, 0.123) == 0.123
    assert UNTRAINED.contributions([0.1] * WIDTH, 0.5) == [("rules", 0.0)]


def test_weight_goes_to_the_component_that_predicts_best() -> None:
    """The rules keep nearly all weight for the first lessons and lose it to the learned components that beat them."""
    assert trained(WORLD[:20]).weights()[0] > 0.7
    assert trained(WORLD).weights()[0] < 0.1
    assert sum(trained(WORLD[:300]).weights()) == pytest.approx(1)


def test_the_model_beats_rules_and_prior_on_what_it_has_not_seen() -> None:
    """On fresh customers of the same world the model has a lower loss than the rules, and is calibrated."""
    told = [(MODEL.risk(lesson.features, lesson.rules), lesson.rules, lesson.inactive) for lesson in lessons(1500, 2)]
    assert loss([(p, y) for p, _, y in told]) < loss([(rules, y) for _, rules, y in told]) - 0.01
    assert abs(sum(p for p, _, _ in told) - sum(y for _, _, y in told)) < 0.03 * len(told)


def test_do_no_harm() -> None:
    """Where the prior is the whole truth, the model with all its columns is hardly behind the prior alone."""
    prior = msgspec.structs.replace(MODEL, weights=(0.0, 1.0, 0.0))
    bland = [msgspec.structs.replace(lesson, features=without_money(lesson)) for lesson in WORLD]
    model = trained(bland).snapshot()
    fresh = [(without_money(lesson), lesson) for lesson in lessons(1500, 3)]
    ours = loss([(model.risk(x, lesson.rules), lesson.inactive) for x, lesson in fresh])
    theirs = loss([(prior.risk(x, lesson.rules), lesson.inactive) for x, lesson in fresh])
    assert ours < theirs + 0.005


def bgnbd(many: int, seed: int) -> list[Lesson]:
    """Answers in a world made by BG/NBD's own process: gamma paces, and a beta chance to stop after each purchase."""
    world, found = random.Random(seed), []
    for n in range(many):
        pace, stops = world.gammavariate(0.8, 0.08), world.betavariate(0.8, 2.5)
        c, day, asked, after = Customer(f"c{n}"), 0.0, world.uniform(60, 260), None
        while day < asked + 30:
            if day <= asked:
                c.rhythm.visit(at(day))
                c.spending.days.append(at(day) // DAY)
                c.purchases.count += 1
            elif after is None:
                after = day - asked
            if world.random() < stops:
                break
            day += world.expovariate(pace)
        now = at(asked + 300 * n / many)
        columns = features(c, at(asked), HORIZON, NOTHING)
        found.append(
            Lesson(
                customer_id=c.id,
                asked_at=Instant(now),
                answered_at=Instant(now + HORIZON + DAY),
                horizon=HORIZON,
                features=tuple(columns),
                inactive=after is None,
                rules=rules_risk(c, at(asked), HORIZON, NOTHING),
                predicted=0.5,
                model_version="cold",
                features_version=FEATURES_VERSION,
            )
        )
    return found


def ranked(told: list[tuple[float, bool]]) -> float:
    """AUC: the chance that one who stays away is ranked over one who comes."""
    place = sorted(told)
    gone = sum(y for _, y in place)
    higher = sum(n for n, (_, y) in enumerate(place, 1) if y)
    return (higher - gone * (gone + 1) / 2) / (gone * (len(place) - gone))


def test_do_no_harm_where_the_prior_is_the_truth() -> None:
    """On data made by BG/NBD's own process the model is never behind the streaming prior alone by more than .005."""
    model = trained(sorted(bgnbd(4000, 11), key=lambda lesson: lesson.answered_at)).snapshot()
    alone = msgspec.structs.replace(model, weights=(0.0, 1.0, 0.0))
    fresh = bgnbd(3000, 12)
    ours, theirs = (
        ranked([(who.risk(lesson.features, lesson.rules), lesson.inactive) for lesson in fresh])
        for who in (model, alone)
    )
    assert theirs > 0.8
    assert ours > theirs - 0.005


def without_money(lesson: Lesson) -> tuple[float, ...]:
    """The features with all columns of money empty."""
    return tuple(0.0 if INDEX["spent"] <= i < INDEX["season_sin"] else x for i, x in enumerate(lesson.features))


def test_contributions_add_up() -> None:
    """The contributions of a risk add up to its log-odds."""
    for lesson in WORLD[:50]:
        p = MODEL.risk(lesson.features, lesson.rules)
        shares = MODEL.contributions(lesson.features, lesson.rules)
        assert sum(weight for _, weight in shares) == pytest.approx(math.log(p / (1 - p)))
        assert {name for name, _ in shares} <= {*NAMES, "rules", "prior"}


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 400))
def test_a_restored_trainer_makes_the_same_models(cut: int) -> None:
    """Restored at any lesson, a trainer ends at the same model."""
    whole, first = trained(WORLD[:400]), trained(WORLD[:cut])
    restored = Trainer.decode(first.encode())
    assert restored.encode() == first.encode()
    for lesson in WORLD[cut:400]:
        restored.learn(lesson)
    assert restored.snapshot() == whole.snapshot()
    assert restored.encode() == whole.encode()


def test_bytes_that_are_no_model_or_state_are_refused() -> None:
    """A model survives encoding to the bit; bytes that were changed, or are of other features, are a named error."""
    data = MODEL.encode()
    assert Model.decode(data) == MODEL
    assert Model.decode(UNTRAINED.encode()) == UNTRAINED
    with pytest.raises(ValueError, match="was changed after it was made"):
        Model.decode(data.replace(b'"intercept":', b'"intercept":1'))
    with pytest.raises(ValueError, match="not a risk model"):
        Model.decode(b"\x80\x04.")
    with pytest.raises(ValueError, match="train a new one"):
        Model.decode(msgspec.structs.replace(MODEL, features_version="0").encode())
    with pytest.raises(ValueError, match="not a trainer's state"):
        Trainer.decode(b"{}")


def test_a_state_of_another_shape_is_refused() -> None:
    """A trainer's state with a weight or a column too few is a named error."""
    state = msgspec.msgpack.decode(trained(WORLD[:5]).encode())
    for part, wrong in (("scaler", "a scaler of 56 columns"), ("sgd", "AdaGrad over 83 weights")):
        fields = dict(state[part])
        first = "mean" if part == "scaler" else "weights"
        fields[first] = fields[first][1:]
        with pytest.raises(ValueError, match=wrong):
            Trainer.decode(msgspec.msgpack.encode(state | {part: fields}))


def test_lessons_of_other_features_are_ignored() -> None:
    """A lesson of another features version is ignored."""
    trainer = trained([msgspec.structs.replace(WORLD[0], features_version="0")])
    assert trainer.lessons == 0
    assert trainer.snapshot() == UNTRAINED


def test_the_season_weighs_nothing_in_the_first_year() -> None:
    """The columns of the season weigh nothing until part of the year was seen twice."""
    assert WORLD[-1].asked_at - WORLD[0].asked_at < SEASONS_FROM
    season = INDEX["season_cos"]
    assert MODEL.champion.coefficients[season] == 0
    assert trained(lessons(300, days=700)).snapshot().champion.coefficients[season] != 0


def test_a_model_has_the_learned_population() -> None:
    """The snapshot holds the learned population and not the default."""
    assert MODEL.population != Population()

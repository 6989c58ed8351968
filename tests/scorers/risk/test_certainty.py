"""How certain a risk may be: no more than the base has shown at that end."""

import math
import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorers.contract.events import DAY, Instant
from scorers.contract.lessons import Lesson
from scorers.risk.columns import FEATURES_VERSION, WIDTH
from scorers.risk.log_odds import logit, sigmoid
from scorers.risk.mixture import BEND, UNSHOWN, Certainty, bounded
from scorers.risk.model import RANGES, UNTRAINED, Model, version_of
from scorers.risk.training import Trainer

HORIZON = 30 * DAY
START = 10_000 * DAY
SURE = 0.9999
SILENT = [math.log(30.0), *(0.0 for _ in range(WIDTH - 1))]


def surely(inactive: bool, n: int) -> Lesson:
    """An answer to a forecast of the rules that could hardly be more certain."""
    asked = START + n * DAY // 20
    return Lesson(
        customer_id=f"c{n}",
        asked_at=Instant(asked),
        answered_at=Instant(asked + HORIZON + DAY),
        horizon=HORIZON,
        features=tuple(SILENT),
        inactive=inactive,
        rules=SURE,
        predicted=SURE,
        model_version="cold",
        features_version=FEATURES_VERSION,
    )


def taught(share: float, many: int = 2000, voices: tuple[float, ...] = ()) -> Trainer:
    """A trainer after so many answers, of which a share were what everything had forecast."""
    world, trainer = random.Random(3), Trainer()
    for n in range(many):
        lesson = surely(world.random() < share, n)
        trainer.learn(msgspec.structs.replace(lesson, voices=voices))
    return trainer


def all_sure(model: Model) -> Model:
    """The model with the rules' weight only, so that its forecast is theirs."""
    return msgspec.structs.replace(model, weights=(1.0 - 1e-12, 1e-12, 0.0))


@pytest.mark.parametrize("shown", [0.8, 0.9, 0.97])
def test_no_risk_is_more_certain_than_the_base_has_shown(shown: float) -> None:
    """Forecasts of .9999 that came true in nine of ten are told as about .9, and never more."""
    told = all_sure(taught(shown).snapshot()).risk(SILENT, SURE)
    assert shown - 0.05 < told < shown + 0.02


def test_what_the_base_has_shown_may_be_told() -> None:
    """Where certain forecasts have always come true the risk may be more certain than it was before any answer."""
    told = all_sure(taught(1.0, 4000).snapshot()).risk(SILENT, SURE)
    assert told > UNTRAINED.risk(SILENT, SURE) + 0.003


def test_the_other_end_has_bounds_of_its_own() -> None:
    """Surprises at one end say nothing of the other."""
    model = taught(0.8).snapshot()
    assert model.bounds[0] == UNSHOWN[0]
    assert model.bounds[1] < 2.0


def test_before_any_answer_nothing_is_certain() -> None:
    """The rules alone are told as they are between 3 % and 97 %, and within 1 % and 99 % otherwise."""
    assert UNTRAINED.risk(SILENT, 0.9) == 0.9
    assert 0.97 < UNTRAINED.risk(SILENT, 1.0) <= 0.99
    assert 0.01 <= UNTRAINED.risk(SILENT, 0.0) < 0.03


def test_what_members_would_tell_is_judged_and_not_what_was_told() -> None:
    """A ceiling that has come down goes up again when certain forecasts come true, though none was told any more."""
    certainty = Certainty()
    for n in range(1000):
        certainty.learn(8.0, n % 5 > 0, 0.25)
    low = certainty.bounds()[1]
    certainty.age(0.01)
    for _ in range(1000):
        certainty.learn(8.0, True, 0.25)
    assert low < 1.6 < 4.6 < certainty.bounds()[1]


def test_contributions_add_up_to_a_bounded_risk() -> None:
    """The contributions of a risk that was bent towards its ceiling still add up to its log-odds."""
    model = taught(0.9, voices=(9.0, 9.0, 9.0)).snapshot()
    risk = model.risk(SILENT, SURE)
    assert sum(weight for _, weight in model.contributions(SILENT, SURE)) == pytest.approx(logit(risk))


@given(st.floats(-30, 30), st.floats(0, 5), st.floats(1.5, 8), st.floats(1.5, 8))
def test_bending_keeps_order_and_the_middle(z: float, more: float, low: float, high: float) -> None:
    """Bounded log-odds lie within the bounds, keep their order, and are unchanged in the middle."""
    ends = (-low, high)
    found = bounded(z, ends)
    assert -low <= found <= high
    assert found <= bounded(z + more, ends)
    if BEND - low <= z <= high - BEND:
        assert found == z
    assert sigmoid(found) == pytest.approx(1.0 - sigmoid(bounded(-z, (-high, low))))


def test_a_model_of_the_format_before_is_read() -> None:
    """A model without bounds keeps its version, and gets those of a base that has shown nothing."""
    model = taught(0.9, 50).snapshot()
    fields = msgspec.json.decode(msgspec.structs.replace(model, version="", format=1).encode())
    del fields["bounds"]
    for learner in (fields["champion"], *fields["challengers"]):
        del learner["kept"]
    old_self = msgspec.structs.replace(model.champion, kept=(1.0,) * RANGES)
    fields["version"] = version_of(msgspec.structs.replace(model, champion=old_self, format=1))
    old = Model.decode(msgspec.json.encode(fields))
    assert old.bounds == UNSHOWN
    assert set(old.champion.kept) == {1.0}
    assert Model.decode(old.encode()) == old
    with pytest.raises(ValueError, match="was changed after it was made"):
        Model.decode(msgspec.json.encode(fields | {"drifted": 1}))


def test_an_uncertain_logistic_is_less_certain() -> None:
    """What is not known of the weights takes certainty from the champion, less with each answer, and none from SGD."""
    young, old = taught(0.7, 20).snapshot(), taught(0.7, 800).snapshot()
    assert min(young.champion.kept) < min(old.champion.kept) < 1.0
    assert set(old.challengers[0].kept) == {1.0}
    sure = msgspec.structs.replace(young.champion, kept=(1.0,) * RANGES)
    for prior in (-30.0, -2.1, 0.3, 2.49, 2.51, 30.0):
        all_of_it = sure.log_odds(prior, SILENT)
        assert young.champion.log_odds(prior, SILENT) == pytest.approx(all_of_it * young.champion.kept_at(prior))
    assert young.champion.kept_at(-30.0) == young.champion.kept[0]
    assert young.champion.kept_at(30.0) == young.champion.kept[-1]


def test_a_state_without_counts_is_read() -> None:
    """The state of a trainer of the release before has shown nothing yet."""
    fields = msgspec.msgpack.decode(taught(0.8, 200).encode())
    del fields["certainty"], fields["uncertainty"]
    assert Trainer.decode(msgspec.msgpack.encode(fields)).snapshot().bounds == UNSHOWN

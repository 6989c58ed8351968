"""Champion, challengers and drift: the champion changes on evidence alone, and a change of regime is found and met."""

import math
import random
from bisect import bisect_right

import msgspec
import pytest

from scorers.contract.events import DAY, Instant
from scorers.contract.lessons import MEMBERS, Lesson
from scorers.risk.champion_challenger import ChampionChallenger
from scorers.risk.columns import FEATURES_VERSION, INDEX, NAMES, WIDTH, pack_floats, unpack_floats
from scorers.risk.log_odds import sigmoid
from scorers.risk.model import FORMAT, KNOTS, UNTRAINED, LinearModel, Model, version_of
from scorers.risk.training import Trainer
from scorers.risk.watch.drift import DriftDetector
from streams.records.lessons import decode_lesson, encode_lesson

HORIZON = 30 * DAY
START = 10_000 * DAY


MONEY, MOODS = ("basket", "spend_trend"), ("satisfaction", "tone")


def shop(
    days: int, turns: float = math.inf, per_day: int = 12, seed: int = 1, by: tuple[str, str] = MONEY
) -> list[Lesson]:
    """Questions of a shop where big baskets stay, until a day on which a competitor opens and takes just those.

    `by` names the columns that customers go by.
    """
    world, found = random.Random(seed), []
    for n in range(per_day * days):
        day, x = n / per_day, dict.fromkeys(NAMES, 0.0)
        silence, basket, trend = world.uniform(0, 40), world.gauss(3, 1), world.gauss(0, 1)
        x |= {"horizon": math.log(30), "occasions": math.log(6), "silence": math.log1p(silence)}
        x |= {"paced_gaps": math.log1p(5), "paced_days": math.log1p(80), by[0]: basket, by[1]: trend}
        z = -1.2 + 0.05 * silence - 0.8 * (basket - 3) - 0.5 * trend
        if day >= turns:
            z = 0.2 + 0.05 * silence + 0.8 * (basket - 3) + 0.5 * trend
        found.append(
            Lesson(
                customer_id=f"c{n}",
                asked_at=Instant(round(START + day * DAY)),
                answered_at=Instant(round(START + day * DAY) + HORIZON + DAY),
                horizon=HORIZON,
                features=tuple(x.values()),
                inactive=world.random() < sigmoid(z),
                rules=0.3,
                predicted=0.3,
                model_version="cold",
                features_version=FEATURES_VERSION,
            )
        )
    return found


class Lived:
    """A trainer that lives through lessons day by day; each is told by the model in force when it was asked."""

    def __init__(self, lessons: list[Lesson], champion: str = "auto", deaf: bool = False) -> None:
        self.trainer, self.news, self.loss = Trainer(), list[tuple[int, str]](), list[tuple[float, float]]()
        self.models, times, today = [UNTRAINED], [0], 0
        for lesson in lessons:
            day = int(lesson.answered_at) // DAY
            if day != today:
                today = day
                times.append(day * DAY)
                self.models.append(self.trainer.snapshot(champion))
                self.news += [(day - START // DAY, news) for news in self.trainer.take_notices()]
            if deaf:
                self.trainer.drift = DriftDetector()
            model = self.models[bisect_right(times, lesson.asked_at) - 1]
            p = model.risk(lesson.features, lesson.rules)
            asked = (int(lesson.asked_at) - START) / DAY
            self.loss.append((asked, -math.log(p if lesson.inactive else 1 - p)))
            voices = unpack_floats(pack_floats(model.member_log_odds(lesson.features)))
            self.trainer.learn(msgspec.structs.replace(lesson, predicted=p, voices=voices))

    def mean(self, since: float, until: float) -> float:
        """Log-loss of what was told between two days."""
        told = [loss for day, loss in self.loss if since <= day < until]
        return sum(told) / len(told)


CALM = shop(330)
TURNED = shop(450, turns=300)


# --- champion and challengers --------------------------------------------------------------------------------------


def learn_answers(selection: ChampionChallenger, many: int, better: float, seed: int = 1) -> None:
    """Answers on which the challenger's log-odds are so much nearer to the truth."""
    world = random.Random(seed)
    for _ in range(many):
        truth = world.gauss(0, 1)
        selection.learn((truth + world.gauss(0, better), truth), world.random() < sigmoid(truth), 0.25)


def test_a_large_and_significant_gain_changes_the_champion() -> None:
    """A gain in few lessons or a tiny gain changes nothing; a large gain over many lessons does."""
    few, hair, much = ChampionChallenger(), ChampionChallenger(), ChampionChallenger()
    learn_answers(few, 200, 1.0)
    learn_answers(hair, 20_000, 0.02)
    learn_answers(much, 2_000, 1.0)
    assert (few.select(), hair.select(), much.select()) == (False, False, True)
    assert (much.champion, much.changes) == ("sgd", 1)
    assert not much.select()  # its own evidence begins anew
    assert hair.evidence["sgd"].errors() > few.evidence["sgd"].errors() or hair.evidence["sgd"].mean() < 0.002


def test_equal_learners_keep_the_champion() -> None:
    """In many shops a challenger that is as good as the champion does not replace it."""
    for seed in range(20):
        selection, world = ChampionChallenger(), random.Random(seed)
        for _ in range(2000):
            truth = world.gauss(0, 1)
            selection.learn(
                (truth + world.gauss(0, 0.3), truth + world.gauss(0, 0.3)), world.random() < sigmoid(truth), 0.25
            )
        assert not selection.select()


def test_the_policy_may_name_the_champion() -> None:
    """A learner that the policy names becomes champion and stays so whatever the evidence."""
    selection = ChampionChallenger()
    learn_answers(selection, 2_000, 1.0)
    assert selection.select()
    assert selection.select("kalman")
    learn_answers(selection, 2_000, 1.0, seed=2)
    assert not selection.select("kalman")
    assert selection.select()


def test_old_evidence_fades() -> None:
    """A gain of years ago does not change the champion."""
    selection = ChampionChallenger()
    learn_answers(selection, 2_000, 1.0)
    selection.age(2 * 365)
    assert not selection.select()


def test_lessons_of_an_untrained_model_judge_no_learner() -> None:
    """Without log-odds of members there is no evidence."""
    selection = ChampionChallenger()
    selection.learn((), True, 0.25)
    assert selection.mean_loss() == {}


def test_the_challenger_wins_where_the_prior_knows_little() -> None:
    """Where satisfaction decides, the quick learner becomes champion early and lowers the loss."""
    moody = shop(330, by=MOODS)
    elected, kept = Lived(moody), Lived(moody, champion="kalman")
    assert [news for _, news in elected.news if news.startswith("champion: kalman to sgd")]
    first = next(day for day, news in elected.news if news.startswith("champion"))
    assert not kept.news
    assert elected.mean(first, first + 60) < kept.mean(first, first + 60)
    assert elected.models[-1].champion.name == elected.trainer.selection.champion


# --- the mixture ------------------------------------------------------------------------------------------------------


def tides(days: int, per_day: int = 6) -> list[Lesson]:
    """A shop that empties and fills in the time that an answer takes: who follows the last answers is always wrong."""
    found = []
    for n, lesson in enumerate(shop(days, per_day=per_day)):
        ebb = n // per_day // 31 % 2 == 0
        found.append(
            msgspec.structs.replace(lesson, inactive=random.Random(n).random() < (0.8 if ebb else 0.2), rules=0.5)
        )
    return found


def test_hindsight_gets_no_weight() -> None:
    """Where learning always comes too late, the rules keep the weight: components are judged by what they gave when asked."""
    lived = Lived(tides(300), champion="kalman", deaf=True)
    assert lived.trainer.weights()[0] > 0.9
    assert lived.mean(200, 270) < math.log(2) + 0.05


# --- log-odds of members in models and lessons ---------------------------------------------------------------------------------


def test_a_model_gives_the_log_odds_of_each_member() -> None:
    """A model holds all learners; the risk is made of the champion's log-odds."""
    model = Lived(CALM[:1500], champion="sgd").models[-1]
    assert model.champion.name == "sgd"
    assert [one.name for one in model.challengers] == ["kalman"]
    prior, alone = (msgspec.structs.replace(model, weights=weights) for weights in ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0)))
    for lesson in CALM[:20]:
        said = dict(zip(MEMBERS, model.member_log_odds(lesson.features), strict=True))
        assert sigmoid(said["sgd"]) == pytest.approx(alone.risk(lesson.features, 0.5))
        assert sigmoid(said["prior"]) == pytest.approx(prior.risk(lesson.features, 0.5))
        assert said["sgd"] != said["kalman"]


def test_log_odds_fit_sixteen_bits() -> None:
    """The log-odds of any learner can be packed into a question."""
    flat = {"bends": (0.0,) * len(KNOTS), "coefficients": (0.0,) * WIDTH}
    wild = LinearModel("sgd", intercept=1e9, prior=0.0, **flat)
    model = Model("x", (0.0, 0.0, 1.0), UNTRAINED.population, LinearModel(**flat), (wild,))
    assert model.member_log_odds(CALM[0].features)[1] == 35.0
    pack_floats(model.member_log_odds(CALM[0].features))


def test_a_lesson_keeps_the_log_odds_of_members() -> None:
    """They survive the topic to the bit; a lesson of an untrained model has none."""
    lesson = msgspec.structs.replace(CALM[0], voices=(0.125, -3.5))
    assert decode_lesson(encode_lesson(lesson)) == lesson
    assert decode_lesson(encode_lesson(CALM[0])).voices == ()


def test_lessons_from_kafka_make_the_same_model() -> None:
    """A trainer makes the same model from lessons in process and from their records, to the bit."""
    near, far = Trainer(), Trainer()
    for n, lesson in enumerate(CALM[:800]):
        spoken = msgspec.structs.replace(lesson, voices=unpack_floats(pack_floats((0.1 * (n % 7), -0.3, 0.2))))
        near.learn(spoken)
        far.learn(decode_lesson(encode_lesson(spoken)))
    assert far.snapshot() == near.snapshot() != UNTRAINED
    assert far.encode() == near.encode()


# --- drift --------------------------------------------------------------------------------------------------------


def test_a_change_of_regime_is_found_and_learned() -> None:
    """A competitor opens: drift is found once the first answers are in, and the loss recovers faster than without detection."""
    met, deaf = Lived(TURNED, champion="kalman"), Lived(TURNED, champion="kalman", deaf=True)
    found = [day for day, news in met.news if news.startswith("drift") and "loss" in news]
    assert found
    assert 331 <= found[0] < 331 + 45
    assert deaf.news == []
    before = met.mean(240, 300)
    assert met.mean(300, found[0]) == deaf.mean(300, found[0]) > before + 0.1
    assert met.mean(360, 450) < deaf.mean(360, 450) - 0.03
    assert met.models[-1].drifted // DAY - START // DAY == found[-1] - 1  # in force from the next day on


def test_no_drift_is_found_where_nothing_changes() -> None:
    """A shop that does not change has no drift."""
    assert [news for _, news in Lived(CALM, champion="kalman").news if "drift" in news] == []


def test_a_shifted_column_is_reported_and_changes_nothing() -> None:
    """Larger baskets are reported; the model, whose predictions still hold, is not changed."""
    place = INDEX["basket"]
    lesson = CALM[0]
    detector = DriftDetector()
    rung: list[str] = []
    for _ in range(30):
        for _ in range(20):
            detector.add(0.5, random.Random(len(rung)).random() < 0.5, [0.0, 0.0, 1.5, *[0.0] * 8])
        rung += detector.end_day(0.25)
    assert lesson.features[place]
    assert "basket" in rung
    assert detector.shifts == rung.count("basket")


def test_selection_and_drift_survive_a_restart() -> None:
    """Restored in the middle of a selection and of a drift, a trainer makes the same models."""
    lived = Lived(TURNED[: 12 * 345])
    again = Trainer.decode(lived.trainer.encode())
    assert again.encode() == lived.trainer.encode()
    for lesson in TURNED[12 * 345 : 12 * 360]:
        for trainer in (again, lived.trainer):
            trainer.learn(msgspec.structs.replace(lesson, voices=(0.5, -0.5, 0.25)))
    assert again.snapshot() == lived.trainer.snapshot()
    assert again.is_adapting == lived.trainer.is_adapting


def test_a_newer_model_is_refused() -> None:
    """A model of a newer format says that the workers must be upgraded first."""
    newer = msgspec.structs.replace(Lived(CALM[:1500]).models[-1], format=FORMAT + 1)
    with pytest.raises(ValueError, match="upgrade the workers before the trainer"):
        Model.decode(newer.encode())


@pytest.mark.parametrize("part", ["bends", "coefficients", "gated"])
def test_a_model_of_another_shape_is_refused(part: str) -> None:
    """A model with a number too few names the part that lacks it."""
    model = Lived(CALM[:1500]).models[-1]
    short = msgspec.structs.replace(model.champion, **{part: getattr(model.champion, part)[1:]})
    wrong = msgspec.structs.replace(model, champion=short)
    wrong = msgspec.structs.replace(wrong, version=version_of(wrong))
    with pytest.raises(ValueError, match=f"{part}, not"):
        Model.decode(wrong.encode())

"""The judge is judged: figures against scikit-learn's, and what it scores is what a replay scores."""

import csv
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from scorers.contract.events import DAY
from scorers.contract.rfc3339 import rfc3339
from scorers.policy.spans import Span
from scorers.policy.tables import Policy
from streams.replay.replay import replay
from streams.replay.scores import ScoreSchedule
from tests.quality import rivals, worlds
from tests.quality.__main__ import origins_of, ours
from tests.quality.history import History, last_second
from tests.quality.judge import Origin, judge, margins, weighted_auc
from tests.quality.run import relearned, run
from tests.quality.sets import DataSet, simulated

SCORES = st.lists(st.tuples(st.booleans(), st.integers(1, 19)), min_size=12, max_size=60)


def origin(inactive: np.ndarray, day: int = 0) -> Origin:
    """An origin with so many customers, every second of whom bought lately."""
    who = [f"c{n:03d}" for n in range(len(inactive))]
    return Origin(day, who, inactive.astype(float), np.arange(len(inactive)) % 2 == 0)


@settings(deadline=None, max_examples=50)
@given(SCORES)
def test_figures_are_those_of_scikit_learn(scores: list[tuple[bool, int]]) -> None:
    """AUC with ties, log-loss and Brier score, over all and among recent buyers."""
    y, p = np.array([a for a, _ in scores], dtype=float), np.array([b / 20 for _, b in scores])
    figures = judge(origin(y), p)
    assert figures.brier == pytest.approx(brier_score_loss(y, p))
    assert figures.log_loss == pytest.approx(log_loss(y, p, labels=[0, 1]))
    for figure, kept in ((figures.auc, slice(None)), (figures.auc_recent, slice(None, None, 2))):
        if len(set(y[kept])) == 2:
            assert figure == pytest.approx(roc_auc_score(y[kept], p[kept]))
        else:
            assert np.isnan(figure)


@settings(deadline=None, max_examples=30)
@given(SCORES, st.integers(0, 1000))
def test_a_weight_is_a_customer_seen_so_often(scores: list[tuple[bool, int]], seed: int) -> None:
    """The AUC of a resample is that of the customers written out, each as often as drawn."""
    y, p = np.array([a for a, _ in scores], dtype=float), np.array([b / 20 for _, b in scores])
    times = np.random.default_rng(seed).integers(0, 4, len(y))
    (ours,) = weighted_auc(y, p, times[None, :].astype(float))
    many_y, many_p = np.repeat(y, times), np.repeat(p, times)
    if len(set(many_y)) == 2:
        assert ours == pytest.approx(roc_auc_score(many_y, many_p))
    else:
        assert np.isnan(ours)


def test_only_a_clear_lead_is_called_one() -> None:
    """A model that is better everywhere is ahead; one that is the same with noise is not."""
    rng = np.random.default_rng(1)
    origins = [origin(rng.random(400) < 0.4, day) for day in range(5)]
    clear = [o.inactive * 0.5 + 0.5 * rng.random(400) for o in origins]
    dull = [o.inactive * 0.1 + 0.5 * rng.random(400) for o in origins]
    same = [risk + 0.001 * rng.random(400) for risk in clear]
    found = margins(origins, {"ours": clear, "dull": dull, "same": same}, "ours")
    assert found["dull"].ahead
    assert not found["same"].ahead
    assert found["same"].se < found["dull"].se


@pytest.fixture(scope="module")
def shop() -> History:
    """Sixty customers over two years."""
    return History(worlds.corner())


def test_what_is_judged_is_what_a_replay_writes(shop: History, tmp_path: Path) -> None:
    """The run of the judge and `vigia replay` of the same events give the same risk to nine digits."""
    policy = Policy()
    policy = msgspec.structs.replace(policy, risk=msgspec.structs.replace(policy.risk, horizon=Span(45 * DAY)))
    at = [last_second(shop.start + day) for day in (250, 400, 600)]
    asked, tape = run(shop.lines(), policy, at)
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(shop.lines()))
    replay([str(tmp_path / "events.jsonl")], tmp_path, policy, ScoreSchedule(at=tuple(at)))
    with (tmp_path / "scores.csv").open(newline="") as table:
        replayed = {(row["time"], row["customer_id"]): row["risk"] for row in csv.DictReader(table)}
    ours = {
        (rfc3339(question.at), who): f"{risk:.9g}"
        for question in asked
        for who, risk in zip(question.who, question.risks(question.model), strict=True)
    }
    assert len(ours) > 100
    assert ours == replayed
    again = relearned(tape, asked, np.ones(asked[0].columns.shape[1]))
    for question, risks in zip(asked, again, strict=True):
        assert risks == pytest.approx(question.risks(question.model), abs=1e-12)


def test_labels_are_of_the_days_after(shop: History) -> None:
    """Inactive is who has no purchase on the days (t, t + H]; nobody is asked about before the first purchase."""
    found = shop.origin(shop.start + 300, 45)
    assert 0 < found.inactive.sum() < len(found.who)
    for who, inactive, recent in zip(found.who, found.inactive, found.recent, strict=True):
        days = shop.bought[who]
        assert days[0] <= found.day
        assert inactive == (not any(found.day < day <= found.day + 45 for day in days))
        assert recent == any(found.day - 45 < day <= found.day for day in days)


def test_rivals_see_nothing_later(shop: History) -> None:
    """Every rival says the same at an origin when all that came after it is cut off."""
    day, horizon = shop.start + 400, 45
    cut = History([fact for fact in shop.facts if fact.at <= last_second(day)])
    whole = rivals.risks_of(shop, [shop.origin(day, horizon)], horizon)
    past = rivals.risks_of(cut, [cut.origin(day, horizon)], horizon)
    assert list(whole) == list(rivals.NAMES)
    for name in rivals.NAMES:
        assert whole[name][0] == pytest.approx(past[name][0])


@pytest.mark.parametrize("world", ["subscription", "gifts", "b2b", "corner"])
def test_a_world_is_always_the_same_and_in_order(world: str) -> None:
    """The same purchases on every call, in order of time, all of them well formed."""
    made = getattr(worlds, world)
    facts = made()
    assert facts == made()
    assert all(a.at <= b.at for a, b in pairwise(facts))
    assert min(fact.amount_minor for fact in facts) > 0


def test_a_business_with_sites_and_stores_can_be_judged() -> None:
    """Those who are asked about are the customers who have bought, whatever else the events are about."""
    history = simulated(customers=40, days=120, seed=5)
    assert b'"staff.pulse"' in b"".join(history.lines()) or b'"store_id"' in b"".join(history.lines())
    data = DataSet(lambda: history, 30, 60)
    origins = origins_of(history, data)
    asked, _ = ours(history, data, origins)
    assert len(asked) == len(origins) > 0
    assert all(question.who for question in asked)

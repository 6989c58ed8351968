"""The chance to save of an effort: as the hold-out has measured it, else the policy's (J7)."""

import pytest
from msgspec.structs import replace

from scorers.contract.events import DAY
from scorers.contract.rfc3339 import parse_instant
from scorers.customer.parts.effort import Effort
from scorers.in_force.figures import no_figures
from scorers.in_force.uplift import TREATMENTS
from scorers.worklist.effort import chance_to_save
from scorers.worklist.entry import render_entry
from tests.support.driver import Driver, purchase

START = int(parse_instant("2024-01-01T10:00:00Z"))
FREE = "[worklist]\ngiven_away = 0.0\n[worklist.cost_minor]\n" + "".join(f"{name} = 0\n" for name in TREATMENTS[:9])


def reading(learned: tuple[float, ...]) -> tuple[Driver, Effort]:
    """What an effort brings for a weekly customer who is late, where it costs nothing."""
    driver = Driver(FREE, figures=False)
    driver.ctx.adopt_figures(replace(no_figures(driver.ctx.policy), save_chance=learned))
    driver.feed(*(purchase(START + n * 7 * DAY, amount=90_000) for n in range(12))).advance(START + 92 * DAY)
    return driver, driver.timelines["C1"].state.efforts[-1]


def test_a_learned_chance_replaces_that_of_the_policy():
    """In the ranking and in the entry that shows it."""
    chances = (0.5,) * len(TREATMENTS)
    (plain, before), (driver, after) = reading(()), reading(chances)
    assert after.net == pytest.approx(before.net * 5 / 3, abs=2)
    for one, effort, chance in ((plain, before, 0.3), (driver, after, 0.5)):
        entry = render_entry(one.timelines["C1"].state, effort, START + 93 * DAY, True, one.ctx)
        assert entry.save_chance == pytest.approx(chance * min(1.0, 0.15 / (1.0 - entry.risk)), abs=1e-6)


def test_what_is_not_measured_keeps_the_chance_of_the_policy():
    _, before = reading(())
    _, after = reading((-1.0,) * len(TREATMENTS))
    assert after == before


def test_the_chance_counts_in_full_where_the_loss_is_nearly_sure_and_less_where_many_would_come_anyway():
    """So efforts are ranked by the odds of the loss."""
    ctx = Driver(FREE, figures=False).ctx
    chances = {risk: chance_to_save("trust", risk, START, ctx) for risk in (0.0, 0.2, 0.5, 0.85, 1.0)}
    assert chances[0.85] == chances[1.0] == 0.3
    assert chances[0.5] == pytest.approx(0.09)
    for low, high in ((0.0, 0.2), (0.2, 0.5)):
        assert chances[high] / chances[low] == pytest.approx((1.0 - low) / (1.0 - high))

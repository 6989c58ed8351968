"""Small shops are judged as they should be: same draws every time, nothing later is seen, and what is missed is said."""

import numpy as np
import pytest

from tests.quality import rivals, small_shops, worlds
from tests.quality.history import History
from tests.quality.judge import Figures, Floats, Origin
from tests.quality.sets import DataSet
from tests.quality.small_shops import Compared, compare, draw, misses, overall, print_table


@pytest.fixture(scope="module")
def shop() -> History:
    """Sixty customers over two years."""
    return History(worlds.corner())


def figures(auc: float, loss: float) -> Figures:
    """Figures that differ in these two."""
    return Figures(auc, auc, 0.1, loss, loss, 0.02)


def test_a_draw_is_always_the_same_shop(shop: History) -> None:
    """A draw holds whole customers, the same ones in every run; another draw holds others."""
    one, again, other = draw(shop, 20, 0), draw(shop, 20, 0), draw(shop, 20, 1)
    assert one.facts == again.facts
    assert len(one.bought) == len(other.bought) == 20
    assert set(one.bought) != set(other.bought)
    assert all(one.bought[who] == shop.bought[who] for who in one.bought)
    assert draw(shop, 60, 0) is shop


def test_a_shop_is_judged_from_the_second_horizon_on(shop: History, monkeypatch: pytest.MonkeyPatch) -> None:
    """At each origin the rival is fitted again, on what was known by then; both are judged on the same customers."""
    asked = []
    fit = rivals.learned

    def noted(name: str, table: rivals.Table, origin: Origin, horizon: int) -> Floats:
        asked.append(origin.day - shop.start)
        return fit(name, table, origin, horizon)

    monkeypatch.setattr(small_shops, "learned", noted)
    found = compare(DataSet(lambda: shop, 90, 0), shop)
    assert asked[0] == 194
    assert set(np.diff(asked)) == {28}
    assert 0.5 < found.batch.auc < found.ours.auc < 1
    assert found.ours.log_loss < found.batch.log_loss


def test_what_is_missed_is_said_first(capsys: pytest.CaptureFixture[str]) -> None:
    """Means over draws are compared: AUC not behind, log-loss ahead."""
    behind = Compared(figures(0.79, 0.36), figures(0.80, 0.35))
    ahead = Compared(figures(0.83, 0.33), figures(0.80, 0.35))
    assert misses("cdnow", 300, [behind, ahead]) == []
    assert overall([behind, ahead]).ours.auc == pytest.approx(0.81)
    assert len(misses("cdnow", 300, [behind])) == 3
    print_table([("cdnow", 300, [behind, ahead]), ("cdnow", 600, [behind])])
    first, *table = capsys.readouterr().out.splitlines()
    assert first.startswith("missed: cdnow, 600 customers: AUC behind by 0.0100; ")
    assert len(table) == 4
    assert "| .8100, .8000 |" in table[2]

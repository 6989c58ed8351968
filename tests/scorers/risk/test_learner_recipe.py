"""The recipe "A new learner of the risk" of docs/recipes, followed in a copy of the source."""

from pathlib import Path

from tests.support.paths import ROOT
from tests.support.recipe import Checkout, edits

PROOF = """
from scorers.policy.reading import parse_policy
from scorers.risk.training import Trainer
from tests.scorers.risk.test_champion_challenger import Lived, shop

lived = Lived(shop(days=120), champion="descent")
model = lived.models[-1]
assert model.champion.name == "descent", model.champion.name
assert len(model.member_log_odds(shop(days=1)[0].features)) == 4
again = Trainer.decode(lived.trainer.encode())
assert again.snapshot("descent") == lived.trainer.snapshot("descent")
assert parse_policy("[risk]\\nchampion = 'descent'").risk.champion == "descent"
"""


def test_the_recipe_makes_a_learner(tmp_path: Path) -> None:
    """It learns, speaks when the policy names it, gives its log-odds to lessons, and survives a restart."""
    checkout = Checkout(
        tmp_path, ("scorers", "tests/support", "tests/scorers", "pyproject.toml"), ("streams", "vigia", "alerts")
    )
    for edit in edits("A new learner of the risk"):
        checkout.apply(edit)
    (tmp_path / "proof.py").write_text(PROOF)
    checkout.python("proof.py")
    cache = str(ROOT / ".mypy_cache" / "recipes")
    assert "Success" in checkout.run("-m", "mypy", "--cache-dir", cache, "scorers/risk/training.py").stdout

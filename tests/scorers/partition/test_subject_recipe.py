"""The recipe "A new subject" of docs/recipes, followed in a copy of the source."""

from pathlib import Path

from tests.support.paths import ROOT
from tests.support.recipe import Checkout, edits

PROOF = """
from scorers.contract.events import DAY
from tests.support.cluster import Cluster
from tests.support.driver import Driver, instant, record

start = instant("2024-03-01T09:00:00Z")
facts = [record("promise.made", start + n, f"C{n}", promise_id=f"P{n}", topic="lamp") for n in range(3)]
facts += [record("purchase.completed", start + 4 * DAY, f"C{n}", amount_minor=1, currency="EUR") for n in range(3)]
replay = Driver().feed(*facts)
now = start + 4 * DAY
found = [dict(replay.ctx.group("promise", "lamp", now))]
for partitions in (1, 4):
    cluster = Cluster(partitions)
    for fact in facts:
        cluster.publish("feedback" if b"promise" in fact else "purchases", fact)
    found += [dict(desk.processor.ctx.group("promise", "lamp", now)) for desk in cluster.desks]
print(found)
assert found == 6 * [{"promises": 3}], found
"""


def test_the_recipe_makes_a_subject(tmp_path: Path) -> None:
    """A replay, one worker and four count the same, and all customers are told; mypy and the law of rooms agree."""
    checkout = Checkout(tmp_path, ("scorers", "tests", "pyproject.toml"), ("streams", "alerts", "vigia", "deploy"))
    for edit in edits("A new subject"):
        checkout.apply(edit)
    (tmp_path / "proof.py").write_text(PROOF)
    checkout.python("proof.py")
    cache = str(ROOT / ".mypy_cache" / "recipes")
    assert "Success" in checkout.run("-m", "mypy", "--cache-dir", cache, "scorers/partition/routing.py").stdout
    law = ("test_rooms_import_only_what_the_table_allows", "test_nothing_imports_in_a_circle")
    assert checkout.failures("tests/test_architecture.py", "-k", " or ".join(law)) == set()

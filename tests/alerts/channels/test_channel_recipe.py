"""The recipe "A new channel" of docs/recipes, followed step by step in a copy of the source."""

from pathlib import Path

from tests.support.recipe import Checkout, edits


def test_the_recipe_makes_a_channel(tmp_path: Path) -> None:
    """One file and one line: routes take the channel, `vigia channels` lists and tests it, the shared checks run on it."""
    checkout = Checkout(
        tmp_path, ("alerts", "tests", "docs", "pyproject.toml"), ("scorers", "streams", "vigia", "deploy")
    )
    old = checkout.python("-m", "alerts.channels.catalogue")
    for edit in edits("A new channel"):
        checkout.apply(edit)
    checkout.replace("docs/operations.md", old, checkout.python("-m", "alerts.channels.catalogue"))

    routes = tmp_path / "routes.toml"
    routes.write_text('[channel.desk]\ntype = "file"\npath = "sent.txt"\n[[route]]\nname = "all"\nto = ["desk"]\n')
    listed = checkout.python("-m", "vigia", "channels", "list", "--routes", str(routes))
    assert listed.split()[:3] == ["desk", "file", "sent.txt"]
    checkout.python("-m", "vigia", "channels", "test", "--routes", str(routes))
    assert (tmp_path / "sent.txt").read_text() == "Test of Vigía: this channel works\n"

    checks = "tests/alerts/channels/test_every_channel.py"
    assert checkout.python("-m", "pytest", "-q", "--collect-only", checks).count("[file]") == 6
    assert checkout.failures(checks) == set()

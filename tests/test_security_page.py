"""docs/security.md answers with what exists: every answer names a test that is there, or says that none holds it."""

import re

from tests.test_docs import ROOT, tables, unknown

PAGE = ROOT / "docs/security.md"


def test_every_answer_names_what_holds_it() -> None:
    """The last cell of each answer is a list of tests that exist, or `none`."""
    rows = tables(PAGE.read_text())["Questionnaire"]
    assert len(rows) > 10
    for point, answer, held in rows:
        assert answer.endswith("."), point
        assert held == "none" or re.fullmatch(r"`[^`]+`(, `[^`]+`)*", held), point
        assert [why for name in re.findall(r"`([^`]+)`", held) if (why := unknown(name))] == [], point


def test_every_threat_has_an_answer() -> None:
    """No cell of the threat model is empty."""
    rows = tables(PAGE.read_text())["Threat model"]
    assert len(rows) > 5
    assert [row for row in rows if len(row) != 3 or not all(row)] == []

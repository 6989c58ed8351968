"""The texts of messages: who, why, what to do and until when, one visible line each."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.wording.message import compose, digest
from alerts.wording.playbooks import KINDS, PLANS, plan_for
from scorers.alarms import catalogue
from scorers.alarms.catalogue import STATE_CHANGES
from scorers.contract.alarms import Reason
from scorers.contract.events import EXIT_REASONS
from scorers.contract.inert import inert
from tests.support.timeline import alarm, at


def test_every_code_has_words() -> None:
    """Each kind has a headline with the name, each exit reason a plan; a user-defined reason uses the plan for unknown."""
    assert set(catalogue.KINDS) <= KINDS
    for kind in KINDS:
        assert "Ana" in compose(alarm(kind=kind, name="Ana")).title or kind in STATE_CHANGES or "policy" in kind
    assert set(PLANS) == set(EXIT_REASONS)
    assert plan_for("other:parking") == PLANS["unknown"]


def test_a_message_says_who_why_what_to_do_and_until_when() -> None:
    """P4: the message holds the person, the cause, the money, the step and the time."""
    message = compose(
        alarm(
            kind="gone-quiet",
            name="Ana Ruiz",
            reasons=(Reason("gap", 0.7, "Usually comes every 9 days; last came 31 days ago."),),
            value_at_risk_minor=123456,
            currency="EUR",
            risk=0.72,
            horizon_days=90.0,
            treatment="faster_attention",
            deadline=at(18),
            counterfactual="One purchase by 3 January settles it.",
        )
    )
    assert message.title == "Ana Ruiz (gold) has gone quiet"
    text = message.plain()
    for part in ("every 9 days", "EUR 1,234.56", "72% chance", "Be fast", "Mon 1 Jan 2024, 18:00 UTC", "3 January"):
        assert part in text


def test_a_digest_lists_the_most_severe_first() -> None:
    """Sorted by severity, then by value; alarms that are not listed are counted."""
    many = [alarm(f"a{n}", name=f"N{n}", value_at_risk_minor=n) for n in range(40)]
    grave = alarm("worst", name="Worst", severity="critical")
    message = digest([*many, grave])
    assert message.lines[0].text.startswith("Worst")
    assert message.lines[1].text.startswith("N39 ")
    assert message.lines[-1].text == "and 11 more, less urgent"


@given(st.text(max_size=400))
def test_text_from_outside_is_one_visible_line(text: str) -> None:
    """D12: any name becomes one line of printable text, and a second time changes nothing."""
    clean = inert(text)
    assert clean.replace("\u200d", "").isprintable()
    assert len(clean) <= 200
    assert inert(clean) == clean
    clean.encode()


def test_a_message_says_of_whom_and_how_to_answer() -> None:
    """The id of the customer for the till, the store, and the id that every answer needs."""
    told = {line.label: line.text for line in compose(alarm(name="Ana Ruiz", store_id="S7")).lines}
    assert (told["Customer"], told["Store"]) == ("C1", "S7")
    assert told["To answer"] == "vigia alarms ack a1 (or snooze, resolve, dismiss)"


def test_the_title_of_a_digest_says_of_whom() -> None:
    """The first three by name, each once, and how many more alarms there are; one alarm is no alarms."""
    names = ("Ana", "Bea", "Ana", "Leo", "Eva")
    several = [alarm(alarm_id=f"a{n}", name=name) for n, name in enumerate(names)]
    assert digest(several[:1]).title == "1 alarm: Ana (gold)"
    assert digest(several[:3]).title == "3 alarms: Ana (gold), Bea (gold)"
    assert digest(several).title == "5 alarms: Ana (gold), Bea (gold), Leo (gold) and 1 more"
    assert digest(several[:2], {"warning": 4}).title == "6 alarms: Ana (gold), Bea (gold) and 4 more"


@pytest.mark.parametrize("risk", [0.0, 1e-9, 0.0049, 0.0099, 0.01, 0.5, 0.99, 0.9901, 0.9999, 1.0])
def test_no_probability_is_stated_as_a_certainty(risk: float) -> None:
    """Neither 0% nor 100%, which would say that nothing is at stake, or nothing can be done."""
    told = next(line.text for line in compose(alarm(risk=risk)).lines if line.label == "At stake")
    assert not re.search(r"\b(0|100)%", told)
    assert "%" in told

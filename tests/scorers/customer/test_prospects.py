"""Prospects (L2): fit, and the chance of conversion that the base's own prospects give."""

from typing import Any

from scorers.contract.events import DAY
from scorers.customer.facts import leads
from scorers.in_force.counted.conversions import LEADS
from scorers.subjects.assessment import prospect_risk
from tests.support.driver import Driver, instant, record

START = instant("2024-01-01T09:00:00Z")
NEAR: dict[str, Any] = {"location": "old town", "traits": {"household": "family"}, "value_minor": 5000}
FAR: dict[str, Any] = {"location": "abroad", "affiliation": "none", "value_minor": 90_000}


def lead(name: str, day: int, **own: Any) -> bytes:
    return record("lead.created", START + day * DAY, name, **own)


def bought(name: str, day: int) -> bytes:
    return record("purchase.completed", START + day * DAY, name, amount_minor=5000, currency="EUR")


def base(prospects: int = 40) -> Driver:
    """As many prospects of each kind: of those near most buy within the window, of those far hardly anybody, two of them too late."""
    facts = []
    for n in range(prospects):
        facts += [(0, lead(f"near {n}", 0, **NEAR)), (0, lead(f"far {n}", 0, **FAR))]
        if n % 10 < 7:
            facts.append((10, bought(f"near {n}", 10)))
        if n % 20 == 0:
            facts.append((40, bought(f"far {n}", 40)))
    return Driver().feed(*[fact for _, fact in sorted(facts, key=lambda one: one[0])]).advance(START + 60 * DAY)


def chance(driver: Driver, name: str) -> tuple[float, float] | None:
    return leads.chance(driver.timelines[name].state, START + 61 * DAY, driver.ctx)


def counted(driver: Driver) -> dict[int, int]:
    found = {bucket: 0 for (_, name, bucket) in driver.figures if name == LEADS}
    for (_, name, bucket), n in driver.figures.items():
        if name == LEADS:
            found[bucket] += n
    return found


def test_the_chance_is_what_the_base_has_seen_of_prospects_like_this_one() -> None:
    """Near ones buy far more often than far ones; one of whom nothing is known has the chance of all."""
    driver = base().feed(lead("n", 61, **NEAR), lead("f", 61, **FAR), lead("x", 61))
    (near, all_of_them), (far, _), (plain, _) = [chance(driver, name) or (0.0, 0.0) for name in "nfx"]
    assert round(all_of_them, 6) == round(plain, 6) == round((28 + 1) / (80 + 2), 6)
    assert near > 0.6 > plain > 0.1 > far


def test_the_learned_chance_moves_the_risk_of_a_prospect() -> None:
    """Whose kind buys has a low risk at first, which rises to the same as before when the window is over."""

    def risk(name: str, day: int) -> float:
        return prospect_risk(driver.timelines[name].state, START + day * DAY, driver.ctx)

    driver = base().feed(lead("n", 61, **NEAR), lead("f", 61, **FAR), lead("x", 61))
    known = {name: (chance(driver, name) or (0.0, 0.0))[0] for name in "nfx"}
    assert known["f"] < 0.03  # no risk is above that of a prospect whose window is over
    assert [round(1 - risk(name, 61), 6) for name in "nfx"] == [round(max(known[name], 0.03), 6) for name in "nfx"]
    near = [risk("n", 61 + days) for days in (0, 10, 20, 29, 31)]
    assert near == sorted(near)
    assert near[-1] == risk("f", 92) == risk("x", 92)


def test_the_risk_without_a_learned_chance_is_that_of_the_window_alone() -> None:
    driver = Driver().feed(lead("n", 0, **NEAR))
    assert prospect_risk(driver.timelines["n"].state, START, driver.ctx) == 0.6


def test_it_is_not_known_before_enough_prospects_have_an_answer() -> None:
    """With twenty of each it is not known, and the alarm says so; later the alarm says how many buy."""
    few = base(20).feed(lead("n", 61, **NEAR)).advance(START + 85 * DAY)
    assert chance(few, "n") is None
    many = base().feed(lead("n", 61, **NEAR)).advance(START + 85 * DAY)
    told = [
        next(a for a in driver.alarms if a.customer_id == "n" and a.reasons).reasons[1].text for driver in (few, many)
    ]
    assert told[0] == "How many of such prospects buy is not known yet."
    assert told[1].startswith("Of prospects like this one ")
    assert told[1].endswith(" % buy, of all 35 %.")


def test_a_purchase_after_the_window_is_no_conversion() -> None:
    """Each prospect is counted once, as one who bought within the window or did not; a buyer is no prospect any more."""
    driver = base()
    assert {bucket: counted(driver)[bucket] for bucket in (0, 1)} == {0: 52, 1: 28}
    assert chance(driver, "near 0") is None
    driver.feed(lead("near 0", 62, **NEAR)).advance(START + 130 * DAY)
    assert {bucket: counted(driver)[bucket] for bucket in (0, 1)} == {0: 52, 1: 28}


def test_a_late_purchase_moves_a_prospect() -> None:
    """Read after the window has passed, but within the allowed lateness, it counts as a conversion."""
    driver = Driver().feed(lead("p", 0, **NEAR), lead("q", 0)).advance(START + 30 * DAY + 3600_000_000)
    assert counted(driver)[0] == 2
    driver.feed(bought("p", 29))
    assert (counted(driver)[0], counted(driver)[1]) == (1, 1)


def test_names_from_outside_are_bounded() -> None:
    """However many locations and traits are invented, there are so many places."""
    driver = Driver().feed(
        *[
            lead(f"p{n}", 0, location=f"l{n}", affiliation=f"a{n}", traits={f"t{m}": str(n) for m in range(30)})
            for n in range(300)
        ]
    )
    driver.advance(START + 40 * DAY)
    assert len(counted(driver)) <= 2 * (1 + 4 * 16)

"""Each bound of a subject's state, driven past its end: bounds merge or count, and never tell what did not happen."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import Struct

from scorers.contract.events import DAY, HOUR, MINUTE, SECOND, Micros
from scorers.contract.rfc3339 import parse_instant
from scorers.customer import ledger
from scorers.customer.parts.cases import MAX_CLOSED_CASES, MAX_OPEN_CASES, MAX_OUTREACH
from scorers.customer.parts.experience import MAX_PENDING
from scorers.customer.parts.verdicts import MAX_QUESTIONS
from scorers.customer.state import Customer
from scorers.policy.tables import Policy
from scorers.timeline.episodes import MAX_EVIDENCE
from scorers.timeline.keeping import EARLY, MAX_ROW
from scorers.timeline.row import MAX_SEEN_EARLY, unpacked
from scorers.timeline.subjects import MAX_RECENT
from tests.support.driver import Driver, purchase, record

START = int(parse_instant("2024-01-01T09:00:00Z"))
LONG = "9" * 60  # as long as an id that a row keeps whole


def opened(n: int) -> bytes:
    return record("complaint.opened", START + n * MINUTE, id=f"o{n}", complaint_id=f"K{n}")


def closed(n: int) -> list[bytes]:
    solved = record("complaint.resolved", START + n * MINUTE + SECOND, id=f"r{n}", complaint_id=f"K{n}")
    return [opened(n), solved]


def asked(n: int) -> bytes:
    own = {"channel": "web", "request_id": f"R{n}", "request_status": "open"}
    return record("contact.received", START + n * MINUTE, id=f"q{n}", **own)


def promised(n: int) -> bytes:
    due = "2024-01-02T00:00:00Z"
    return record("promise.made", START + n * MINUTE, id=f"p{n}", promise_id=f"P{n}", due=due)


def broken(n: int) -> bytes:
    return record("promise.broken", START + n * MINUTE, id=f"b{n}", promise_id=f"P{n}")


def wrote(n: int) -> bytes:
    return record("contact.made", START + n * MINUTE, id=f"m{n}", channel="mail", purpose="marketing")


def bought(n: int, step: Micros = 0) -> bytes:
    basket = [{"sku": f"s{n}-{k}", "quantity": 1, "category": f"c{n}-{k}"} for k in range(2)]
    return purchase(START + n * step, amount=100, id=f"buy{n:05}", items=basket)


class Bound(Struct, frozen=True):
    """A bound, what fills it, how to read what is kept, and what must be counted as forgotten."""

    name: str
    most: int
    fill: Callable[[int], bytes | list[bytes]]
    kept: Callable[[Customer], int]
    forgotten: str | None  # the count in `forgotten`; None where nothing is lost, because the bound merges or refuses


BOUNDS = [
    Bound("complaints", MAX_OPEN_CASES, opened, lambda c: len(c.complaints.open), "complaint"),
    Bound("closed", MAX_CLOSED_CASES, closed, lambda c: len(c.complaints.closed), "closed_complaint"),
    Bound("requests", MAX_OPEN_CASES, asked, lambda c: len(c.contacts.requests), "request"),
    Bound("promises", MAX_OPEN_CASES, promised, lambda c: len(c.promises.open), "promise"),
    Bound("broken promises", MAX_OPEN_CASES, broken, lambda c: len(c.promises.open), "promise"),
    Bound("outreach", MAX_OUTREACH, wrote, lambda c: len(c.contacts.outreach), "outreach"),
    Bound("pending purchases", MAX_PENDING, bought, lambda c: len(c.account.pending), None),
]


def filled(bound: Bound, times: int) -> list[bytes]:
    found: list[bytes] = []
    for n in range(times):
        one = bound.fill(n)
        found += one if isinstance(one, list) else [one]
    return found


def customer(driver: Driver) -> Customer:
    state = driver.timelines["C1"].state
    assert isinstance(state, Customer)
    return state


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound.name)
class TestBound:
    def test_keeps_as_many_as_it_says_and_counts_the_rest(self, bound):
        """Two more than fit: the state keeps its most, and says of two that they are forgotten."""
        driver = Driver().feed(*filled(bound, bound.most))
        assert bound.kept(customer(driver)) == bound.most
        assert not driver.rejected
        assert not customer(driver).forgotten
        driver.feed(*filled(bound, bound.most + 2)[len(filled(bound, bound.most)) :])
        assert bound.kept(customer(driver)) == bound.most
        expected = {} if bound.forgotten is None else {bound.forgotten: 2}
        assert customer(driver).forgotten == expected
        assert dict(driver.partition.tally.forgotten) == expected

    def test_says_of_nothing_forgotten_that_it_was_resolved_or_saved(self, bound):
        """Nobody resolved a case, nobody came back: no alarm may end so; one about a forgotten case expires."""
        late = 40 * DAY
        half = filled(bound, bound.most)
        driver = Driver().feed(*half).advance(START + late)
        for raw in filled(bound, bound.most + 6)[len(half) :]:
            driver.feed(raw.replace(b"2024-01-01T", b"2024-02-11T"))
        driver.advance(START + late + 2 * DAY)
        ends = {a.outcome for a in driver.alarms if a.type == "alarm.settled" and a.subject.type != "customer"}
        assert ends <= ({"resolved"} if bound.name == "closed" else {"expired"})
        kept = {case.id for case in customer(driver).complaints.open + customer(driver).complaints.closed}
        kept |= {case.id for case in customer(driver).contacts.requests + customer(driver).promises.open}
        open_now = {e.subject_id for e in driver.timelines["C1"].state.open if e.status == "open"}
        assert open_now <= kept | {""}

    def test_is_the_same_after_each_restart(self, bound):
        """A row that is written and read after each fact ends in the same state and the same alarms."""
        facts = filled(bound, bound.most + 3)
        whole, restarted = Driver().feed(*facts), Driver()
        for raw in facts:
            restarted.feed(raw).restart()
        whole.advance(START + 30 * DAY)
        restarted.advance(START + 30 * DAY)
        assert restarted.states() == whole.states()
        assert restarted.outcomes() == whole.outcomes()


def test_no_purchase_of_an_instant_is_lost_and_none_counts_twice():
    """Far more facts at one instant than a row keeps: all are folded, in any order; a repeated one is a duplicate."""
    facts = [bought(n) for n in range(2 * MAX_RECENT)]
    for order in (facts, facts[::-1], facts[::2] + facts[1::2]):
        driver = Driver().feed(*order)
        assert customer(driver).purchases.count == len(facts)
        assert customer(driver).spending.amount_minor == 100 * len(facts)
        assert driver.partition.tally.too_late == 0
        driver.feed(*order)
        assert customer(driver).purchases.count == len(facts)
        assert driver.partition.tally.duplicates == len(facts)


def test_a_late_fact_of_a_crowded_day_is_folded_where_there_is_still_room():
    """Its place was settled early: it is folded behind that, once, and counted."""
    facts = [bought(n, MINUTE) for n in range(2 * MAX_RECENT)]
    missing = facts.pop(3)
    driver = Driver().feed(*facts, missing, missing)
    assert customer(driver).purchases.count == len(facts) + 1
    assert driver.statuses[-2:] == ["refolded", "duplicate"]
    assert customer(driver).forgotten[EARLY] > 0
    assert driver.partition.tally.forgotten[EARLY] == customer(driver).forgotten[EARLY]
    driver.feed(purchase(START + 3 * DAY, id="next week"), purchase(START + 2 * DAY + HOUR, id="late, with room"))
    assert driver.statuses[-1] == "refolded"


def test_what_can_no_longer_be_known_as_new_is_too_late():
    """Past the remembered identities an older fact might be a duplicate: it is counted as too late; one of the newest
    instant is folded."""
    facts = [bought(n) for n in range(MAX_RECENT + MAX_SEEN_EARLY + 1)]
    driver = Driver(figures=False).feed(*facts, purchase(START - HOUR, id="older"))
    assert customer(driver).purchases.count == len(facts)
    assert driver.statuses[-1] == "too_late"


def test_purchases_of_a_busy_week_all_repay_the_debt():
    """Forty purchases in a good week are forty good experiences, whatever the row keeps of them."""
    rules = Policy().ledger
    c = Customer("C1")
    for n in range(4):
        ledger.bad(c, START + n, rules)
    for n in range(40):
        ledger.bought(c, START + HOUR + n * n * SECOND, rules)
    assert len(c.account.pending) == MAX_PENDING
    ledger.mature(c, START + 20 * DAY, rules)
    assert 48 - 40 - 0.9 < ledger.debt(c, START + 20 * DAY, rules) < 48 - 40
    assert not c.account.pending
    assert not c.account.merged


def test_a_row_that_is_too_large_forgets_old_cases_and_says_so():
    """Cases with long ids and all their alarms: the row stays within its limit, and each forgotten alarm expires once."""

    def own(kind: str, n: int, **fields: Any) -> bytes:
        ids = {name: f"{name}{n:02}{LONG}"[:64] for name in ("id", "source")}
        return record(kind, START + n * MINUTE, **ids, **fields)

    driver = Driver()
    for n in range(MAX_OPEN_CASES):
        driver.feed(own("complaint.opened", n, complaint_id=f"K{n:02}{LONG}"[:64], severity="critical"))
        driver.feed(own("promise.broken", n + 50, promise_id=f"P{n:02}{LONG}"[:64]))
    driver.advance(START + 20 * DAY)
    for n in range(50):
        driver.feed(purchase(START + (21 + n) * DAY, id=f"b{n}"))
    assert len(unpacked(driver.timelines["C1"].encode())) <= MAX_ROW
    assert customer(driver).forgotten["complaint"] > 0
    ended = [a for a in driver.alarms if a.type == "alarm.settled" and a.subject.type != "customer"]
    assert {a.outcome for a in ended} == {"expired"}
    assert len({a.alarm_id for a in ended}) == len(ended) > 0
    kept = {case.id for case in customer(driver).complaints.open} | {p.id for p in customer(driver).promises.open}
    last = {a.alarm_id: a for a in driver.alarms}
    standing = {a.subject.id for a in last.values() if a.type in ("alarm.raised", "alarm.updated")} - {"C1"}
    assert {name for name in standing if name[0] in "KP"} <= kept


def test_contributions_survive_a_row_that_was_too_large():
    """What was contributed to the base's figures is neither taken back nor added again by a late fact."""
    driver = Driver()
    for n in range(MAX_OPEN_CASES):
        own = {name: f"{name}{n:02}{LONG}"[:64] for name in ("id", "source")}
        driver.feed(record("complaint.opened", START + n * MINUTE, **own, complaint_id=f"K{n:02}{LONG}"[:64]))
        driver.feed(record("promise.broken", START + n * MINUTE, promise_id=f"P{n:02}{LONG}"[:64], id=f"b{n:02}{LONG}"))
    driver.feed(*[purchase(START + n * DAY, id=f"buy{n}") for n in range(1, 9)])
    driver.feed(purchase(START + 8 * DAY - HOUR, id="late"))
    gaps = sum(n for (_, name, _), n in driver.figures.items() if name == "gap")
    assert gaps == customer(driver).rhythm.occasions - 1


def test_questions_evidence_and_the_other_lists_stay_inside_their_bounds():
    """A long and busy history: every list of the state keeps to its bound."""
    driver = Driver()
    driver.feed(*[bought(n, 6 * HOUR) for n in range(800)])
    driver.feed(
        *[
            record(
                "purchase.refunded", START + 201 * DAY + n, id=f"f{n}", amount_minor=1, currency="EUR", reason="late"
            )
            for n in range(30)
        ]
    )
    c = customer(driver)
    assert len(c.risk.questions) <= MAX_QUESTIONS
    assert len(c.spending.days) == len(c.spending.takings) <= 366
    assert len(c.baskets.visits) <= 9
    assert c.baskets.variety.bit_count() <= 64
    assert c.account.trouble is None or len(c.account.trouble.evidence) <= MAX_EVIDENCE
    assert all(len(e.evidence) <= MAX_EVIDENCE for e in c.open)
    assert len(driver.timelines["C1"].row.recent) <= MAX_RECENT
    assert c.purchases.count == 800
    assert c.spending.refunds == 30

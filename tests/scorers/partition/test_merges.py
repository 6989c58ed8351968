"""Merged ids: nothing is lost, nothing counts twice, and later facts of an old id follow to the new one."""

import json
from operator import attrgetter
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scorers.alarms.catalogue import STATE_CHANGES
from scorers.contract.events import DAY, HOUR, MINUTE
from scorers.customer.merging.combine import combined
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.in_force.figures import years_of
from scorers.policy.tables import Policy
from scorers.risk.model import UNTRAINED
from scorers.timeline.merging.timelines import MAX_IDS
from tests.support.driver import Driver, instant, purchase, record
from tests.support.histories import SHAPES, histories, time_of

START = instant("2024-01-01T10:00:00Z")
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def merged(at: int, old: str = "C0", into: str = "C1", **own: Any) -> bytes:
    return record("customer.merged", at, old, into=into, **own)


def weekly(customer: str, weeks: range, amount: int = 1000) -> list[bytes]:
    return [purchase(START + n * 7 * DAY, customer, amount) for n in weeks]


def known(driver: Driver, customer: str) -> tuple[int, int, int]:
    """The purchases, occasions and money that are known of a customer."""
    c = driver.timelines[customer].state
    return c.purchases.count, c.rhythm.occasions, c.spending.amount_minor


def customers(driver: Driver) -> list[str]:
    return sorted(driver.states())


@st.composite
def split(draw: Any) -> tuple[list[bytes], list[bytes]]:
    """Facts of a day, as those of one customer, and as those of two ids in another order, with the merge among them."""
    facts = draw(
        st.lists(st.tuples(st.integers(0, 23 * 60), st.sampled_from(SHAPES), st.booleans()), min_size=1, max_size=24)
    )
    one, two = [], []
    for n, (minute, (kind, own), is_old) in enumerate(facts):
        at = START + minute * MINUTE
        one.append(record(kind, at, "C1", **{**own, "id": f"e{n}"}))
        two.append(record(kind, at, "C0" if is_old else "C1", **{**own, "id": f"e{n}"}))
    two = draw(st.permutations(two))
    two.insert(draw(st.integers(0, len(two))), merged(START + draw(st.integers(0, 23 * 60)) * MINUTE))
    return one, two


@given(split())
@FEW
def test_facts_of_two_ids_within_the_lateness_are_as_those_of_one(facts: tuple[list[bytes], list[bytes]]) -> None:
    """State, alarms and figures are those of the customer who was one from the beginning, whatever was read first."""
    one, two = facts
    end = START + 300 * DAY
    plain, moved = Driver().feed(*one).advance(end), Driver().feed(*two).restart().advance(end)
    assert moved.states() == plain.states()
    assert moved.outcomes() == plain.outcomes()
    assert moved.figures == plain.figures


@given(histories(names=3, erase=True), st.data())
@FEW
def test_random_lives_of_several_ids_add_up(records: list[bytes], data: Any) -> None:
    """Merges anywhere in long histories: no fault of the core, nothing lost, and a restart changes nothing."""
    plain = Driver().feed(*records)
    again = [json.dumps({**json.loads(raw), "id": f"e{n}"}).encode() for n, raw in enumerate(records)]
    driver = Driver()
    for n, raw in enumerate(again):
        driver.feed(raw)
        if data.draw(st.integers(0, 5)) == 0:
            driver.feed(merged(time_of(raw), f"C{data.draw(st.integers(0, 2))}", "C1", id=f"m{n}")).restart()
    end = max(map(time_of, records)) + 400 * DAY
    names = [name for name, timeline in driver.timelines.items() if isinstance(timeline.state, Customer)]
    if not any(b"customer.erased" in raw for raw in records):
        for part in ("purchases.count", "spending.amount_minor", "opinion.marks_sum", "contacts.received"):
            read = attrgetter(part)
            whole = sum(read(t.state) for t in plain.timelines.values() if isinstance(t.state, Customer))
            assert sum(read(driver.timelines[name].state) for name in names) == whole, part
    before = driver.states()
    assert driver.restart().states() == before
    driver.advance(end)


def test_who_said_goodbye_under_one_id_is_not_reviewed_under_the_other() -> None:
    """The review that the other id waits for is due no more: its deadline would stand still."""
    driver = Driver().feed(
        purchase(START, "C0"),
        record("exit.explained", START + 14 * DAY, "C1", reason="price"),
        record("complaint.reopened", START + 130 * DAY, "C1", complaint_id="K1"),
        merged(START + 131 * DAY),
    )
    driver.advance(START + 300 * DAY)
    assert driver.timelines["C1"].state.life.stage == "defector"
    assert driver.timelines["C1"].state.due > START + 300 * DAY


@pytest.mark.parametrize("old", [range(4), range(4, 8), range(0, 8, 2)], ids=["before", "after", "by turns"])
def test_money_and_occasions_add_up(old: range) -> None:
    """Purchases of months, settled long ago, are those of one customer afterwards, whichever id came first."""
    weeks = range(8)
    facts = [purchase(START + n * 7 * DAY, "C0" if n in old else "C1", 1000 + n) for n in weeks]
    driver = Driver().feed(*facts, merged(START + 50 * DAY)).advance(START + 51 * DAY)
    plain = Driver().feed(*[purchase(START + n * 7 * DAY, "C1", 1000 + n) for n in weeks]).advance(START + 51 * DAY)
    assert known(driver, "C1") == known(plain, "C1")
    c, whole = driver.timelines["C1"].state, plain.timelines["C1"].state
    assert c.rhythm.mean_gap() == pytest.approx(whole.rhythm.mean_gap())
    assert (c.spending.days, c.spending.takings) == (whole.spending.days, whole.spending.takings)
    assert c.life.stage == whole.life.stage
    assert abs(c.purchases.quiet_limit - whole.purchases.quiet_limit) < DAY
    assert customers(driver) == ["C1"]


def test_each_customer_is_ranked_once() -> None:
    """The histogram of yearly values holds one customer, with the money of both ids."""
    driver = Driver().feed(*weekly("C0", range(4)), *weekly("C1", range(1, 5)), merged(START + 30 * DAY))
    driver.advance(START + 31 * DAY)
    assert sum(n for (_, name, _), n in driver.figures.items() if name == years_of("EUR")) == 1
    driver.feed(record("customer.erased", START + 32 * DAY, "C1"))
    assert sum(n for (_, name, _), n in driver.figures.items() if name == years_of("EUR")) == 0


def test_a_silence_of_the_old_id_is_withdrawn_and_judged_under_the_new_one() -> None:
    """The old id has gone quiet, and so has the person: the same `at`, under the new id."""
    driver = Driver().feed(*weekly("C0", range(10))).advance(START + 90 * DAY)
    (quiet,) = [a for a in driver.alarms if a.kind == "gone-quiet"]
    merge = merged(START + 90 * DAY, id="m")
    driver.feed(merge).advance(START + 91 * DAY)
    withdrawn, raised = [a for a in driver.alarms if a.kind == "gone-quiet"][1:]
    assert (withdrawn.type, withdrawn.alarm_id, withdrawn.cause) == ("alarm.withdrawn", quiet.alarm_id, ("m",))
    assert (raised.type, raised.customer_id, raised.at) == ("alarm.raised", "C1", quiet.at)


@pytest.mark.parametrize(("old", "into"), [("C0", "C1"), ("C1", "C0")])
def test_nobody_was_silent_who_bought_under_the_other_id(old: str, into: str) -> None:
    """C0 went quiet because the person bought as C1: no silence stands, whichever id goes on."""
    driver = Driver().feed(*weekly("C0", range(10)), *weekly("C1", range(10, 14))).advance(START + 92 * DAY)
    assert "gone-quiet" in driver.kinds("C0")
    driver.feed(merged(START + 92 * DAY, old, into)).advance(START + 93 * DAY)
    assert not [one for one in driver.outcomes() if one[1] in ("gone-quiet", "defected", "second-purchase-overdue")]
    assert known(driver, into)[:2] == (14, 14)


@pytest.mark.parametrize(("old", "into"), [("C0", "C1"), ("C1", "C0")])
def test_a_real_comeback_settles(old: str, into: str) -> None:
    """The person was quiet under one id, and came back under the other after that was true."""
    driver = Driver().feed(*weekly("C1", range(10)), *weekly("C0", range(20, 22))).advance(START + 148 * DAY)
    driver.feed(merged(START + 148 * DAY, old, into)).advance(START + 149 * DAY)
    (quiet,) = [one for one in driver.outcomes() if one[1] == "gone-quiet"]
    assert quiet[0] == f"customer:{into}"
    assert quiet[3] == "returned"


def test_cases_go_on_with_their_deadlines() -> None:
    """A complaint of the old id is overdue under the new one, since its own deadline; its resolution under the old id counts."""
    opened = record("complaint.opened", START + 22 * DAY, "C0", complaint_id="K1", severity="major")
    driver = Driver().feed(*weekly("C0", range(4)), opened).advance(START + 40 * DAY)
    before = {(a.kind, a.at) for a in driver.alarms if a.subject.id == "K1" and a.type == "alarm.raised"}
    assert ("complaint-overdue") in {kind for kind, _ in before}
    driver.feed(merged(START + 40 * DAY)).advance(START + 41 * DAY)
    last = {a.kind: a for a in driver.alarms if a.subject.id == "K1"}
    assert {(a.kind, a.at, a.customer_id) for a in last.values() if a.type == "alarm.raised"} >= {
        (kind, at, "C1") for kind, at in before if kind == "complaint-overdue"
    }
    driver.feed(record("complaint.resolved", START + 42 * DAY, "C0", complaint_id="K1"))
    assert not driver.timelines["C1"].state.complaints.open
    assert not [one for one in driver.outcomes() if one[3] == "open" and one[0] == "complaint:K1"]


def test_later_facts_of_the_old_id_follow_late_ones_too_and_after_a_restart() -> None:
    """Through a chain of merges, in any order."""
    one = Driver().feed(*weekly("A", range(4)), merged(START + 22 * DAY, "A", "B"), *weekly("B", range(4, 6)))
    one.feed(merged(START + 36 * DAY, "B", "C")).restart()
    one.feed(purchase(START + 36 * DAY, "A"), purchase(START + 35 * DAY + HOUR, "A"), purchase(START + 37 * DAY, "B"))
    two = Driver().feed(*weekly("A", range(4)), *weekly("B", range(4, 6)), merged(START + 36 * DAY, "B", "C"))
    two.feed(purchase(START + 36 * DAY, "A"), purchase(START + 35 * DAY + HOUR, "A"), purchase(START + 37 * DAY, "B"))
    two.feed(merged(START + 37 * DAY, "A", "B"))
    for driver in (one, two):
        driver.advance(START + 38 * DAY)
        assert customers(driver) == ["C"]
        assert known(driver, "C")[0] == 9
        assert driver.timelines["C"].state.spending.amount_minor == 9000


def test_the_aliases_of_a_customer_are_the_customer() -> None:
    """What is known of an alias moves, and its later facts follow; one that is told again, or is the id itself, changes nothing."""
    told = record("customer.described", START + 22 * DAY, "C1", aliases=["A", "Ze\u0301", "C1", "A"])
    driver = (
        Driver().feed(*weekly("A", range(3)), *weekly("C1", range(1, 4)), *weekly("other", range(2)), told).restart()
    )
    driver.feed(purchase(START + 23 * DAY, "Z\u00e9"), purchase(START + 24 * DAY, "A"))
    driver.feed(record("customer.described", START + 25 * DAY, "C1", name="Ana", aliases=["A"]))
    assert customers(driver) == ["C1", "other"]
    assert known(driver, "C1")[0] == 8
    assert known(driver, "other")[0] == 2
    one = Driver().feed(*weekly("A", range(3)), *weekly("C1", range(1, 4)), merged(START + 22 * DAY, "A", "C1"))
    one.feed(
        merged(START + 22 * DAY, "Z\u00e9", "C1"), purchase(START + 23 * DAY, "C1"), purchase(START + 24 * DAY, "C1")
    )
    assert driver.timelines["C1"].state.spending == one.timelines["C1"].state.spending
    assert driver.timelines["C1"].state.rhythm == one.timelines["C1"].state.rhythm


def test_more_aliases_than_a_customer_may_have_are_counted() -> None:
    """One event makes at most as many merges as a customer has old ids."""
    driver = Driver(figures=False).feed(
        record("customer.described", START, "C1", aliases=[f"A{n}" for n in range(MAX_IDS + 9)])
    )
    assert driver.partition.tally.forgotten["merged_id"] == 9
    driver.feed(purchase(START + HOUR, "A0"), purchase(START + HOUR, f"A{MAX_IDS}"))
    assert customers(driver) == [f"A{MAX_IDS}", "C1"]


def test_an_anonymous_sale_is_claimed_by_sending_it_again_with_the_card() -> None:
    """It was counted and profiled for nobody, so it counts for the customer once, as a sale that named the card at once; a repetition is a duplicate."""
    sale = json.loads(purchase(START + 14 * DAY, "card"))
    plain = json.dumps({name: value for name, value in sale.items() if name != "customer_id"}).encode()
    claimed = json.dumps(sale).encode()
    driver = Driver().feed(*weekly("card", range(2)), *weekly("silent", range(2)), plain)
    assert driver.partition.tally.anonymous == 1
    assert driver.feed(claimed, claimed).statuses[-1] == "duplicate"
    driver.advance(START + 100 * DAY)
    one = Driver().feed(*weekly("card", range(2)), *weekly("silent", range(2)), claimed).advance(START + 100 * DAY)
    assert driver.states() == one.states()
    assert driver.outcomes() == one.outcomes()


def test_a_sale_under_the_id_of_its_receipt_is_claimed_at_any_time() -> None:
    """The receipt is merged into the card, however late; a receipt that nobody claims stays a customer of its own."""
    driver = Driver().feed(
        *weekly("card", range(4)), purchase(START + 2 * DAY, "receipt:1"), purchase(START, "receipt:2")
    )
    driver.advance(START + 40 * DAY).feed(merged(START + 40 * DAY, "receipt:1", "card"))
    assert known(driver, "card")[0] == 5
    assert customers(driver) == ["card", "receipt:2"]


def test_an_erasure_of_either_id_forgets_both() -> None:
    """Under all ids, and where the facts of old ones go; what is read again stays out."""
    for who in ("A", "B", "C"):
        facts = [*weekly("A", range(2)), *weekly("B", range(1, 3)), *weekly("C", range(2, 4))]
        driver = Driver().feed(*facts, merged(START + 22 * DAY, "A", "B"), merged(START + 23 * DAY, "B", "C"))
        driver.feed(record("customer.erased", START + 24 * DAY, who))
        assert driver.subjects() == set()
        assert set(driver.partition.suppressed) == {"A", "B", "C"}
        driver.feed(*facts)
        assert driver.subjects() == set()
        driver.feed(purchase(START + 30 * DAY, "A"))
        assert customers(driver) == ["A"]  # somebody new, or the same person again


def test_erased_then_merged() -> None:
    """What was erased under the old id stays out, and so does what the old id bought before the new one was erased."""
    driver = Driver().feed(*weekly("C0", range(3)), record("customer.erased", START + 15 * DAY, "C0"))
    driver.feed(merged(START + 16 * DAY), *weekly("C0", range(3)), purchase(START + 20 * DAY, "C0"))
    assert known(driver, "C1")[0] == 1

    driver = Driver().feed(*weekly("C1", range(2)), *weekly("C0", range(3)))
    driver.feed(record("customer.erased", START + 15 * DAY, "C1"), purchase(START + 16 * DAY, "C0"))
    driver.feed(merged(START + 17 * DAY), purchase(START + 18 * DAY, "C0"))
    assert all(at > START + 15 * DAY for at in (driver.timelines["C1"].state.rhythm.first,))


def test_duplicates_stay_duplicates() -> None:
    """A fact that was read under the old id, and one that is sent again under the new id with the same identity, count once."""
    again = json.loads(purchase(START + HOUR, "C0"))
    driver = Driver().feed(purchase(START, "C1"), purchase(START + HOUR, "C0"))
    driver.feed(json.dumps({**again, "customer_id": "C1"}).encode(), merged(START + 2 * HOUR))
    driver.feed(purchase(START + HOUR, "C0"), merged(START + 2 * HOUR))
    assert known(driver, "C1")[0] == 2
    assert driver.statuses[-2:] == ["duplicate", "duplicate"] or driver.statuses[-1] == "duplicate"


def test_what_staff_did_goes_on() -> None:
    """An alarm on which somebody acted under the old id counts a comeback as saved under the new one."""
    driver = Driver().feed(*weekly("C0", range(10))).advance(START + 90 * DAY)
    (quiet,) = [a for a in driver.alarms if a.kind == "gone-quiet"]
    driver.feed(record("alarm.action", START + 90 * DAY, "C0", alarm_id=quiet.alarm_id, action="act", by="ana"))
    driver.feed(merged(START + 91 * DAY)).advance(START + 92 * DAY)
    driver.feed(purchase(START + 93 * DAY, "C1"))
    assert [one[3] for one in driver.outcomes() if one[1] == "gone-quiet"] == ["saved"]


def test_many_old_ids_are_bounded_and_counted() -> None:
    """The oldest ids are let go: their facts are those of a customer of their own again."""
    receipts = [f"receipt:{n}" for n in range(300)]
    driver = Driver(figures=False)
    for n, receipt in enumerate(receipts):
        driver.feed(purchase(START + n * HOUR, receipt), merged(START + n * HOUR, receipt))
    assert known(driver, "C1")[0] == 300
    assert driver.partition.tally.forgotten["merged_id"] == 44
    driver.feed(purchase(START + 301 * HOUR, receipts[0]), purchase(START + 301 * HOUR, receipts[-1]))
    assert customers(driver) == ["C1", "receipt:0"]
    assert len(driver.timelines["C1"].encode()) < 64 * 1024


def test_the_silent_are_deleted_with_their_old_ids() -> None:
    driver = Driver().feed(
        *weekly("A", range(2)), merged(START + 22 * DAY, "A", "B"), merged(START + 22 * DAY, "X", "Y")
    )
    driver.advance(START + 5000 * DAY)
    assert driver.subjects() == set()


def test_changes_of_state_are_told_once() -> None:
    """Of the settled past of the old id nothing is said again."""
    driver = Driver().feed(*weekly("C0", range(10)), merged(START + 64 * DAY)).advance(START + 65 * DAY)
    assert not [a for a in driver.alarms if a.kind in STATE_CHANGES and a.customer_id == "C1"]


def test_every_part_of_a_state_is_combined() -> None:
    """A new part of the state says what two of it become, or the old id's is lost without a word."""
    parts = set(Customer.__struct_fields__) - {"id", "due", "open", "forgotten"}
    assert parts == combined(Customer("a"), Customer("b"), Context(Policy(), UNTRAINED)).keys()


STAYS = {
    "cohort": {"until", "stage", "bought"},  # the horizon of the id that goes on
    "life": {"stage", "since"},  # judged anew
    "spending": {"year_bucket", "counted_in", "discount_bucket"},  # places in histograms, which the caller moves
}
"""By part: what is not taken from the old id."""


DATED: dict[str, dict[str, Any]] = {
    "account": {"debt_at": START},
    "contacts": {"last_received": START},
    "opinion": {"marks": 1, "marks_lately": (8,)},
    "spending": {"currency": "EUR"},
}
"""By part: what makes the old id the one that said it last."""


@pytest.mark.parametrize("part", [*DATED, "complaints", "profile", "promises", "ties"])
def test_no_field_of_a_part_is_lost(part: str) -> None:
    """What only the old id has is what both have: a field that is new in a part is combined too."""
    lost = []
    for field in msgspec.structs.fields(type(getattr(Customer("a"), part))):
        sample = {int: 7, float: 1.5, str: "x", bool: True}.get(field.type)
        if sample is None or field.name in STAYS.get(part, ()):
            continue
        own, other = Customer("a", first_seen=1), Customer("b", first_seen=1)
        for name, value in {**DATED.get(part, {}), field.name: sample}.items():
            setattr(getattr(other, part), name, value)
        found = combined(own, other, Context(Policy(), UNTRAINED))[part]
        if getattr(found, field.name) != sample:
            lost.append(field.name)
    assert lost == []


def silent_then_merged() -> tuple[Driver, Any, Any]:
    """A customer who is quiet and then merged into an id of which nothing is known: the alarm before and after."""
    driver = Driver().feed(*weekly("C0", range(12))).advance(START + 90 * DAY)
    before = next(one for one in driver.alarms if one.kind == "gone-quiet")
    driver.feed(merged(START + 91 * DAY))
    return driver, before, [one for one in driver.alarms if one.kind == "gone-quiet"][1:]


def test_an_alarm_that_goes_on_names_the_one_before() -> None:
    """Whoever keeps what people did about the alarm of the old id knows under which id it goes on."""
    _, before, (gone, after) = silent_then_merged()
    assert (gone.type, gone.alarm_id, gone.merged) == ("alarm.withdrawn", before.alarm_id, True)
    assert (after.type, after.customer_id, after.continues) == ("alarm.raised", "C1", before.alarm_id)
    assert before.merged is before.continues is msgspec.UNSET


def test_an_alarm_about_a_case_goes_on_under_its_own_id() -> None:
    """It is withdrawn and raised again in one place, so both records say that it goes on."""
    driver = Driver().feed(
        *weekly("C0", range(2)), record("complaint.opened", START + 8 * DAY, "C0", complaint_id="K1")
    )
    driver.advance(START + 20 * DAY).feed(merged(START + 21 * DAY))
    late = [one for one in driver.alarms if one.kind == "complaint-overdue"]
    assert [(one.type, one.merged, one.continues) for one in late] == [
        ("alarm.raised", msgspec.UNSET, msgspec.UNSET),
        ("alarm.withdrawn", True, msgspec.UNSET),
        ("alarm.raised", msgspec.UNSET, late[0].alarm_id),
    ]


def test_what_is_done_about_the_alarm_of_an_old_id_is_done_about_the_one_that_goes_on() -> None:
    """Somebody answers the message about the old id after the merge, or after two: the comeback is `saved`."""
    for more in ((), (merged(START + 92 * DAY, "C1", "C2"),)):
        driver, before, _ = silent_then_merged()
        driver.feed(*more)
        driver.feed(record("alarm.action", START + 93 * DAY, "C0", alarm_id=before.alarm_id, action="act", by="ana"))
        driver.feed(purchase(START + 94 * DAY, "C0"))
        assert [one.outcome for one in driver.alarms if one.kind == "gone-quiet" and one.type == "alarm.settled"] == ["saved"]  # fmt: skip

"""The worklist (J7): who may stand on it, what they are worth an effort for, and that late facts change it."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, get_args

import pytest

from scorers.contract.alarms import Treatment
from scorers.contract.events import DAY, HOUR, SECOND
from scorers.contract.rfc3339 import parse_instant
from scorers.contract.wire import Rejection, decode
from scorers.contract.worklist import WorklistEntry
from scorers.partition.partition import Partition
from scorers.policy.hold_out import is_held_out
from scorers.timeline.facts import Ref
from scorers.worklist.dates import DatesToList
from scorers.worklist.ranking import DayList, Ranking
from tests.support.driver import Driver, purchase, record

START = int(parse_instant("2024-01-01T09:00:00Z"))


class Lists(Driver):
    """A driver that keeps the final worklists by date."""

    def __init__(self, policy: str = "", *, figures: bool = True) -> None:
        super().__init__(policy, figures=figures)
        self.partition = Partition(self.ctx, self.timelines, self.book, lists=DatesToList())
        self.ranking = Ranking()
        self.lists: dict[str, DayList] = {}

    def feed(self, *records: bytes) -> "Lists":
        for raw in records:
            event = decode(raw)
            assert not isinstance(event, Rejection), event
            for step in self.partition.feed(event, Ref(event.source, event.id, "scenario", 0, 0)):
                self._apply((step,))
                self._rank()
        return self

    def advance(self, to: Any) -> "Lists":
        super().advance(to)
        self._rank()
        return self

    def _rank(self) -> None:
        for candidates in self.partition.listing.ended:
            ranked = self.ranking.rank([candidates], self.ctx.policy.worklist)
            self.lists[ranked.date] = ranked
        self.partition.listing.ended.clear()

    def entries(self, customer: str) -> dict[str, WorklistEntry]:
        """The entries of a customer by date."""
        found = [entry for ranked in self.lists.values() for entry in ranked.entries]
        return {entry.date: entry for entry in found if entry.customer_id == customer}


def weekly(customer: str, weeks: int, amount: int = 6000, first: int = START, **own: Any) -> list[bytes]:
    return [purchase(first + week * 7 * DAY, customer, amount=amount, **own) for week in range(weeks)]


def in_order(*parts: Iterable[bytes]) -> list[bytes]:
    return sorted((raw for part in parts for raw in part), key=lambda raw: decode(raw).time)  # type: ignore[union-attr]


STOPS, LAST = weekly("stops", 20), START + 19 * 7 * DAY
COMES = weekly("comes", 40)


def dates_of(entries: dict[str, WorklistEntry]) -> list[int]:
    return [(entry.at - LAST) // DAY for entry in entries.values()]


def test_who_stops_is_listed_without_any_alarm_and_who_comes_is_not():
    """The net is risk times worth times the chance to save, less the cost; the list holds the facts up to its date."""
    shop = Lists().feed(*in_order(STOPS, COMES))
    entries = shop.entries("stops")
    assert entries
    assert all(entry.at % DAY == DAY - SECOND for entry in entries.values())
    for entry in entries.values():
        loss = entry.risk * entry.worth_minor
        assert abs(entry.expected_loss_minor - loss) <= 1
        assert abs(entry.net_minor - (loss * entry.save_chance - entry.cost_minor)) <= 2
        assert entry.net_minor > 0
    best = max(entries.values(), key=lambda entry: entry.net_minor)
    comes = shop.entries("comes").values()
    assert best.net_minor > 3 * max([entry.net_minor for entry in comes], default=0)
    assert min(dates_of(entries)) < 11  # before the silence is unusual


def test_nobody_silent_for_long_is_listed_and_no_prospect():
    """Beyond three times the own limit nobody is; who has not bought yet has no worth."""
    lead = record("lead.created", START + 100 * DAY, "P1", value_minor=900_000)
    shop = Lists().feed(*in_order(STOPS, COMES, [lead]))
    limit = shop.timelines["stops"].state.purchases.quiet_limit
    assert limit < 20 * DAY
    assert 2 * limit // DAY <= max(dates_of(shop.entries("stops"))) <= 3 * limit // DAY
    assert not shop.entries("P1")


def test_a_goodbye_ends_the_efforts():
    """Who has said that they left is not on the next list."""
    said = record("exit.explained", LAST + 12 * DAY, "stops", reason="moved_away")
    shop = Lists().feed(*in_order(STOPS, COMES, [said]))
    assert (
        max(dates_of(shop.entries("stops")))
        < 12
        <= max(dates_of(Lists().feed(*in_order(STOPS, COMES)).entries("stops")))
    )


def test_who_was_funded_comes_back_after_14_days_or_on_new_evidence():
    """Funded and not acted on: not for 14 days, unless a fact of the customer or another alarm is new."""
    slow = [purchase(START + n * 30 * DAY, "stops", amount=40_000) for n in range(8)]
    last = START + 7 * 30 * DAY
    rest = [purchase(START + n * 10 * DAY, "comes", amount=100) for n in range(36)]
    funded = [one for one in Lists().feed(*in_order(slow, rest)).entries("stops").values() if one.at > last + 2 * DAY]
    assert all(entry.funded for entry in funded)
    waits = [
        (after.at - before.at) // DAY
        for before, after in pairwise(funded)
        if not set(after.alarms) - set(before.alarms)
    ]
    news = [
        (after.at - before.at) // DAY for before, after in pairwise(funded) if set(after.alarms) - set(before.alarms)
    ]
    assert waits, "listed twice without news"
    assert min(waits) == 14
    assert min(news, default=0) < 14
    fact = record("contact.received", funded[0].at + 3 * DAY, "stops", channel="phone")
    again = Lists().feed(*in_order(slow, rest, [fact])).entries("stops").values()
    assert any(funded[0].at < entry.at < funded[0].at + 5 * DAY for entry in again)


def test_who_was_acted_on_comes_back_after_14_days():
    """A contact for service or sales is an effort, a newsletter is none."""
    sets = {}
    for purpose in ("service", "marketing"):
        made = record("contact.made", LAST + 9 * DAY + HOUR, "stops", channel="phone", purpose=purpose)
        policy = "[worklist]\nper_day = 1\n[worklist.budget]\niron = 0\n"  # unfunded, they may stand every day
        sets[purpose] = set(dates_of(Lists(policy).feed(*in_order(STOPS, COMES, [made])).entries("stops")))
    assert {12, 14, 16} <= sets["marketing"]
    assert not sets["service"] & set(range(9, 23))


def test_an_action_on_an_entry_is_an_effort_and_an_acknowledgement_is_none():
    """Act and resolve let a customer rest for 14 days; other actions say nothing about the customer."""
    dates = {}
    for action in ("act", "ack"):
        done = record(
            "alarm.action", LAST + 9 * DAY + HOUR, "stops", action=action, by="ana", worklist_date="2024-05-21"
        )
        policy = "[worklist.budget]\niron = 0\n"  # unfunded, they may stand every day
        dates[action] = set(dates_of(Lists(policy).feed(*in_order(STOPS, COMES, [done])).entries("stops")))
    assert {12, 14, 16} <= dates["ack"]
    assert not dates["act"] & set(range(9, 23))


def test_without_a_budget_nobody_is_funded_and_it_is_said():
    """A tier without a budget is let go; others are listed without funds beyond the capacity."""
    shop = Lists("[worklist.budget]\niron = 0\n").feed(*in_order(STOPS, COMES))
    entries = shop.entries("stops").values()
    assert entries
    assert {(entry.funded, entry.treatment) for entry in entries} == {(False, "do_not_spend")}
    many = [weekly(f"stops{n}", 20, 6000 + n, first=START + n) for n in range(12)]
    small = Lists("[worklist]\nper_day = 2\n").feed(*in_order(*many, COMES))
    longest = max(small.lists.values(), key=lambda ranked: len(ranked.entries))
    assert len(longest.entries) == 10
    assert [entry.rank for entry in longest.entries] == list(range(1, 11))
    assert [entry.funded for entry in longest.entries] == [True] * 2 + [False] * 8
    nets = [entry.net_minor for entry in longest.entries]
    assert nets == sorted(nets, reverse=True)
    assert longest.not_listed == 3  # two of them, and who still comes


def test_a_late_fact_changes_the_list_of_its_date():
    """A purchase that is read a day late is on the final list, as if it had come in time."""
    again = purchase(LAST + 9 * DAY, "stops")
    late = [*in_order(STOPS, COMES)]
    place = next(n for n, raw in enumerate(late) if decode(raw).time >= LAST + 9 * DAY)  # type: ignore[union-attr]
    in_time = Lists().feed(*late[:place], again, *late[place:])
    at = LAST + 9 * DAY + 20 * HOUR
    later = Lists().feed(*late[:place]).advance(at).feed(again).feed(*late[place:])
    assert in_time.lists == later.lists
    assert in_time.entries("stops") != Lists().feed(*late).entries("stops")


def test_a_restart_changes_no_list():
    """The readings of the dates that are still open lie in the row."""
    records = in_order(STOPS, COMES)
    whole = Lists().feed(*records)
    parted = Lists()
    for n, raw in enumerate(records):
        parted.feed(raw)
        if n % 7 == 0:
            parted.restart()
    assert whole.lists == parted.lists


def test_the_date_is_that_of_the_business():
    """The list of a date ends with it in the zone of the business, summer time included."""
    shop = Lists('[time]\nzone = "America/New_York"\n').feed(*in_order(STOPS, COMES))
    ends = {entry.at for entry in shop.entries("stops").values()}
    assert {at % DAY for at in ends} == {4 * HOUR - SECOND, 5 * HOUR - SECOND}
    assert all(entry.date == date for date, entry in shop.entries("stops").items())


def test_the_held_out_are_counted_and_not_listed():
    """By customer and quarter, the same in every run."""
    shop = Lists("[hold_out]\nshare = 0.5\n[worklist.budget]\niron = 0\n")
    customers = [f"c{n}" for n in range(20)]
    shop.feed(*in_order(*(weekly(name, 20, first=START + n) for n, name in enumerate(customers)), COMES))
    day = (LAST + 12 * DAY) // DAY
    held = {name for name in customers if is_held_out(name, day, 0.5)}
    assert 3 < len(held) < 17
    listed = shop.lists["2024-05-25"]
    assert {entry.customer_id for entry in listed.entries} == set(customers) - held
    assert listed.held_out == len(held)
    assert any(is_held_out(f"c{n}", day, 0.5) != is_held_out(f"c{n}", day + 92, 0.5) for n in range(20))


def test_two_currencies_stand_side_by_side():
    """Amounts of two currencies are not compared: each currency has its share of the list."""
    yen = [
        record("purchase.completed", START + 5 + w * 7 * DAY, f"y{n}", amount_minor=600_000, currency="JPY")
        for n in range(6)
        for w in range(20)
    ]
    euro = [raw for n in range(6) for raw in weekly(f"e{n}", 20, 20_000, first=START + 9)]
    shop = Lists("[worklist]\nper_day = 4\n").feed(*in_order(yen, euro, COMES))
    ranked = shop.lists["2024-05-23"]
    assert [entry.currency for entry in ranked.entries[:4]].count("EUR") == 2


def test_the_smallest_share_holds_nobody_out():
    """A share of 0 holds out nobody and 1 everybody."""
    assert not any(is_held_out(f"c{n}", 19_000, 0.0) for n in range(100))
    assert all(is_held_out(f"c{n}", 19_000, 1.0) for n in range(100))


@pytest.mark.parametrize("amount", [300, 3000])
def test_an_effort_that_does_not_pay_is_not_listed(amount):
    """Only a net above 0 is listed."""
    costs = "".join(f"{treatment} = 2000\n" for treatment in get_args(Treatment) if treatment != "do_not_spend")
    shop = Lists(f"[worklist.cost_minor]\n{costs}").feed(*in_order(weekly("stops", 20, amount), COMES))
    assert all(entry.net_minor > 0 for entry in shop.entries("stops").values())
    assert bool(shop.entries("stops")) == (amount > 1000)


def test_the_day_of_a_visit_is_no_silence() -> None:
    """J9: the list of a date holds facts up to its last second, and so may name one who came that day."""
    lists = Lists("worklist = {cost_minor = {preferential_treatment = 0, tailored_service = 0}, given_away = 0.0}")
    lists.feed(purchase(START, "C1", amount=900_000)).advance(START + 2 * DAY)
    assert lists.entries("C1")["2024-01-01"].reasons[0].text == "Bought last on 1 January."

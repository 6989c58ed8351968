"""Who is given up (J8): by the base's record of comebacks, at eight own limits at the latest, and until then in milder words."""

from msgspec.structs import replace

from alerts.wording.languages import headline
from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, Micros
from scorers.contract.rfc3339 import parse_instant
from scorers.customer.state import Customer
from scorers.in_force.comebacks import COMEBACKS, MULTIPLES, WAITS, given_up_from
from scorers.in_force.control import FiguresInForce
from scorers.in_force.figures import FigureBook, no_figures
from scorers.policy.tables import Policy
from tests.support.driver import Driver, purchase

START = int(parse_instant("2024-01-01T10:00:00Z"))
LAST = START + 11 * 28 * DAY
MONTHLY = [purchase(START + n * 28 * DAY, id=str(n)) for n in range(12)]


def silent(
    given_up: tuple[int, int] = (0, 0), facts: list[bytes] = MONTHLY, until: Micros = LAST + 900 * DAY
) -> Driver:
    """Customers who stop, in a base with a record: from which multiples of the own limit few come back."""
    driver = Driver("[risk]\noccasions_at_least = 99\nhorizon = '28d'", figures=False)
    driver.ctx.adopt_figures(replace(no_figures(driver.ctx.policy), given_up=given_up))
    return driver.feed(*facts).advance(until)


def limit(driver: Driver) -> Micros:
    state = driver.timelines["C1"].state
    assert isinstance(state, Customer)
    return state.purchases.quiet_limit


def said(driver: Driver, kind: str = "defected") -> list[tuple[str, str | None, float, str | None]]:
    """What was published of a kind: change, stage, when in own limits, outcome."""
    unit = limit(driver) or 60 * DAY
    since = LAST if limit(driver) else START
    return [
        (a.type.removeprefix("alarm."), a.stage, round((a.at - since) / unit, 3), a.outcome)
        for a in driver.alarms
        if a.kind == kind
    ]


def test_without_a_record_a_long_silence_is_called_long_and_given_up_at_eight_limits():
    """Three limits first, in milder words; at eight the same alarm says that the customer has left, and is lost a horizon later."""
    assert said(silent()) == [
        ("raised", "dormant", 3.0, None),
        ("updated", "core_defector", 8.0, None),
        ("settled", "core_defector", 8.0, "lost"),
    ]


def test_by_the_record_a_customer_is_given_up_earlier_or_later_than_that():
    """At the multiple from which few come back, and nothing is said before."""
    for multiple in MULTIPLES:
        assert said(silent((multiple, 0)))[0] == ("raised", "core_defector", multiple, None)


WEEKLY = [purchase(LAST + (n - 11) * 7 * DAY, id=str(n)) for n in range(12)]


def test_a_base_that_waits_for_its_record_says_nothing_before_and_gives_nobody_up_within_half_a_year():
    """Eight limits of a weekly buyer are no half year; of one who came monthly they are more."""
    weekly = silent((WAITS, WAITS), WEEKLY)
    assert 8 * limit(weekly) < 180 * DAY
    assert [change for change, stage, _, _ in said(weekly) if stage == "defector"] == ["raised", "settled"]
    assert next(a.at - LAST for a in weekly.alarms if a.kind == "defected") == 180 * DAY
    assert "given_up" not in {reason.code for a in weekly.alarms if a.kind == "defected" for reason in a.reasons}
    monthly = silent((WAITS, WAITS))
    assert 8 * limit(monthly) > 180 * DAY
    assert said(monthly)[0] == ("raised", "core_defector", 8.0, None)


def test_who_comes_back_before_that_is_said_nothing_of():
    """The silent neighbour: after eight limits and 170 days."""
    back = silent((WAITS, WAITS), [*WEEKLY, purchase(LAST + 170 * DAY, id="back")], LAST + 170 * DAY)
    assert 8 * limit(silent((WAITS, WAITS), WEEKLY)) < 170 * DAY
    assert said(back) == []
    assert "gone-quiet" in back.kinds()


def test_a_first_time_buyer_waits_too():
    """Eight limits of the second purchase, which are more than half a year."""
    assert said(silent((WAITS, WAITS), [purchase(START)]))[0][1:3] == ("defector", 8.0)


def test_milder_words_settle_no_other_alarm():
    """Gone-quiet goes on while the silence is only long, and is lost when the customer is given up."""
    driver = silent(until=LAST + 10 * DAY)
    unit = limit(driver)
    driver.advance(LAST + 7 * unit)
    assert said(driver) == [("raised", "dormant", 3.0, None)]
    assert {a.outcome for a in driver.alarms if a.kind == "gone-quiet"} == {None, "expired"}
    given_up = silent((2, 0), until=LAST + 2 * unit + DAY)
    assert [(a.type, a.outcome) for a in given_up.alarms if a.kind == "gone-quiet"][-1] == ("alarm.settled", "lost")


def test_the_words_say_which_it_is():
    """The stage of the alarm decides."""

    def first(driver: Driver) -> Alarm:
        return next(a for a in driver.alarms if a.kind == "defected")

    assert headline(first(silent()), "Ana") == "Ana has been silent for long"
    assert headline(first(silent((4, 0))), "Ana") == "Ana has most likely left"
    assert "given_up" in {reason.code for reason in first(silent((4, 0))).reasons}
    assert "given_up" not in {reason.code for reason in first(silent()).reasons}


def test_first_time_buyers_have_a_record_of_their_own():
    """Three limits of the second purchase at least, whatever the record of repeat buyers."""
    once = [purchase(START)]
    assert said(silent((2, 0), once))[0] == ("raised", "first_time_buyer", 3.0, None)
    assert said(silent((0, 2), once))[0][1:3] == ("defector", 3.0)
    assert said(silent((0, 6), once))[0][1:3] == ("defector", 6.0)


def test_a_purchase_ends_either_and_begins_a_new_rhythm():
    """Also after the milder words: that absence is no gap."""
    unit = limit(silent())
    for record, limits in (((0, 0), 4), ((2, 0), 4)):
        back = silent(record, [*MONTHLY, purchase(LAST + limits * unit, id="back")], LAST + limits * unit)
        state = back.timelines["C1"].state
        assert isinstance(state, Customer)
        assert said(back)[-1][0] == "settled"
        assert state.rhythm.own_gaps() == 0
        assert (state.purchases.gone, state.purchases.reached) == (0, 0)


def counted(driver: Driver) -> dict[tuple[int, int], int]:
    """Silences and comebacks: by day after `START` and bucket."""
    return {(day - START // DAY, bucket): n for (day, name, bucket), n in driver.figures.items() if name == COMEBACKS}


def test_a_silence_counts_in_each_class_that_it_has_reached_ninety_days_ago():
    """And as a comeback if a purchase followed within them."""
    unit = limit(silent())
    back = silent((0, 0), [*MONTHLY, purchase(LAST + 4 * unit + 5 * DAY, id="back")], LAST + 5 * unit)
    days = [(LAST + multiple * unit + 90 * DAY) // DAY - START // DAY for multiple in (2, 3, 4)]
    came = [multiple for multiple in (2, 3, 4) if (4 - multiple) * unit + 5 * DAY <= 90 * DAY]
    assert 1 <= len(came) < 3
    expected = {(day, 2 * n): 1 for n, day in enumerate(days)}
    expected |= {(day, 2 * n + 1): 1 for n, day in enumerate(days) if (2, 3, 4)[n] in came}
    assert counted(back) == expected


def test_a_purchase_read_late_takes_its_silence_back():
    """What the order of arrival is has no effect on what all contributions add up to."""
    unit = limit(silent())
    end = LAST + 2 * unit
    late = silent((0, 0), MONTHLY, end + DAY // 2).feed(purchase(end - DAY // 4, id="late")).advance(end + DAY)
    assert counted(late) == {}


def test_fifty_silences_of_a_class_make_a_record():
    """The least multiple from which fewer than three in ten came back."""
    policy = Policy()
    assert given_up_from({0: 49, 1: 0}, policy) == (0, 0)
    assert given_up_from({0: 50, 1: 15, 2: 50, 3: 14}, policy) == (3, 0)
    book = FigureBook(policy)
    book.add([(1, COMEBACKS, 10, 60), (1, COMEBACKS, 11, 3)])
    figures = book.close(1)
    assert figures.given_up == (0, 2)
    assert FiguresInForce.of(1, figures).figures() == figures


def test_a_row_of_a_former_build_is_watched_from_its_next_deadline_on():
    """It has no class to reach; the classes that have passed are counted then."""
    driver = silent(until=LAST + 10 * DAY)
    state = driver.timelines["C1"].state
    assert isinstance(state, Customer)
    state.purchases.next_class = 0
    driver.advance(LAST + 900 * DAY)
    assert said(driver)[-1][3] == "lost"

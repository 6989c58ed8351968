"""An alarm names its cause by name and date, and proposes one action that fits the reason, the dispute and the consent."""

from itertools import count
from typing import Any

import pytest

from scorers.alarms.catalogue import KINDS
from scorers.contract.alarms import Alarm
from scorers.customer.parts.experience import MAX_CAUSES
from scorers.customer.treatments import OFFERS
from tests.support.driver import Driver, record

_numbers = count()
JUNE = "2024-06-01T00:00:00Z"


def fact(kind: str, time: str, **own: Any) -> bytes:
    return record(kind, f"2024-{time}T09:00:00Z", "C1", id=f"e{next(_numbers)}", **own)


def bought(*days: str) -> list[bytes]:
    return [fact("purchase.completed", day, amount_minor=1000, currency="EUR") for day in days]


def refund(day: str, **own: Any) -> bytes:
    return fact("purchase.refunded", day, amount_minor=500, currency="EUR", **own)


WEEKLY = bought("01-01", "01-08", "01-15", "01-22", "01-29")
FIRST = bought("05-10")


def raised(kind: str, *facts: bytes, until: str = JUNE) -> Alarm:
    driver = Driver().feed(*facts).restart().advance(until)
    return [one for one in driver.alarms if one.kind == kind and one.type in ("alarm.raised", "alarm.updated")][-1]


def texts(kind: str, *facts: bytes, until: str = JUNE) -> list[str]:
    return [reason.text for reason in raised(kind, *facts, until=until).reasons]


TROUBLES = [
    (refund("05-12", reason="Faulty", sku="kettle"), "Refund of 12 May for a faulty kettle."),
    (refund("05-12", reason="defect", sku="4711"), "Refund of 12 May for a faulty item (4711)."),
    (refund("05-12", reason="wrong_item"), "Refund of 12 May for the wrong item."),
    (refund("05-12", reason="late", sku="kettle"), "Refund of 12 May for a late delivery (kettle)."),
    (fact("survey.answered", "05-12", satisfaction=1), "Gave 1 of 5 on 12 May."),
    (fact("complaint.opened", "05-12", complaint_id="K1"), "Complaint of 12 May."),
    (fact("promise.broken", "05-12", promise_id="P1", topic="A call"), 'The promise "A call" was not kept by 12 May.'),
    (fact("promise.broken", "05-12", promise_id="P1"), "A promise was not kept by 12 May."),
]


@pytest.mark.parametrize(("trouble", "said"), TROUBLES)
def test_a_trouble_is_named_by_what_it_was_and_when(trouble: bytes, said: str) -> None:
    """J9: a refund with its reason and thing, a mark, a complaint, a promise; never a count."""
    assert texts("single-failure", *FIRST, trouble)[0] == said


def test_a_reason_of_the_users_own_is_quoted() -> None:
    """A word that only the policy's list knows; its quotes and lines are harmless."""
    driver = Driver('[refunds]\nbad_reasons = ["ro\\"to\\nBcc: x"]\n').feed(
        *FIRST, refund("05-12", reason='ro"to\nBcc: x', sku="jarra")
    )
    (alarm,) = [one for one in driver.alarms if one.kind == "single-failure"]
    assert alarm.reasons[0].text == 'Refund of 12 May for the reason "ro\'to Bcc: x" (jarra).'


def test_several_troubles_are_named_the_newest_first_and_the_rest_counted() -> None:
    """The first and the newest two stay; a row keeps no more."""
    facts = [fact("survey.answered", f"05-{day}", satisfaction=2) for day in range(12, 19)]
    said = texts("single-failure", *FIRST, *facts)
    assert said == [
        "Gave 2 of 5 on 18 May.",
        "Gave 2 of 5 on 17 May.",
        "Gave 2 of 5 on 12 May.",
        f"and {7 - MAX_CAUSES} bad experiences more since the last purchase.",
    ]


def test_a_debt_names_the_newest_bad_experience() -> None:
    """And what the complaint says."""
    complaints = [
        fact("complaint.opened", f"02-0{n}", complaint_id=f"K{n}", reason="The bread was mouldy.") for n in (3, 5)
    ]
    said = texts("experience-debt", *WEEKLY, *complaints, until="2024-02-06T00:00:00Z")
    assert said[:2] == ["Complaint of 5 February.", 'The complaint says: "The bread was mouldy."']
    assert said[2].endswith("still owed for bad ones.")


def test_a_silence_names_what_explains_it() -> None:
    """The complaint with its date and words, and the request."""
    desk = [
        fact("complaint.opened", "01-30", complaint_id="K1", reason="The bread was mouldy."),
        fact("contact.received", "01-30", channel="mail", request_id="R1", request_status="open"),
    ]
    assert texts("gone-quiet", *WEEKLY, *desk) == [
        "No purchase for 14 days, since 29 January; usually comes every 7 days.",
        "The complaint of 30 January is still open.",
        'The complaint says: "The bread was mouldy."',
        "The request of 30 January has had no answer.",
    ]


def test_what_is_usual_needs_three_gaps_and_is_their_middle() -> None:
    """One long gap does not change it; with two gaps nothing is called usual."""
    few = texts("gone-quiet", *bought("01-01", "01-08", "01-15"))
    assert "usually" not in few[0]
    odd = texts("gone-quiet", *bought("01-01", "01-08", "01-15", "02-20", "02-27"), until="2024-09-01T00:00:00Z")
    assert "usually comes every 7 days" in odd[0]


def test_a_year_that_has_passed_is_said_with_its_year() -> None:
    """A date of another year has it, so that it is not read as one of this year."""
    said = texts("defected", *bought("01-01"), until="2025-09-01T00:00:00Z")
    assert "since 1 January" in said[0]
    late = texts("defected", *bought("12-01"), until="2025-09-01T00:00:00Z")
    assert "since 1 December 2024" in late[0]


DISPUTE = fact("complaint.opened", "01-30", complaint_id="K1")
REFUSAL = fact("customer.described", "01-02", consent={"marketing": False, "profiling": True})
CONSENT = fact("customer.described", "01-03", consent={"marketing": True})
CASES = [
    ("gone-quiet", [*WEEKLY], "incentive"),
    ("gone-quiet", [*WEEKLY, DISPUTE], "help"),
    ("gone-quiet", [*WEEKLY, REFUSAL], "tailored_service"),
    ("gone-quiet", [*WEEKLY, REFUSAL, CONSENT], "incentive"),
    ("gone-quiet", [*WEEKLY, fact("customer.described", "01-02", consent={"profiling": False})], "incentive"),
    ("gone-quiet", [*WEEKLY, fact("competitor.mentioned", "01-28", competitor="x")], "preferential_treatment"),
    ("second-purchase-overdue", [*bought("01-01")], "special_offer"),
    ("second-purchase-overdue", [*bought("01-01"), REFUSAL], "tailored_service"),
    ("defected", [*WEEKLY, fact("exit.explained", "02-01", reason="price")], "special_offer"),
    ("defected", [*WEEKLY, REFUSAL, fact("exit.explained", "02-01", reason="price")], "tailored_service"),
    ("defected", [*WEEKLY, DISPUTE, fact("exit.explained", "02-01", reason="price")], "help"),
    ("defected", [*WEEKLY, fact("exit.explained", "02-01", reason="other:parking")], "participation"),
]


@pytest.mark.parametrize(("kind", "facts", "treatment"), CASES)
def test_one_action_fits_reason_dispute_and_consent(kind: str, facts: list[bytes], treatment: str) -> None:
    """Q7: no offer while a complaint is open, none ever to who has refused marketing, and what answers a known reason first."""
    facts = sorted(facts, key=lambda raw: raw.partition(b'"time":')[2][:26])
    assert raised(kind, *facts).treatment == treatment


def test_no_kind_makes_an_offer_to_who_refuses() -> None:
    """Whatever the story: an alarm about a customer with an open complaint or without consent proposes no offer."""
    facts = [REFUSAL, *WEEKLY, DISPUTE, fact("survey.answered", "01-31", satisfaction=1)]
    driver = Driver().feed(*facts).advance("2025-06-01T00:00:00Z")
    proposed = {
        one.kind: one.treatment for one in driver.alarms if one.treatment and not KINDS[one.kind].is_state_change
    }
    assert len(proposed) > 4
    assert not OFFERS & set(proposed.values())

"""Stories in text: what happened above the line, every alarm that follows below it.

2024-01-01T09:00:00Z C1 purchase 120 margin 30        money is in major units; options follow in pairs
2024-01-01T09:00:00Z C1 purchase 50 every 7d times 8  the same fact again and again
2024-01-01T09:00:00Z - complaint A# every 1d times 9  other cases: A0, A1, A2 ...
2024-01-25T10:00:00Z C1 complaint K7 severity major   lines are read in order: a late fact is simply a later line
policy [loyalty] hostage_occasions = 3                a line of the policy file
2024-01-26T10:00:00Z C1 acts dismiss on hostage by eva   what a person does about the newest alarm of a kind
until 2024-02-01T00:00:00Z                            the clock advances
without state changes                                 stages, tiers and types are left out below
together ... apart                                    the facts of the lines between are read in the order of their times
again                                                 everything above is read a second time
"""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from scorers.alarms.catalogue import KINDS, STATE_CHANGES
from scorers.contract.alarms import Alarm
from scorers.contract.rfc3339 import parse_instant, rfc3339
from scorers.policy.spans import parse_span
from tests.support.driver import Driver, record
from tests.support.paths import SCENARIOS

STORIES = sorted(SCENARIOS.glob("*.txt"))

VERBS: dict[str, tuple[str, str]] = {
    # word: type of the event, what the first word after it is
    "purchase": ("purchase.completed", "amount"),
    "refund": ("purchase.refunded", "amount"),
    "contact-in": ("contact.received", "channel"),
    "contact-out": ("contact.made", "channel"),
    "complaint": ("complaint.opened", "complaint_id"),
    "acknowledged": ("complaint.acknowledged", "complaint_id"),
    "resolved": ("complaint.resolved", "complaint_id"),
    "reopened": ("complaint.reopened", "complaint_id"),
    "survey": ("survey.answered", "satisfaction"),
    "referral": ("referral.made", "positive"),
    "exit": ("exit.explained", "reason"),
    "competitor": ("competitor.mentioned", "competitor"),
    "bond": ("bond.started", "bond"),
    "bond-ended": ("bond.ended", "bond"),
    "owner-judged": ("owner.judged", "good"),
    "promise": ("promise.made", "promise_id"),
    "kept": ("promise.kept", "promise_id"),
    "broken": ("promise.broken", "promise_id"),
    "lead": ("lead.created", ""),
    "reward": ("reward.granted", "reward"),
    "described": ("customer.described", "name"),
    "erased": ("customer.erased", ""),
    "merged": ("customer.merged", "into"),
    "staff": ("staff.pulse", "pulse"),
    "acts": ("alarm.action", "action"),
}
OPTIONS = {
    "amount": "amount_minor",
    "margin": "margin_minor",
    "discount": "discount_minor",
    "request": "request_id",
    "status": "request_status",
    "store": "store_id",
    "party": "party_type",
    "cost": "cost_minor",
    "value": "value_minor",
    "recommend": "would_recommend",
    "on": "alarm_id",
}
MONEY = ("amount_minor", "margin_minor", "discount_minor", "cost_minor", "value_minor")
NUMBERS = ("satisfaction", "would_recommend")
TRUTHS = ("positive", "public", "good")


def value_of(name: str, word: str) -> Any:
    """The value of a field of the contract, as the word in the scenario means it."""
    if name in MONEY:
        return round(float(word) * 100)
    if name in NUMBERS:
        return int(word)
    return word in ("yes", "good") if name in TRUTHS else word


def records(line: str, number: int) -> list[bytes]:
    """The facts of one line."""
    time, customer, verb, *words = line.split()
    kind, first = VERBS[verb]
    pairs = dict(zip(([first] if first else []) + words[1 if first else 0 :: 2], words[:1] + words[2::2], strict=True))
    if not first:
        pairs = dict(zip(words[::2], words[1::2], strict=True))
    step, times = parse_span(pairs.pop("every", "0s")), int(pairs.pop("times", "1"))
    own = {OPTIONS.get(name, name): value_of(OPTIONS.get(name, name), word) for name, word in pairs.items()}
    if "amount_minor" in own:
        own["currency"] = "EUR"
    if "items" in own:
        own["items"] = [{"sku": name, "quantity": 1, "category": name} for name in own["items"].split(",")]
    if verb == "staff":
        own["store_id"] = customer
    own.setdefault("id", f"line-{number}")
    start = int(parse_instant(time))
    name = None if customer == "-" else customer
    case = own.get("complaint_id", "")
    numbered = ({"complaint_id": case.replace("#", str(n))} if "#" in case else {} for n in range(times))
    return [
        record(kind, start + n * step, name, **{**own, **cases, "id": own["id"] + (f"-{n}" if n else "")})
        for n, cases in enumerate(numbered)
    ]


def about_alarm(raw: bytes, driver: Driver) -> bytes:
    """An action with the id of its customer's newest alarm of the kind that it names; any other fact as it is."""
    fact = json.loads(raw)
    if fact["type"] != "alarm.action":
        return raw
    own = [a for a in driver.alarms if (a.kind, a.customer_id) == (fact["alarm_id"], fact["customer_id"])]
    return json.dumps({**fact, "alarm_id": own[-1].alarm_id}).encode()


def play(text: str, make: Callable[[str], Driver] = Driver) -> tuple[Driver, bool]:
    """The driver after a story, and whether the story lists state changes."""
    policy = "\n".join(re.sub(r"^(\[\w+\]) ", r"\1\n", line) for line in re.findall(r"(?m)^policy (.*)$", text))
    driver, fed, block = make(policy), [], None
    for number, line in enumerate(text.splitlines(), 1):
        if line == "together":
            block = []
        elif line == "apart":
            fed += (facts := sorted(block, key=time_of))
            driver.feed(*facts)
            block = None
        elif block is not None:
            block += records(line, number)
        elif line.startswith("until "):
            driver.advance(line.split()[1])
        elif line == "again":
            driver.feed(*fed)
        elif re.match(r"\d{4}-", line):
            facts = [about_alarm(raw, driver) for raw in records(line, number)]
            fed += facts
            driver.feed(*facts)
            assert not driver.rejected, (line, driver.rejected)
    return driver, "\nwithout state changes" not in text


def time_of(raw: bytes) -> int:
    return parse_instant(json.loads(raw)["time"])


def as_line(a: Alarm) -> str:
    """An alarm record on one line: when it was published, what, of whom, since when, how grave, how it ended or why."""
    words = [rfc3339(a.time), a.type.removeprefix("alarm."), a.kind, a.subject.id, "at", rfc3339(a.at), a.severity]
    if a.outcome:
        words.append(a.outcome)
    if a.kind in ("stage-changed", "tier-changed", "loyalty-changed"):
        words.append(f"({a.reasons[0].text})" if a.reasons else "")
    return " ".join(words).strip()


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_a_story_raises_these_alarms_and_no_other(path, request):
    """What is not listed stays silent."""
    story, _, expected = path.read_text(encoding="utf-8").partition("\n---\n")
    assert re.match(r"# [A-Z].*\.\n", story), "the first line is a sentence"
    driver, with_changes = play(story)
    alarms = [as_line(a) for a in driver.alarms if with_changes or a.kind not in STATE_CHANGES]
    if request.config.getoption("--goldens"):
        path.write_text(story + "\n---\n" + "".join(f"{line}\n" for line in alarms), encoding="utf-8")
        return
    assert alarms == expected.splitlines()


def test_every_kind_has_a_story():
    """Every kind of the catalogue is raised in a story."""
    text = "\n".join(path.read_text(encoding="utf-8").partition("\n---\n")[2] for path in STORIES)
    assert {kind for kind in KINDS if f" raised {kind} " not in text} == set()

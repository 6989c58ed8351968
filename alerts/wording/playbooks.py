"""The texts for each treatment, skill, outcome and exit reason, as tables; the headline of a kind is in the file of the kind.

An alarm holds codes; people need a sentence and a step that they can take today. A test finds codes without a text.
"""

from typing import get_args

from msgspec import Struct

from scorers.alarms import catalogue
from scorers.contract.alarms import Skill, Treatment

HEADLINES: dict[str, str] = {name: kind.headline for name, kind in catalogue.KINDS.items()}
KINDS = frozenset(HEADLINES)

TREATMENTS: dict[Treatment, str] = {
    "preferential_treatment": "Give preference: serve this customer first, by name, with one person in charge.",
    "faster_attention": "Be fast: take the open matter yourself today and say when it will be done.",
    "special_offer": "Make one offer on what this customer usually buys. Do not repeat it.",
    "tailored_service": "Adapt the service: ask what was not right, change that, and show the change.",
    "privileged_information": "Inform early: share news, new stock or a date before other customers hear of it.",
    "participation": "Ask for an opinion on a real decision, and report the result.",
    "help": "Help: call, ask what is needed, and follow up until it works.",
    "incentive": "Give a small present, a prize draw or a discount, with thanks and without conditions.",
    "trust": "Restore trust: say what went wrong and what was done, and keep the next promise on time.",
    "do_not_spend": "Do not spend: answer politely if asked, make no offer, do not call.",
}

SKILLS: dict[Skill, str] = {
    "de_escalation": "someone who is good at calming conflicts",
    "retention": "someone experienced in winning customers back",
    "sales": "someone from sales",
    "service": "someone from service",
    "owner_of_cause": "the person responsible for the cause, not the customer's contact",
}

ENDS: dict[str | None, str] = {
    "returned": "The customer came back.",
    "saved": "The customer came back after somebody had acted on the alarm.",
    "false": "It was a false alarm: the customer continued to buy as before.",
    "lost": "The customer was lost.",
    "resolved": "The problem was solved.",
    "expired": "The time ran out without an answer.",
    None: "It is over.",
}


class Plan(Struct, frozen=True):
    """What to do about one reason for leaving: a treatment, and steps."""

    treatment: Treatment
    steps: tuple[str, ...]


PLANS: dict[str, Plan] = {
    "competitor": Plan(
        "preferential_treatment",
        ("Ask what the other shop does better.", "Match what you can and promise nothing else.", "Call in 30 days."),
    ),
    "unattended_service": Plan(
        "faster_attention",
        ("Apologise for the wait.", "Do what was asked today.", "Find out why nobody dealt with it."),
    ),
    "unrectified_defect": Plan(
        "trust",
        ("Repair the defect at our cost.", "Say by when, and confirm when it is done.", "Check after a week."),
    ),
    "boredom": Plan(
        "privileged_information",
        ("Show what is new among the things they like.", "Invite them to try it.", "Send no general advertising."),
    ),
    "price": Plan(
        "special_offer",
        ("Ask which product is too expensive.", "Offer a bundle before a discount.", "Give any discount an end date."),
    ),
    "service_quality": Plan(
        "tailored_service",
        ("Let one person hear the whole matter, once.", "Change what was wrong.", "Ask again after the next visit."),
    ),
    "product_quality": Plan(
        "help",
        (
            "Replace or refund without discussion.",
            "Report the product and lot to purchasing.",
            "Tell them what was changed.",
        ),
    ),
    "pressure": Plan(
        "trust",
        ("Do not contact them for 60 days.", "Then let them choose the channel and frequency.", "Respect that choice."),
    ),
    "moved_away": Plan(
        "help",
        ("Wish them well.", "Mention delivery or the nearest store, once.", "Close the matter."),
    ),
    "no_more_need": Plan(
        "participation",
        ("Thank them.", "If they were satisfied, ask whom they would recommend us to.", "Close the matter."),
    ),
    "unknown": Plan(
        "participation",
        (
            "Hold the exit interview: ask, in one short call, why they left.",
            "Write the reason down, as an explained exit.",
            "Make no offer before you know the reason.",
        ),
    ),
}
"""By exit reason; a user-defined reason (`other:` and a code) uses the plan for `unknown`."""


def plan_for(reason: str) -> Plan:
    """The plan for a reason for leaving.

    >>> plan_for("other:parking").treatment
    'participation'
    """
    return PLANS.get(reason, PLANS["unknown"])


assert set(TREATMENTS) == set(get_args(Treatment))
assert set(SKILLS) == set(get_args(Skill))

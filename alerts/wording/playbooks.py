"""What to do: the words behind each alarm kind, treatment, exit reason and skill, as tables.

An alarm carries codes. A person needs a sentence and a step that can be taken today. This file knows nothing of
channels or routes; a code without words here is found by a test, not by a reader.
"""

from typing import get_args

from msgspec import Struct

from scorers.contract.alarms import Alarm, Skill, Treatment
from scorers.contract.inert import inert

HEADLINES: dict[str, str] = {
    "prospect-cooling": "{who} is about to lose interest before a first purchase",
    "second-purchase-overdue": "{who} bought once and has not come back in the usual time",
    "single-failure": "{who} bought once and something went wrong",
    "small-mishap": "{who} is still judging us and something went wrong",
    "major-problem": "{who} has a serious complaint",
    "complaint-unacknowledged": "Nobody has answered the complaint of {who}",
    "complaint-overdue": "The complaint of {who} is past its deadline",
    "request-unattended": "{who} asked for something and got no answer",
    "gone-quiet": "{who} has gone quiet",
    "defected": "{who} has most likely left",
    "risk-high": "{who} is likely to leave",
    "risk-rising": "{who} is drifting away",
    "tier-drop": "{who} has fallen a tier",
    "apostle-lost": "{who} no longer recommends us",
    "hostage": "{who} still buys while a complaint is left lying",
    "terrorist": "{who} is leaving and speaking against us",
    "experience-debt": "{who} has had too many bad experiences",
    "promise-broken": "We broke a promise to {who}",
    "contact-pressure": "We contact {who} too often",
    "boredom": "{who} buys less variety, less often",
    "wallet-shrinking": "{who} buys more of it elsewhere",
    "bond-cut": "{who} gave up something that tied them to us",
    "exposed-silently": "{who} bought what others complain of",
    "owner-disagrees": "You and the figures disagree about {who}",
    "score-money-disagree": "Risk and spending disagree about {who}",
    "underserved": "{who} gets less service than they pay for",
    "overserved": "{who} costs more service than they bring",
    "distributor-risk": "The distributor {who} is likely to leave",
    "staff-unasked": "Nobody has asked the staff of {who} how they are",
    "staff-unthanked": "Nobody has thanked the staff of {who}",
    "complaint-theme": "Complaints about {who} are rising",
    "feed-silent": "No data comes from {who}",
    "base-outflow": "More customers leave than come: {who}",
    "retention-order": "Retention does not rise stage by stage: {who}",
    "stage-changed": "{who} entered another stage",
    "tier-changed": "{who} entered another tier",
    "loyalty-changed": "{who} changed in loyalty",
    "reactivated": "{who} came back",
    "golden-conversion": "{who} became a customer with nothing going wrong",
}
KINDS = frozenset(HEADLINES)

TREATMENTS: dict[Treatment, str] = {
    "preferential_treatment": "Give preference: serve first, by name, through one person who owns the matter.",
    "faster_attention": "Be fast: take the open matter yourself today and say when it will be done.",
    "special_offer": "Make one offer on what this customer usually buys. One, not a series.",
    "tailored_service": "Fit the service: ask what did not suit, change that one thing, and show it.",
    "privileged_information": "Tell early: share news, stock or a date before others know it.",
    "participation": "Ask for an opinion on something you will really decide, and report what came of it.",
    "help": "Help: call, ask what is needed, and stay on it until it works.",
    "incentive": "Give a small present, a draw or a discount, with thanks and without conditions.",
    "trust": "Restore trust: say plainly what went wrong, what was done, and keep the next promise to the day.",
    "do_not_spend": "Do not spend: answer politely if asked, offer nothing, call nobody.",
}

SKILLS: dict[Skill, str] = {
    "de_escalation": "someone who stays calm in a conflict",
    "retention": "someone used to winning customers back",
    "sales": "someone from sales",
    "service": "someone from service",
    "owner_of_cause": "whoever owns the cause, not the customer's contact",
}

ENDS: dict[str | None, str] = {
    "saved": "The customer was kept.",
    "false": "It was a false alarm: the customer bought on as before.",
    "lost": "The customer was lost.",
    "resolved": "The matter was put right.",
    "expired": "It ran out without an answer.",
    None: "It is over.",
}


class Plan(Struct, frozen=True):
    """What to do about one reason for leaving: the treatment to try, and the steps."""

    treatment: Treatment
    steps: tuple[str, ...]


PLANS: dict[str, Plan] = {
    "competitor": Plan(
        "preferential_treatment",
        ("Ask what the other shop does better.", "Match what you can; do not promise the rest.", "Call in 30 days."),
    ),
    "unattended_service": Plan(
        "faster_attention",
        ("Apologise for the wait.", "Do what was asked today.", "Find out why nobody took it."),
    ),
    "unrectified_defect": Plan(
        "trust",
        ("Put the defect right, at our cost.", "Say by when, and report when done.", "Check after a week."),
    ),
    "boredom": Plan(
        "privileged_information",
        ("Show what is new in what they like.", "Invite them to try it.", "Send no general advertising."),
    ),
    "price": Plan(
        "special_offer",
        ("Ask which article is too dear.", "Offer a bundle before a discount.", "Set an end to any discount."),
    ),
    "service_quality": Plan(
        "tailored_service",
        ("Let them tell it once, to one person.", "Change that one thing.", "Ask again after the next visit."),
    ),
    "product_quality": Plan(
        "help",
        ("Replace or refund without argument.", "Pass article and lot to the buyer.", "Tell them what was changed."),
    ),
    "pressure": Plan(
        "trust",
        ("Stop all outreach for 60 days.", "Let them choose channel and frequency.", "Keep to it."),
    ),
    "moved_away": Plan(
        "help",
        ("Wish them well.", "Tell them of delivery or of the nearest store, once.", "Close the matter."),
    ),
    "no_more_need": Plan(
        "do_not_spend",
        ("Thank them.", "Ask whom they would recommend us to, if they were content.", "Close the matter."),
    ),
    "unknown": Plan(
        "participation",
        ("Ask, in one short call, why they left.", "Write the reason down.", "Offer nothing before you know it."),
    ),
}
"""By exit reason; a reason of one's own (`other:` + code) is met as an unknown one."""


def plan_for(reason: str) -> Plan:
    """The plan for this reason for leaving.

    >>> plan_for("other:parking").treatment
    'participation'
    """
    return PLANS.get(reason, PLANS["unknown"])


def headline(alarm: Alarm, who: str) -> str:
    """One line that says what happened to whom."""
    return HEADLINES.get(alarm.kind, "{who}: " + inert(alarm.kind, 80)).replace("{who}", who)


def advice(alarm: Alarm) -> tuple[str, ...]:
    """What to do now: the proposed treatment, then the plan when the reason for leaving is known."""
    told = [TREATMENTS[alarm.treatment]] if alarm.treatment else []
    if alarm.kind == "defected":
        known = [plan_for(reason.code).steps for reason in alarm.reasons if reason.code in PLANS]
        told += known[0] if known else PLANS["unknown"].steps
    return tuple(told)


assert set(TREATMENTS) == set(get_args(Treatment))
assert set(SKILLS) == set(get_args(Skill))

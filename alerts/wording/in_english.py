"""Messages in English. Headlines and remedies stand in the file of each kind."""

from alerts.wording.playbooks import ENDS, HEADLINES, PLANS, SKILLS, TREATMENTS
from alerts.wording.tongue import Tongue
from scorers.alarms import catalogue
from scorers.alarms.english import ENGLISH as LANGUAGE

LABELS = (
    *("Since", "Why", "At stake", "Do", "Best done by", "Until", "What would settle it", "Customer", "Store"),
    *("Alarm", "To answer", "How it ended"),
)

ENGLISH = Tongue(
    language=LANGUAGE,
    headlines=HEADLINES,
    milder={name: kind.milder[1] for name, kind in catalogue.KINDS.items() if kind.milder is not None},
    remedies={name: kind.remedy for name, kind in catalogue.KINDS.items() if kind.remedy is not None},
    treatments=TREATMENTS,
    steps={
        "bond-cut": "Ask why it was given up, and what would suit better.",
        "boredom": "Show, at the next visit, what is new among the things they like.",
        "contact-pressure": "Send nothing for 60 days; then let the customer choose channel and frequency.",
        "owner-disagrees": "Look at the last visits, and confirm or change the assessment.",
        "promise-broken": "Keep the promise now, say why it was late, and confirm when it is done.",
        "prospect-cooling": "Give facts: amounts, dates and what you can promise; then ask for a decision.",
        "score-money-disagree": "Compare the last purchases with those before, and ask at the next visit what has changed.",
        "second-purchase-overdue": "Make one offer that fits the first purchase. Do not repeat it.",
        "staff-unasked": "Ask the staff how they are and what would help, and say what follows.",
        "staff-unthanked": "Thank the staff by name, for something that they did.",
        "tier-drop": "Ask what has changed, and adapt the service to it.",
        "wallet-shrinking": "Find out what is no longer bought here, and ask about it at the next visit.",
    },
    skills=SKILLS,
    ends={outcome or "": text for outcome, text in ENDS.items()},
    plans={reason: plan.steps for reason, plan in PLANS.items()},
    labels={label: label for label in LABELS},
    texts={
        "goodbye": "{who} said goodbye",
        "over": "Over: {text}",
        "not_acknowledged": "Not yet acknowledged: {text}",
        "still_open": "Still open: {text}",
        "false_alarm": "Data that arrived late shows that this was a false alarm.",
        "nameless": "a {type} without a name",
        "about": "about {money}",
        "chance": "{percent} chance of no purchase",
        "chance_within": "{percent} chance of no purchase within {span}",
        "under_a_hundredth": "under 1%",
        "over_99": "over 99%",
        "percent": "{percent}%",
        "money": "{currency} {amount}",
        "answer": "vigia alarms ack {id} (or snooze, resolve, dismiss)",
        "more": "and {number} more, less urgent",
        "counted": "and {each}, too many to send one by one; vigia alarms tail shows all",
        "digest": "{alarms}: {whom}",
        "worklist": "Worklist of {date}: {whom}",
        "with_alarms": "{worklist}; {alarms}",
        "entry": "{rank}. {who}: expected loss {loss} ({percent} of {worth}).",
        "unfunded": "and {number} more for whom an effort would pay, beyond today's capacity or budget",
        "and_more": "{names} and {number} more",
    },
    weekdays=("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    short_months=("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)

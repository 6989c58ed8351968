"""The languages of messages, and what is said in each: a headline, a step, a reason, a remedy."""

from collections.abc import Iterable

from alerts.wording.in_english import ENGLISH
from alerts.wording.in_spanish import SPANISH
from alerts.wording.playbooks import PLANS
from alerts.wording.tongue import Tongue
from scorers.alarms import catalogue
from scorers.contract.alarms import Alarm, Reason
from scorers.contract.inert import inert
from scorers.contract.rfc3339 import rfc3339

TONGUES: dict[str, Tongue] = {"en": ENGLISH, "es": SPANISH}


def language_of(alarms: Iterable[Alarm]) -> str:
    """The language of the customers' `locale` if it is one and the same and known here, else English.

    >>> language_of([])
    'en'
    """
    found = {(alarm.locale or "")[:2].lower() for alarm in alarms}
    return language if len(found) == 1 and (language := found.pop()) in TONGUES else "en"


def headline(alarm: Alarm, who: str, language: str = "en") -> str:
    """What happened to whom, in one line."""
    tongue, kind = TONGUES[language], catalogue.KINDS.get(alarm.kind)
    if said_goodbye(alarm):
        text = tongue.texts["goodbye"]
    elif kind is not None and kind.is_milder(alarm.stage, alarm.risk):
        text = tongue.milder[alarm.kind]
    else:
        text = tongue.headlines.get(alarm.kind, "{who}: " + inert(alarm.kind, 80))
    return text.replace("{who}", who)


def said_goodbye(alarm: Alarm) -> bool:
    """Whether the customer has explained that they leave."""
    return alarm.kind == "defected" and any(reason.sentence == "goodbye" for reason in alarm.reasons)


def advice(alarm: Alarm, language: str = "en") -> tuple[str, ...]:
    """What to do now: the plan for why a customer has left, else the step of the kind, where nothing speaks for another treatment."""
    tongue = TONGUES[language]
    if alarm.treatment is None:
        return ()
    if alarm.treatment != "do_not_spend" and alarm.kind == "defected" and alarm.stage in ("defector", "core_defector"):
        goodbye = said_goodbye(alarm)
        if goodbye or alarm.treatment == "participation":
            code = alarm.reasons[0].code if goodbye else "unknown"
            return tongue.plans[code if code in PLANS else "unknown"]
    kind = catalogue.KINDS.get(alarm.kind)
    if alarm.kind in tongue.steps and kind is not None and alarm.treatment == kind.treatment:
        return (tongue.steps[alarm.kind],)
    return (tongue.treatments[alarm.treatment],)


def said(reason: Reason, alarm: Alarm, language: str = "en") -> str:
    """A reason of the alarm in a language."""
    return said_of(reason, rfc3339(alarm.time)[:10], language)


def said_of(reason: Reason, today: str, language: str = "en") -> str:
    """The reason in a language, from its sentence and values; in English, as it came, if its sentence has no translation."""
    speech = TONGUES[language].language
    if language == "en" or reason.sentence not in speech.sentences:
        return inert(reason.text or reason.code)
    try:
        return inert(speech.say(reason.sentence, reason.values, today))
    except (KeyError, ValueError, TypeError):  # of a newer build, with other values
        return inert(reason.text or reason.code)


def remedy(alarm: Alarm, deadline: str, language: str = "en") -> str:
    """What would settle the alarm; `deadline` is its date, like 2024-05-12."""
    found = TONGUES[language].remedies.get(alarm.kind)
    if language == "en" or found is None or ("{by}" in found and not deadline):
        return inert(alarm.counterfactual or "")
    return found.format(by=TONGUES[language].language.date(deadline, deadline)) if deadline else found

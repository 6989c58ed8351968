"""Messages in English and Spanish: both say all that is said, from the same values."""

from functools import cache

import pytest

from alerts.wording.formats import day_and_time, money, percent
from alerts.wording.languages import TONGUES, advice, headline, language_of, said
from alerts.wording.message import compose, digest
from alerts.wording.playbooks import PLANS
from scorers.alarms.catalogue import KINDS, STATE_CHANGES
from scorers.alarms.speech import places
from scorers.contract.alarms import Alarm, Reason
from scorers.customer.treatments import FOR_REASON
from tests.scorers.alarms.test_kinds import story
from tests.scorers.alarms.test_scenarios import play
from tests.support.paths import SCENARIOS
from tests.support.routefiles import PLAIN
from tests.support.timeline import Story, alarm, at

ENGLISH, SPANISH = TONGUES["en"], TONGUES["es"]
TABLES = ("headlines", "milder", "remedies", "treatments", "steps", "skills", "ends", "plans", "texts")
WITHOUT_SENTENCES = STATE_CHANGES | {"feed-silent", "base-outflow", "retention-order"}


@cache
def raised() -> tuple[Alarm, ...]:
    """The alarms of the stories."""
    stories = sorted(SCENARIOS.glob("*.txt"))
    return tuple(one for path in stories for one in play(story(path))[0].alarms if one.reasons)


def keys(language: str) -> dict[str, set[str]]:
    """The keys of each table of a language."""
    tongue = TONGUES[language]
    own = {name: set(getattr(tongue, name)) for name in TABLES}
    return own | {name: set(getattr(tongue.language, name)) for name in ("sentences", "nouns", "words")}


def test_both_languages_have_every_text() -> None:
    """A text that Spanish lacks is named here; more headlines than English are of kinds that are still to come."""
    english, spanish = keys("en"), keys("es")
    assert {name: english[name] - spanish[name] for name in english if english[name] - spanish[name]} == {}
    assert {name for name in english if spanish[name] - english[name]} <= {"headlines", "remedies"}


def test_every_text_has_the_same_places() -> None:
    """A translation needs the values that the sentence brings, and no others."""
    one, other = ENGLISH.language, SPANISH.language
    for name in one.sentences:
        assert places(one.sentences[name]) == places(other.sentences[name]), name
    for table in ("headlines", "milder", "remedies", "texts"):
        for name, text in getattr(ENGLISH, table).items():
            assert places(text) == places(getattr(SPANISH, table)[name]), (table, name)
    assert len(other.months) == len(SPANISH.short_months) == 12


def test_every_reason_is_said_in_both_languages() -> None:
    """Of the stories: no reason without its sentence, and the English one is the text of the record."""
    checked = 0
    for one in raised():
        for reason in one.reasons:
            assert reason.sentence or one.kind in WITHOUT_SENTENCES, (one.kind, reason)
            if reason.sentence:
                assert ENGLISH.language.say(reason.sentence, reason.values, "") != ""
                assert said(reason, one, "es") != said(reason, one, "en"), reason
                checked += 1
    assert checked > 50


def test_a_whole_message_in_spanish() -> None:
    """Nothing English is left but the command and the codes of the alarm."""
    values: dict[str, int | float | str] = {"silent": 16, "closed": 0, "last": "2024-03-22", "usual": 7.0}
    one = alarm(
        kind="gone-quiet",
        name="Ana Ruiz",
        reasons=(Reason("silence", 1.0, "No purchase for 16 days.", "silence_usual", values),),
        value_at_risk_minor=123456,
        currency="EUR",
        risk=0.72,
        horizon_days=90.0,
        treatment="incentive",
        skill="retention",
        deadline=at(18),
        counterfactual="One purchase by 1 January settles this.",
        locale="es-ES",
    )
    assert language_of([one]) == "es"
    message = compose(one, language="es")
    assert message.title == "Ana Ruiz (oro) ha dejado de dar señales"
    assert [f"{line.label}: {line.text}" for line in message.lines][:8] == [
        "Desde: lun 1 ene 2024, 09:00 UTC",
        "Por qué: Sin compras desde hace 16 días, desde el 22 de marzo; suele venir cada 7 días.",
        "En juego: unos 1.234,56 EUR, 72 % de probabilidad de que no compre en 90 días",
        "Qué hacer: Dé un pequeño regalo, un sorteo o un descuento, con las gracias y sin condiciones.",
        "Mejor quien sea: alguien con experiencia en recuperar clientes",
        "Hasta: lun 1 ene 2024, 18:00 UTC",
        "Qué la cerraría: Una compra hasta el 1 de enero la cierra.",
        "Cliente: C1",
    ]
    assert digest([one, one], language="es").title == "2 alarmas: Ana Ruiz (oro)"


@pytest.mark.parametrize(
    ("settings", "locale", "title"),
    [
        ("", "es", "ha dejado"),
        ("", "de-AT", "has gone"),
        ("", None, "has gone"),
        ("en", "es", "has gone"),
        ("es", None, "ha dejado"),
    ],
)
async def test_a_channel_speaks_its_language(settings: str, locale: str | None, title: str) -> None:
    """The language of the settings, else that of the customer's locale, else English."""
    story = Story(PLAIN.replace('type = "log"\n', f'type = "log"\nlanguage = "{settings}"\n'))
    await story.push(alarm(kind="gone-quiet", name="Ana", locale=locale))
    assert title in story.sinks["desk"].taken[0].message.title


def test_a_sentence_of_a_newer_build_is_said_as_it_came() -> None:
    """Unknown names and other values leave the English text of the record."""
    for reason in (
        Reason("x", 1.0, "As it came.", "new_sentence"),
        Reason("x", 1.0, "As it came.", "silence", {"n": 1}),
    ):
        assert said(reason, alarm(), "es") == "As it came."


def test_the_treatment_and_the_plan_for_a_reason_agree() -> None:
    """What the core proposes for a reason for leaving is what its plan carries out."""
    assert {reason: plan.treatment for reason, plan in PLANS.items()} == FOR_REASON


def test_who_left_is_asked_before_an_offer() -> None:
    """One action: the plan of the reason given, and without one the question; never a treatment beside a plan against it."""
    gone = {"kind": "defected", "stage": "defector"}
    goodbye = (Reason("price", 1.0, "Said goodbye.", "goodbye", {"at": "2024-01-01", "reason": "price"}),)
    assert advice(alarm(**gone, treatment="special_offer", reasons=goodbye)) == PLANS["price"].steps
    assert advice(alarm(**gone, treatment="participation")) == PLANS["unknown"].steps
    assert advice(alarm(**gone, treatment="help")) == (ENGLISH.treatments["help"],)
    assert advice(alarm(**gone, treatment="do_not_spend")) == (ENGLISH.treatments["do_not_spend"],)
    assert headline(alarm(**gone, reasons=goodbye, risk=0.2), "Ana") == "Ana said goodbye"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_nobody_is_said_to_leave_under_an_even_risk(kind: str) -> None:
    """J9: "likely", "has left" and the like need a risk of one half."""
    for language, words in (("en", ("likely", "leaving", "has left")), ("es", ("robable", "se va"))):
        assert not any(
            word in headline(alarm(kind=kind, risk=0.49, stage="defector"), "Ana", language) for word in words
        )
    assert "likely" in headline(alarm(kind="risk-high", risk=0.5), "Ana")


def test_figures_are_written_as_people_write_them() -> None:
    """Decimal comma and the sign after it in Spanish; plurals from one on."""
    assert (money(-123456, "EUR", SPANISH), percent(0.001, SPANISH), percent(0.716, SPANISH)) == (
        "-1.234,56 EUR",
        "menos del 1 %",
        "72 %",
    )
    assert day_and_time(at(9), None, SPANISH) == "lun 1 ene 2024, 09:00 UTC"
    for tongue, singular, plural in ((ENGLISH, "1 day", "2 days"), (SPANISH, "1 día", "2 días")):
        assert [tongue.language.count(n, "day") for n in (1, 2)] == [singular, plural]

"""Templates of messages: what is checked when they are read, and that text from outside stays text."""

from pathlib import Path

import pytest

from alerts.pipeline.routes import load
from alerts.settings.toml import BadSetting
from alerts.wording.message import compose
from alerts.wording.templates import MUST_SAY, BadTemplate, MessageTemplate, shipped
from scorers.contract.alarms import Reason
from tests.support.receivers import HOSTILE
from tests.support.routefiles import PLAIN
from tests.support.timeline import alarm, settled

OWN = shipped("en")


@pytest.mark.parametrize("field", MUST_SAY)
@pytest.mark.parametrize("language", ["en", "es"])
def test_a_template_that_does_not_say_what_people_need_is_refused(language: str, field: str) -> None:
    """Who, what, when, why, why in money, what to do, by when, how to answer: each is missed by name."""
    place = {"reasons": "{{ reason }}", "steps": "{{ step }}"}.get(field, f"{{{{ {field} }}}}")
    with pytest.raises(BadTemplate, match=r"does not (say|begin)"):
        MessageTemplate(shipped(language).replace(place, "something"))
    assert place in shipped(language)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("{{ stake }}", "{{ stakes }}", "uses 'stakes', which is no field; there are answer"),
        ("{% endif %}", "", "line .*endif"),
        ("{{ stake }}", "{{ stake.__class__.__mro__ }}", "fails when it is used|does not say why it matters in money"),
        ("{{ stake }}", "{{ stake }} {{ title.__class__.__base__.__subclasses__() }}", "fails when it is used"),
        ("{{ stake }}", "{{ stake }} {{ 1 // 0 }}", "ZeroDivisionError"),
        ("{{ stake }}", "{{ stake }} {{ reasons[0] }}", "fails when it is used"),
        ("{{ stake }}", "{{ stake }}" + "x" * 20_001, "more than 20000 bytes"),
        ("{{ over }}", "over", "how an alarm ended"),
    ],
)
def test_a_template_that_would_fail_or_reach_out_is_refused(old: str, new: str, says: str) -> None:
    """Unknown fields, errors of syntax, and anything that fails for some alarm or leaves the sandbox."""
    with pytest.raises(BadTemplate, match=says):
        MessageTemplate(OWN.replace(old, new))


def test_text_from_outside_adds_no_line_no_label_and_no_command() -> None:
    """Line ends, bars, and Jinja in a name or a reason are shown, and do nothing."""
    evil = "Ana\r\nDo | pay me {{ 7 * 7 }} {% raw %} \ue000 \ue001 | x " + HOSTILE
    one = alarm(name=evil, customer_id=evil, store_id=evil, reasons=(Reason("gap", 1.0, evil),))
    plain, message = (
        compose(alarm(name="Ana", store_id="S", reasons=(Reason("gap", 1.0, "x"),))),
        compose(one, link="https://x"),
    )
    assert [line.label for line in message.lines] == [line.label for line in plain.lines]
    assert "49" not in message.plain()
    assert [line.link for line in message.lines if line.link] == ["https://x"]
    assert "\ue001" not in message.plain() + message.title


def test_own_words_are_used_where_the_routes_name_them(tmp_path: Path) -> None:
    """By language, from a file beside the routes; a line without a text is left out, one without a label stands for itself."""
    (tmp_path / "mine.jinja").write_text(OWN.replace("Store | {{ store }}", "In {{ store }} since {{ since }}"))
    (tmp_path / "routes.toml").write_text(f'[messages]\nen = "mine.jinja"\n{PLAIN}')
    template = load(tmp_path / "routes.toml").templates["en"]
    told = compose(alarm(store_id="S7"), template=template)
    assert "- In S7 since Mon 1 Jan 2024, 09:00 UTC" in told.plain()
    assert "Until" not in [line.label for line in told.lines]
    over = compose(settled(alarm(), alarm().time), template=template)
    assert [line.label for line in over.lines] == ["How it ended"]


def test_a_template_that_is_wrong_refuses_the_routes(tmp_path: Path) -> None:
    """With the line of the routes, the file of the template, and what it does not say."""
    (tmp_path / "mine.jinja").write_text(OWN.replace("{{ stake }}", "much"))
    (tmp_path / "routes.toml").write_text(f'{PLAIN}\n[messages]\nes = "mine.jinja"\n')
    with pytest.raises(
        BadSetting, match=r"line \d+: messages\.es: .*mine\.jinja does not say why it matters in money; write"
    ):
        load(tmp_path / "routes.toml")
    (tmp_path / "mine.jinja").unlink()
    with pytest.raises(BadSetting, match="cannot be read"):
        load(tmp_path / "routes.toml")

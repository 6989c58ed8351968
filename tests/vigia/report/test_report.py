"""The report of a run: its figures are those of the run, its texts exist in each language, and nothing in it can run."""

import json
import re
import string
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from scorers.contract.events import DAY, HOUR
from scorers.policy.tables import Policy
from streams.replay.replay import replay
from streams.replay.scores import ScoreSchedule
from tests.support.driver import instant, purchase, record
from vigia.cli import main
from vigia.report.english import TEXTS
from vigia.report.figures import Buyer, Share, leaves_by_purchase, leaves_by_tenure, read_figures
from vigia.report.page import page
from vigia.report.spanish import TEXTS as TEXTOS

JANUARY = instant("2024-01-01T10:00:00Z")
EVIL = "<script>alert(1)</script>"


def shop() -> Iterator[bytes]:
    """Thirty regulars, of whom five stop in March; five who buy once; and complaints about an article whose name is markup."""
    for c in range(30):
        for week in range(8 if c < 5 else 40):
            at = JANUARY + week * 7 * DAY + c * HOUR // 4
            yield purchase(at, f"R{c}", 1000 + 100 * c)
        yield record("survey.answered", JANUARY + 20 * DAY + c, f"R{c}", satisfaction=2 if c == 29 else 5)
    for c in range(5):
        yield purchase(JANUARY + c * DAY, f"O{c}")
    yield record("exit.explained", JANUARY + 60 * DAY, "R0", reason="price")
    for c in range(9):
        at = JANUARY + (200 + c) * DAY
        yield record("complaint.opened", at, f"R{c + 10}", complaint_id=f"K{c}", subject="product", sku=EVIL)
    for n in range(40):
        yield record(
            "complaint.opened", JANUARY + n * 5 * DAY, None, complaint_id=f"A{n}", subject="service", reason="slow"
        )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a replay of the shop."""
    folder = tmp_path_factory.mktemp("report")
    events = folder / "events.jsonl"
    events.write_bytes(b"\n".join(sorted(shop(), key=lambda line: json.loads(line)["time"])) + b"\n")
    replay([str(events)], folder, Policy(), ScoreSchedule(until=JANUARY + 281 * DAY))
    return folder


def test_the_figures_are_those_of_the_run(run: Path) -> None:
    """Customers, buyers, answers, reasons and themes, each counted from what went in."""
    f = read_figures(run)
    assert f.customers == 35
    assert f.bought[:3] == (35, 35, 30)
    assert f.stages.total() == f.places.total() == 35
    assert (f.stages["core_customer"], f.stages["defector"]) == (25, 5)
    assert (f.satisfied, f.silent_attitude) == (Share(29, 30), 5)
    assert f.reasons == {"price": 1, "unknown": 4}
    assert f.flows["prospect", "first_time_buyer"] == 35
    assert [theme.name for theme in f.themes] == [f"product/sku:{EVIL}"]
    assert sum(week.lost for week in f.weeks) == 4  # one said goodbye before


def test_the_moments_are_dated_by_the_last_purchase_of_those_who_were_there() -> None:
    """Who left is at risk up to the month of the last purchase; who is too young for a loss to be known does not count."""
    month = 30 * DAY
    stay = [Buyer(0, 9 * month, 10, False)] * 20
    gone = [Buyer(0, month + DAY, 2, True)] * 5
    young = [Buyer(8 * month, 9 * month, 2, False)] * 7
    by_tenure = leaves_by_tenure([*stay, *gone, *young], 8 * month)
    assert by_tenure[:3] == (Share(0, 25), Share(5, 25), Share(0, 20))
    assert by_tenure[8] == Share(0, 0)
    assert leaves_by_purchase([*stay, *gone, *young], 8 * month)[:3] == (Share(0, 32), Share(5, 25), Share(0, 20))


class Parsed(HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


@pytest.mark.parametrize("language", ["en", "es"])
def test_nothing_on_the_page_runs_or_is_loaded(run: Path, language: str) -> None:
    """No script, no link, no address but the namespace of SVG; what came from outside is text."""
    text = page(read_figures(run), language)
    parsed = Parsed(text)
    assert "alert(1)" in text
    assert not parsed.tags & {"script", "link", "img", "iframe", "object", "a", "form", "use", "image"}
    assert not [name for name, _ in parsed.attributes if name.startswith("on") or name in ("src", "href", "style")]
    assert set(re.findall(r"\w+://[^\"' ]+", text)) == {"http://www.w3.org/2000/svg"}
    assert "default-src 'none'" in text


@pytest.mark.parametrize("language", ["en", "es"])
def test_every_section_says_what_it_shows_and_what_to_do(run: Path, language: str) -> None:
    """Nine sections; of each picture a text for those who do not see it; no code of a stage or type is shown."""
    text = page(read_figures(run), language)
    texts = TEXTS if language == "en" else TEXTOS
    assert text.count("<section>") == text.count(f"<b>{texts['shows']}</b>") == 9
    assert text.count(f"<b>{texts['do']}</b>") == 9
    assert text.count("<svg ") == text.count('role="img" aria-label="') >= 8
    assert not re.search(r"first_time_buyer|core_defector|terrorist|\{\w+\}", text)


def test_the_figures_of_the_base_are_shown(run: Path, tmp_path: Path) -> None:
    """Those of `base.json`: who was lost and won and the gap in money (L8), what a customer spends by tenure (P7), deadlines (X6)."""
    base, f = json.loads((run / "base.json").read_bytes()), read_figures(run)
    assert [(flow.flow, flow.lost, flow.won) for flow in f.base.flows] == [
        (flow["flow"], flow["lost"], flow["won"]) for flow in base["flows"]
    ]
    changed = {**base, "flows": [{**base["flows"][0], "lost": 321, "won": 12, "currency": "EUR", "gap_minor": 765400}]}
    changed["flows"].append({**changed["flows"][0], "flow": f"store:{EVIL}", "lost": 7})
    for name in ("summary.json", "customers.jsonl", "alarms.jsonl", "losses.jsonl"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    (tmp_path / "base.json").write_text(json.dumps(changed), encoding="utf-8")
    text = page(read_figures(tmp_path))
    assert "<td>all customers</td><td>321</td><td>12</td><td>EUR 7,654</td>" in text
    assert "store &lt;script&gt;" in text
    missed = sum(one["missed"] for one in base["deadlines"] if one["deadline"] == "rectify")
    assert f"Complaint put right ({missed})" in text
    spent = [
        one["spent_in_28_days_minor"]["EUR"] for one in base["tenure"] if one["from_day"] and one["active_days"] >= 560
    ]
    assert f"EUR {spent[0] // 100}" in text
    (tmp_path / "base.json").unlink()
    assert page(read_figures(tmp_path)).count("Not measured") == 2


def test_both_languages_say_the_same() -> None:
    """The same keys, each with the same places for values."""

    def places(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert {key: places(text) for key, text in TEXTS.items()} == {key: places(text) for key, text in TEXTOS.items()}
    assert [key for key in TEXTS if TEXTS[key] == TEXTOS[key]] == ["reason"]  # values alone


def test_an_empty_run_says_what_is_not_measured(tmp_path: Path) -> None:
    """Without a purchase, a loss or an answer no figure is invented."""
    events = tmp_path / "events.jsonl"
    events.write_bytes(record("lead.created", JANUARY, "L1", value_minor=100) + b"\n")
    replay([str(events)], tmp_path, Policy())
    text = page(read_figures(tmp_path))
    assert "Not measured: nobody has left yet." in text
    assert "Not measured: no customer has answered a survey." in text
    assert "Nobody has bought yet." in text


def test_the_command_names_what_is_missing(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder of no replay and an unknown language are errors with the mend."""
    for words, told in (
        ((str(tmp_path),), "not the folder of a replay; run vigia replay"),
        ((str(run), "--language", "fr"), "--language 'fr': not known; known are en, es"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(("report", *words, "--out", str(tmp_path / "r.html")))
        assert ended.value.code == 2
        assert told in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(("report", str(run), "--out", str(tmp_path / "new" / "r.html"), "--language", "es"))
    assert not ended.value.code
    assert (tmp_path / "new" / "r.html").read_text(encoding="utf-8").startswith('<!doctype html>\n<html lang="es">')

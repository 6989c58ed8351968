"""Pages from templates: the environment, what every page shows, and how amounts, times and codes are said."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import jinja2
from markupsafe import Markup
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from alerts.wording.formats import percent
from alerts.wording.languages import TONGUES, advice, headline, remedy, said, said_of
from scorers.contract.alarms import Alarm
from scorers.contract.inert import inert
from scorers.contract.rfc3339 import parse_instant, rfc3339
from vigia.console.context import Console, console_of, part, who_of
from vigia.console.texts import TEXTS, Words
from vigia.readmodel.amounts import without_cents

MICROS = 1_000_000
LANGUAGES = ("en", "es")
LANGUAGE_COOKIE, NOTE_COOKIE = "vigia_language", "vigia_note"
HOUR, DAY = 3600, 86_400

_environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals.update(part=part)


class View(Struct):
    """What templates ask: texts in the language of the reader, and how things are written in it."""

    language: str
    words: Words
    zone: ZoneInfo
    now: int  # in microseconds

    def __call__(self, text: str, **values: object) -> str:
        """A text of the interface, with its values."""
        said = self.words.texts.get(text, text)
        return said.format(**values) if values else said

    def n(self, number: int) -> str:
        """A number."""
        return f"{number:,}".replace(",", TONGUES[self.language].language.thousands)

    def count(self, number: int, noun: str) -> str:
        """A number with its noun."""
        one, many = self.words.nouns[noun]
        return f"{self.n(number)} {one if number == 1 else many}"

    def money(self, minor: int | None, currency: str | None) -> str:
        """An amount without cents: what is shown are estimates."""
        return without_cents(minor, currency, TONGUES[self.language])

    def span(self, span: str) -> str:
        """A horizon of days, such as `28d`."""
        days = span.removesuffix("d")
        return self.count(int(days), "day") if days.isdigit() else span

    def percent(self, share: float) -> str:
        """A chance."""
        return percent(share, TONGUES[self.language])

    def code(self, code: str | None) -> str:
        """A code in words."""
        return self.words.codes.get(code or "", inert((code or "").replace("_", " ").replace("-", " "), 60))

    def kind(self, kind: str) -> str:
        """A kind of alarm in words."""
        return self.words.kinds.get(kind, inert(kind.replace("-", " "), 60))

    def rule(self, rule: str | None) -> str:
        """A rule of the notifier in words."""
        return self.words.rules.get(rule or "", inert((rule or "").replace("_", " "), 60))

    def at(self, at: int | str | None, what: str = "relative") -> Markup:
        """An instant: relative to read, absolute with its zone on hover and for machines; `what` may be `date` or `both`."""
        if at is None or at == "":
            return Markup("-")
        instant = int(parse_instant(at)) if isinstance(at, str) else at
        local = datetime.fromtimestamp(instant / MICROS, UTC).astimezone(self.zone)
        tongue = TONGUES[self.language]
        day = f"{local.day} {tongue.short_months[local.month - 1]} {local.year}"
        whole = f"{tongue.weekdays[local.weekday()]} {day}, {local:%H:%M} {local:%Z}"
        shown = {"date": day, "both": f"{day}, {local:%H:%M}"}.get(what) or self.ago(instant)
        return Markup('<time datetime="{}" title="{}">{}</time>').format(rfc3339(instant), whole, shown)

    def ago(self, instant: int) -> str:
        """How long before now, or until then."""
        seconds = (self.now - instant) / MICROS
        far = abs(seconds)
        if far < 60:
            return self("now")
        noun, size = ("minute", 60) if far < HOUR else ("hour", HOUR) if far < 2 * DAY else ("day", DAY)
        span = self.count(round(far / size), noun)
        return self("{span} ago", span=span) if seconds > 0 else self("in {span}", span=span)

    def headline(self, alarm: Alarm, name: str = "") -> str:
        """What happened to whom."""
        who = inert(name or alarm.name or alarm.customer_id or alarm.subject.id, 80) or self("no name")
        return headline(alarm, who, self.language)

    def why(self, alarm: Alarm) -> list[str]:
        """The reasons of an alarm."""
        return [said(reason, alarm, self.language) for reason in alarm.reasons]

    def why_on(self, reasons: Any, date: str) -> list[str]:
        """The reasons of an entry of a worklist."""
        return [said_of(reason, date, self.language) for reason in reasons]

    def steps(self, alarm: Alarm) -> tuple[str, ...]:
        """What to do."""
        return advice(alarm, self.language)

    def press(self, answer: str) -> str:
        """What stands on the button of an answer, here and in messages."""
        return TONGUES[self.language].texts[f"button_{answer}"]

    def treatment(self, treatment: str | None) -> str:
        """What a treatment asks for."""
        return TONGUES[self.language].treatments.get(treatment, "") if treatment else ""  # type: ignore[call-overload]

    def settles(self, alarm: Alarm) -> str:
        """What would settle an alarm."""
        if not alarm.counterfactual:
            return ""
        by = "" if alarm.deadline is None else rfc3339(alarm.deadline)[:10]
        return remedy(alarm, by, self.language)

    def skill(self, skill: str | None) -> str:
        """Who does it best."""
        return TONGUES[self.language].skills.get(skill, "") if skill else ""  # type: ignore[call-overload]

    def end(self, outcome: str | None) -> str:
        """How an alarm ended."""
        ends = TONGUES[self.language].ends
        return ends.get(outcome or "", ends[""])


def view_of(request: Request) -> View:
    """The view of a request, in the language that its reader has chosen or whose browser asks for."""
    console = console_of(request)
    language = language_of(request, console)
    return View(language, TEXTS[language], console.zone, console.model.now())


def language_of(request: Request, console: Console) -> str:
    """The language: chosen, else of the browser, else of the configuration, else English."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    for wanted in request.headers.get("accept-language", "").split(","):
        if (short := wanted.strip()[:2].lower()) in LANGUAGES:
            return short
    return console.config.language if console.config.language in LANGUAGES else "en"


class Given(dict[str, str]):
    """The filters of a list; templates find those that are not given empty."""

    def __missing__(self, name: str) -> str:
        return ""


NAVIGATION = (
    ("/", "Worklist", "read"),
    ("/alarms", "Alarms", "read"),
    ("/customers", "Customers", "read"),
    ("/base", "Base", "read"),
    ("/themes", "Themes", "read"),
    ("/stores", "Stores", "read"),
    ("/quality", "Quality", "read"),
    ("/suppressed", "Not sent", "read"),
    ("/model", "Model", "read"),
    ("/policy", "Policy", "read"),
    ("/dead-letters", "Rejected", "read"),
    ("/health", "Health", "read"),
)


async def page(request: Request, template: str, status: int = 200, **context: Any) -> Response:
    """A page: the template within what every page shows."""
    console, who = console_of(request), who_of(request)
    view = view_of(request)
    note = request.cookies.get(NOTE_COOKIE, "")
    shown = {
        "_": view,
        "who": who,
        "csrf": "" if who is None or not who.session else console.access.csrf(who.session),
        "may_act": who is not None and who.may("act") and console.may_act,
        "may_replay": who is not None and who.may("admin") and console.may_act,
        "has_users": console.access.needs_sign_in,
        "path": request.url.path,
        "here": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        "navigation": NAVIGATION,
        "data": freshness(console),
        "note": _unpacked(note) if note else "",
        "is_live": console.model.is_live,
    }
    if "given" in context:
        context["given"] = Given(context["given"])
    answer = HTMLResponse(_environment.get_template(template).render({**shown, **context}), status)
    answer.headers["Cache-Control"] = "private, no-store"
    answer.headers["Vary"] = "Cookie, Accept-Language"
    if note:
        answer.headers.append("set-cookie", f"{NOTE_COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0")
    return answer


def freshness(console: Console) -> Mapping[str, Any]:
    """How old the data are, for the banner and the foot of every page."""
    model = console.model
    at = model.now() if not model.is_live else None if model.fresh_at is None else int(model.fresh_at * MICROS)
    return {
        "is_stale": model.is_stale,
        "was_read": at is not None,
        "at": at,
        "problem": model.problem,
        "waits": console.waits(),
    }


def noted(answer: Response, text: str) -> Response:
    """The answer, after which the next page says this text once."""
    packed = base64.urlsafe_b64encode(text[:600].encode()).decode().rstrip("=")
    answer.headers.append("set-cookie", f"{NOTE_COOKIE}={packed}; Path=/; HttpOnly; SameSite=Lax; Max-Age=60")
    return answer


def _unpacked(note: str) -> str:
    try:
        return inert(base64.urlsafe_b64decode(note + "=" * (-len(note) % 4)).decode(), 600)
    except ValueError:
        return ""


def with_query(path: str, given: Mapping[str, str], **changed: object) -> str:
    """An address with filters, some of them changed; a filter that is empty is left out.

    >>> with_query("/alarms", {"tier": "gold", "page": "3"}, page="", kind="gone-quiet")
    '/alarms?tier=gold&kind=gone-quiet'
    """
    wanted = {name: str(value) for name, value in {**given, **changed}.items() if value not in ("", None)}
    return f"{path}?{urlencode(wanted)}" if wanted else path


_environment.globals.update(with_query=with_query)

"""Templates of messages: a sandboxed Jinja text for each language, checked when it is read.

The first line is the title; every other line is `LABEL | TEXT`, and one without a text is left out. A template gets texts only, each
one inert line, so nothing from outside can add a line, a label or a command. What people must be told is checked by rendering the
template with a mark in each field.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment
from msgspec import Struct

LABEL, ANSWER = "\ue000", "\ue001"
"""Between a label and its text, and before the text of the line that the link belongs to: `inert` leaves neither in a text."""
MUST_SAY = {
    "title": "who it is about and what happened",
    "since": "when it happened",
    "reasons": "why",
    "stake": "why it matters in money",
    "steps": "what to do",
    "until": "by when",
    "customer": "the customer's id",
    "answer": "how to answer",
}
"""The fields without which a message is not sent, and what each says."""
FIELDS = (*MUST_SAY, "who", "name", "store", "skill", "remedy", "kind", "severity", "tier", "change", "by", "over")
LISTS = frozenset({"reasons", "steps"})
MAX_LINES = 100
MAX_BYTES = 20_000
_LABELLED = re.compile(r"^([^{}|\n]{1,60}?)[ \t]*\|[ \t]*", re.MULTILINE)
_ENVIRONMENT = ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined, autoescape=False
)
FOLDER = Path(__file__).parent / "templates"


class BadTemplate(ValueError):
    """A template cannot be used; the message names the line, if one is at fault, and the mend."""


class Line(Struct, frozen=True):
    """A label and its text; a line of a digest has no label. `link` is where the receiver may answer, empty if nowhere."""

    label: str
    text: str
    link: str = ""


class MessageTemplate:
    """The template of a message, ready to use."""

    def __init__(self, text: str) -> None:
        """`BadTemplate` says what is wrong with the text."""
        if len(text.encode()) > MAX_BYTES:
            raise BadTemplate(f"has more than {MAX_BYTES} bytes; say less")
        self._template = _compiled(text)
        _check(self)

    def lines(self, fields: Mapping[str, Any], link: str = "") -> tuple[str, tuple[Line, ...]]:
        """The title and the lines that have a text."""
        shown = {**fields, "answer": f"{ANSWER}{fields['answer']}" if fields["answer"] else ""}
        title, *rest = [line.strip() for line in self._template.render(shown).splitlines() if line.strip()] or [""]
        found = [_line(line, link) for line in rest[:MAX_LINES]]
        return title.replace(LABEL, "").replace(ANSWER, ""), tuple(line for line in found if line.text)


def read_template(path: Path) -> MessageTemplate:
    """The template in a file; `BadTemplate` says what is wrong with it."""
    try:
        return MessageTemplate(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as fault:
        raise BadTemplate(f"{path} cannot be read ({type(fault).__name__}); give a readable UTF-8 file") from None
    except BadTemplate as fault:
        raise BadTemplate(f"{path} {fault}") from None


def shipped(language: str) -> str:
    """The text of the template that ships with Vigía, a start for one's own."""
    return (FOLDER / f"message.{language}.jinja").read_text(encoding="utf-8")


def _line(text: str, link: str) -> Line:
    label, found, rest = text.partition(LABEL)
    shown = (rest if found else label).strip()
    answers = ANSWER in shown
    return Line(label.strip() if found else "", shown.replace(ANSWER, "").strip(" ,"), link if answers else "")


def _compiled(text: str) -> Template:
    try:
        unknown = meta.find_undeclared_variables(_ENVIRONMENT.parse(text)) - set(FIELDS)
        if unknown:
            raise BadTemplate(f"uses {sorted(unknown)[0]!r}, which is no field; there are {', '.join(sorted(FIELDS))}")
        return _ENVIRONMENT.from_string(_LABELLED.sub(lambda found: f"{found[1]}{LABEL}", text))
    except TemplateSyntaxError as fault:
        raise BadTemplate(
            f"line {fault.lineno}: {fault.message}; see the one that 'vigia routes template' prints"
        ) from None


def _check(template: MessageTemplate) -> None:
    """Render the template with a mark in each field, and look for those that must be there."""
    marks: dict[str, Any] = {name: f"mark{number}x" for number, name in enumerate(FIELDS)} | {"over": ""}
    sample = marks | {name: (f"{marks[name]}a", f"{marks[name]}b") for name in LISTS}
    empty = {name: () if name in LISTS else "" for name in FIELDS} | {"title": "x"}
    try:
        title, lines = template.lines(sample, "link")
        _, end = template.lines(sample | {"over": "ended"}, "")
        template.lines(empty)
    except (
        TemplateError,
        TypeError,
        ValueError,
        ArithmeticError,
        LookupError,
        AttributeError,
        RecursionError,
    ) as fault:
        raise BadTemplate(
            f"fails when it is used ({type(fault).__name__}: {fault}); see the one that 'vigia routes template' prints"
        ) from None
    if marks["title"] not in title:
        raise BadTemplate("does not begin with {{ title }}, which says who it is about and what happened")
    told = "\n".join(line.text for line in lines)
    for name, says in MUST_SAY.items():
        if name != "title" and not all(one in told for one in (sample[name] if name in LISTS else (marks[name],))):
            raise BadTemplate(f"does not say {says}; write {{{{ {name} }}}} in a line for alarms that stand")
    if not any(line.link for line in lines):
        raise BadTemplate("does not say how to answer; write {{ answer }} in a line of its own")
    if not any("ended" in line.text for line in end):
        raise BadTemplate("does not say how an alarm ended; write {{ over }} in a line")


SHIPPED: Mapping[str, MessageTemplate] = {language: MessageTemplate(shipped(language)) for language in ("en", "es")}
"""By language, what is used where the routes name no other."""

"""`vigia routes`: show the routes, and try them before there is a real alarm."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import msgspec
import typer
from typer import Argument, Option

from alerts.pipeline.stages import DecisionContext, candidate, decide, explain
from alerts.wording.languages import language_of
from alerts.wording.message import compose
from alerts.wording.templates import SHIPPED, shipped
from scorers.alarms.catalogue import KINDS
from scorers.contract.alarms import SEVERITIES, Alarm, Severity, Skill, Subject, Tier
from scorers.contract.events import Instant
from scorers.contract.inert import inert
from scorers.contract.rfc3339 import rfc3339
from scorers.contract.wire import Rejection, decode_alarm
from scorers.timeline.kinds import severity_for
from vigia.commands.shared import arguments, routing
from vigia.commands.shared.arguments import known
from vigia.commands.shared.options import PolicyFile
from vigia.commands.shared.routing import RoutesFile
from vigia.runtime.distribution import shipped_text
from vigia.runtime.usage_error import UsageError

app = typer.Typer(help="Show and try the routes.", no_args_is_help=True)
EXAMPLE_AT = Instant(1_709_632_800_000_000)  # 2024-03-05T10:00:00Z, a Tuesday


@app.callback()
def _routes() -> None:
    """Show and try the routes."""


@app.command()
def show() -> None:
    """Print the routes that ship with Vigía, with comments: a start for a file of your own."""
    typer.echo(shipped_text(routing.SHIPPED), nl=False)


@app.command()
def template(
    language: Annotated[str, Argument(metavar="LANGUAGE", help="The language of the messages: en or es.")] = "en",
) -> None:
    """Print the template of messages that ships with Vigía: a start for one of your own, named under [messages]."""
    known("LANGUAGE", [language], tuple(SHIPPED))
    typer.echo(shipped(language), nl=False)


@app.command("test")
def try_out(
    alarms: Annotated[
        str | None,
        Argument(metavar="[FILE]", help="Alarms as JSON lines, '-' is standard input; without it, an example is made."),
    ] = None,
    kind: Annotated[str, Option(metavar="KIND", help="The example's kind.")] = "gone-quiet",
    severity: Annotated[
        str | None, Option(metavar="SEVERITY", help="The example's severity; without it, its kind's.")
    ] = None,
    tier: Annotated[str, Option(metavar="TIER", help="The example's tier.")] = "gold",
    skill: Annotated[str | None, Option(metavar="SKILL", help="The skill that the example asks for.")] = None,
    store: Annotated[str | None, Option(metavar="ID", help="The example's store.")] = None,
    owner: Annotated[str | None, Option(metavar="ID", help="Who looks after the example's customer.")] = None,
    locale: Annotated[str | None, Option(metavar="LOCALE", help="The example's locale, such as es-ES.")] = None,
    now: Annotated[
        str | None,
        Option(metavar="TIME", help="When the notifier reads it, with a time zone; without it, the alarm's own time."),
    ] = None,
    routes: RoutesFile = None,
    policy: PolicyFile = None,
    message: Annotated[bool, Option("--message", help="Also show the message as people would get it.")] = False,
    as_json: Annotated[bool, Option("--json", help="A JSON object a line, for other programs.")] = False,
) -> None:
    """Show which route an alarm matches, on which channels and when it would go, or which rule stops it.

    Each alarm of a file is tried as if it were the first: open alarms and earlier notifications are known only to the
    running notifier, whose decisions 'vigia explain' shows.
    """
    rules = arguments.policy(policy)
    loaded = routing.routes(routes).under(rules)
    context = DecisionContext(loaded, notify_within=rules.time.notify_within)
    read_at = arguments.instant(now, "--now") if now is not None else None
    whose = {"store_id": store, "owner_id": owner, "locale": locale}
    given = _read(alarms) if alarms is not None else iter([_example(kind, severity, tier, skill, read_at, **whose)])
    for alarm in given:
        at = read_at if read_at is not None else alarm.time
        typer.echo(_json(alarm, at, context) if as_json else "\n  ".join(map(_line, explain(alarm, at, context))))
        if message and not as_json:
            language = language_of([alarm])
            told = compose(alarm, "", loaded.zone, language, template=loaded.templates.get(language))
            typer.echo(f"{told.title}\n\n{told.plain()}")


def _line(sentence: str) -> str:
    return inert(sentence, 400)


def _json(alarm: Alarm, at: Instant, context: DecisionContext) -> str:
    route = context.routes.match(alarm)
    decisions = [
        {
            "channel": delivery.channel or None,
            "goes": delivery.state == "waiting",
            "rule": delivery.rule,
            "detail": delivery.detail,
            "due": rfc3339(delivery.due) if delivery.state == "waiting" else None,
        }
        for delivery in decide(candidate(alarm, None, at, context))
    ]
    summary: dict[str, Any] = {"alarm_id": alarm.alarm_id, "kind": alarm.kind, "route": route.name if route else None}
    return msgspec.json.encode(summary | {"decisions": decisions}).decode()


def _example(kind: str, severity: str | None, tier: str, skill: str | None, at: Instant | None, **whose: Any) -> Alarm:
    known("--kind", [kind], tuple(KINDS))
    known("--severity", [severity] if severity else None, SEVERITIES)
    known("--tier", [tier], get_args(Tier))
    known("--skill", [skill] if skill else None, get_args(Skill))
    row, when = KINDS[kind], at if at is not None else EXAMPLE_AT
    customer_tier = cast(Tier, tier)
    default = row.severity if row.fixed else severity_for(row.severity, customer_tier)
    return Alarm(
        type="alarm.raised",
        alarm_id="example",
        dedup_key="example",
        subject=Subject(row.about, "example"),
        customer_id="example",
        kind=kind,
        severity=cast(Severity, severity) if severity else default,
        time=when,
        at=when,
        tier=customer_tier,
        treatment=row.treatment,
        skill=cast(Skill, skill) if skill else row.skill,
        **whose,
        policy_version="",
        figures_version="",
        model_version="",
    )


def _read(name: str) -> Iterator[Alarm]:
    content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    whole = decode_alarm(content)
    if isinstance(whole, Alarm):  # one alarm, written over several lines
        yield whole
        return
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        alarm = decode_alarm(line.strip())
        if isinstance(alarm, Rejection):
            shown = "standard input" if name == "-" else name
            raise UsageError(f"{shown}, line {number}: not an alarm: {alarm.code}: {alarm.detail}")
        yield alarm

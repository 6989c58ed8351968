"""`vigia dead-letters`: list rejected records and send them back."""

import base64
import time
from collections.abc import Iterator
from typing import Annotated, Any, get_args

import msgspec
import typer
from typer import Option

from scorers.contract.events import SECOND
from scorers.contract.inert import inert
from scorers.contract.rejection import RejectCode
from scorers.contract.rfc3339 import rfc3339
from vigia.commands.shared import arguments
from vigia.commands.shared.arguments import known
from vigia.commands.shared.kafka import KAFKA, Kafka, Prefix, broker, run_once
from vigia.operations import dead_letters
from vigia.operations.dead_letters import REPLAYABLE, Filter
from vigia.runtime import progress
from vigia.runtime.broker import Broker
from vigia.runtime.dead_letter import Letter
from vigia.runtime.usage_error import UsageError

app = typer.Typer(help="List rejected records and send them back.", no_args_is_help=True)
MILLISECOND = 1_000
SHOWN = 160  # characters of a record in a line

Code = Annotated[list[str] | None, Option(metavar="CODE", help="Only letters with this code; may be repeated.")]
Topic = Annotated[
    list[str] | None, Option(metavar="TOPIC", help="Only letters from this topic, like purchases; may be repeated.")
]
Since = Annotated[
    str | None,
    Option(metavar="WHEN", help="Only letters written since, like 2024-05-06T00:00:00Z, or within a span, like 2d."),
]
Key = Annotated[str | None, Option(metavar="ID", help="Only letters with this key (customer).")]


@app.callback()
def _dead_letters() -> None:
    """List rejected records and send them back."""


@app.command("list")
def show(
    code: Code = None,
    topic: Topic = None,
    since: Since = None,
    key: Key = None,
    again: Annotated[bool, Option("--again", help="Include letters already sent back.")] = False,
    as_json: Annotated[bool, Option("--json", help="One JSON object a line, for programs.")] = False,
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
) -> None:
    """List dead letters, one a line: time, code, place, key, reason and the record."""
    where = broker(kafka, prefix, "dead-letters list")
    wanted = _filter(where, code, topic, since, key, again)
    count = 0

    def one(letter: Letter, sent_back: bool) -> None:
        nonlocal count
        count += 1
        typer.echo(_json(letter, sent_back) if as_json else line(letter, sent_back))

    run_once(dead_letters.find(where, wanted, one), kafka)
    typer.echo(f"{count:,} dead letters", err=True)


@app.command()
def replay(
    code: Code = None,
    topic: Topic = None,
    since: Since = None,
    key: Key = None,
    again: Annotated[bool, Option("--again", help="Include letters already sent back.")] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Print how many would be sent to which topic.")] = False,
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
) -> None:
    """Send dead letters back to their topics, unchanged. Duplicates count once, so a repetition is harmless.

    Useful after an upgrade or a corrected policy; a record that is rejected again becomes a new dead letter. Exit
    status: 0 all sent, 1 some could not be sent, 3 Kafka did not acknowledge.
    """
    where = broker(kafka, prefix, "dead-letters replay")
    wanted = _filter(where, code, topic, since, key, again)
    found: list[Letter] = []
    left: list[dead_letters.NotSent] = []

    async def work() -> None:
        await dead_letters.find(where, wanted, lambda letter, _: found.append(letter))
        if dry_run:
            return
        with progress.of_steps("Sending back", len(found)) as advance:
            _, some = await dead_letters.send_back(where, found, advance)
            left.extend(some)

    run_once(work(), kafka)
    gone = {one.letter.origin for one in left}
    for name in sorted({letter.topic for letter in found}):
        count = sum(letter.topic == name and letter.origin not in gone for letter in found)
        typer.echo(f"{count:,} {'would be sent' if dry_run else 'records'} -> {inert(name, 120)}")
    if not found:
        typer.echo("no dead letters to send back", err=True)
    for one in left:
        typer.echo(f"{place(one.letter)}: not sent: {inert(one.why)}", err=True)
    if left:
        raise typer.Exit(1)


def line(letter: Letter, sent_back: bool = False) -> str:
    """Format the letter in one line without control characters."""
    when = rfc3339(letter.written // 1000 * SECOND)  # to the second
    whose = "no key" if letter.key is None else f"key {inert(_text(letter.key), 60)}"
    mark = "  sent back" if sent_back else ""
    said = "null" if letter.value is None else inert(_text(letter.value[: SHOWN * 8]), SHOWN)
    return f"{when}  {inert(letter.code, 20):14}  {place(letter)}  {whose}{mark}: {inert(letter.detail, 240)}  | {said}"


def place(letter: Letter) -> str:
    """Format the topic, partition and offset of the rejected record."""
    return f"{inert(letter.topic, 120)}/{letter.partition}@{letter.offset}"


def _json(letter: Letter, sent_back: bool) -> str:
    fields: dict[str, Any] = {
        "written": rfc3339(letter.written * MILLISECOND),
        "code": letter.code,
        "detail": letter.detail,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "sent_back": sent_back,
        **dict(_bytes("key", letter.key)),
        **dict(_bytes("value", letter.value)),
    }
    return msgspec.json.encode(fields).decode()


def _bytes(name: str, raw: bytes | None) -> Iterator[tuple[str, str | None]]:
    """Yield the bytes as base64, and as text if they are UTF-8."""
    yield f"{name}_base64", None if raw is None else base64.b64encode(raw).decode()
    try:
        yield name, None if raw is None else raw.decode()
    except UnicodeDecodeError:
        yield name, None


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _filter(
    where: Broker, codes: list[str] | None, topics: list[str] | None, since: str | None, key: str | None, again: bool
) -> Filter:
    known("--code", codes, get_args(RejectCode))
    for name in topics or ():
        if where.prefix and name.startswith(where.prefix):
            raise UsageError(f"--topic {name!r}: write it without the prefix, {name.removeprefix(where.prefix)!r}")
    known("--topic", topics, REPLAYABLE)
    return Filter(
        codes=frozenset(codes) if codes else None,
        topics=frozenset(where.prefix + name for name in topics) if topics else None,
        since=_milliseconds(since) if since is not None else None,
        key=key.encode() if key is not None else None,
        again=again,
    )


def _milliseconds(since: str) -> int:
    if since[-1:].isalpha() and not since.endswith("Z"):
        return time.time_ns() // 1_000_000 - arguments.span(since, "--since") // MILLISECOND
    return arguments.instant(since, "--since") // MILLISECOND

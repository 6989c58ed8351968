"""`vigia privacy`: what is held of one customer."""

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from redis.exceptions import RedisError
from typer import Argument, Option

from alerts.wording.formats import day_and_time
from scorers.contract.events import Instant
from scorers.contract.inert import inert
from scorers.policy.tables import Policy
from streams.worker.table_reader import customers
from vigia.commands.shared.kafka import KAFKA, Kafka, Prefix, broker, run_once
from vigia.operations.privacy import (
    Finding,
    OnTopics,
    Trace,
    in_files,
    in_redis,
    in_stores,
    in_tables,
    is_overdue,
    on_topics,
)
from vigia.readmodel import redis_address
from vigia.readmodel.redis_address import RedisAddress
from vigia.runtime import settings
from vigia.runtime.privacy.keyed_hash import FILE as KEY_FILE
from vigia.runtime.privacy.keyed_hash import known_hash
from vigia.runtime.usage_error import UsageError

app = typer.Typer(help="Find or export what is held of one customer.", no_args_is_help=True)

CustomerId = Annotated[str, Argument(metavar="ID", help="The customer's id.")]
Folder = Annotated[
    Path | None, Argument(metavar="DIR", help="The folder of a 'vigia replay'; the running system is read if left out.")
]
Dir = Annotated[Path | None, Option("--dir", metavar="DIR", help="The same as the argument DIR.")]
State = Annotated[
    Path | None, Option("--state", metavar="DIR", help="The state folder of a worker on this machine (VIGIA_STATE).")
]
RedisUrl = Annotated[
    str, Option("--redis", metavar="URL", envvar="VIGIA_REDIS", help="The Redis of the cards and of the console.")
]


class Export(msgspec.Struct, omit_defaults=True):
    """All that is held of a customer."""

    customer_id: str
    at: str
    state: list[dict[str, Any]] = msgspec.field(default_factory=list)
    records: list[dict[str, Any]] = msgspec.field(default_factory=list)
    mentions: list[str] = msgspec.field(default_factory=list)


@app.command()
def check(
    customer_id: CustomerId,
    run: Folder = None,
    folder: Dir = None,
    logs: Annotated[Path | None, Option("--logs", metavar="DIR", help="A folder of logs to search.")] = None,
    strict: Annotated[
        bool, Option("--strict", help="Count what topics still hold within its time limit as found.")
    ] = False,
    state: State = None,
    redis: RedisUrl = "",
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
) -> None:
    """Search for a customer's id: state, the console's read model, topics, changelog, Redis and logs, or a replay's folder.

    Lists the places and exits with 1; exits with 0 if nothing is found. After an erasure topics keep older records for a time that
    docs/security.md states: such a place is listed with the date by which it is empty, and counts from then on, or with --strict.
    Lessons have a keyed hash of the id, and are found where VIGIA_PRIVACY_KEY is set or the state folder holds its key.
    """
    run = run or folder
    trace = _trace(customer_id, state) if run is None else Trace(customer_id)
    found: list[Finding] = []
    erased = 0
    if run is None:
        where, address = broker(kafka, prefix, "privacy check"), redis_address.read(os.environ, redis)

        async def work() -> None:
            nonlocal erased
            held = await on_topics(where, trace)
            erased = held.erased
            found.extend(held.findings())
            if address is not None:
                found.extend(await asyncio.to_thread(_in_redis, address, prefix, trace))

        run_once(work(), kafka)
    found.extend(_in_folders(trace, run, logs, state, erased))
    for one in found:
        limit = f"; gone by {day_and_time(Instant(one.gone_by * 1000))}" if one.gone_by else ""
        typer.echo(f"{inert(one.place)}: {one.times}, the first at {inert(one.first)}{limit}")
    if any(strict or is_overdue(one) for one in found):
        raise typer.Exit(1)
    typer.echo("nothing is found" if not found else "nothing else is found", err=True)


@app.command()
def export(
    customer_id: CustomerId,
    run: Folder = None,
    folder: Dir = None,
    out: Annotated[
        Path | None, Option("--out", metavar="FILE", help="Write to this file; else to the console.")
    ] = None,
    state: State = None,
    kafka: Kafka = KAFKA,
    prefix: Prefix = "",
) -> None:
    """Export all that is held of a customer as one JSON object, for a request for access.

    `state` is what Vigía makes of the customer, `records` are the facts, alarms and notifications as they are stored, and `mentions`
    are places where records of others name the customer.
    """
    now, run = Instant(time.time_ns() // 1000), run or folder
    trace = _trace(customer_id, state) if run is None else Trace(customer_id)
    held = Export(customer_id, day_and_time(now))
    if run is not None:
        _export_files(held, run, trace)
    else:
        where, rows_in = broker(kafka, prefix, "privacy export"), _state(state)
        rows = customers(rows_in, Policy(), now) if rows_in.is_dir() else iter(())
        held.state = [row for row in rows if row["customer_id"] == customer_id]

        async def work() -> None:
            _export_records(held, await on_topics(where, trace), trace)

        run_once(work(), kafka)
    data = msgspec.json.format(msgspec.json.encode(held), indent=2) + b"\n"
    if out is None:
        typer.echo(data.decode(), nl=False)
    else:
        with open(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(data)


def _trace(customer_id: str, state: Path | None) -> Trace:
    """What stands for the customer: the id, and in lessons its keyed hash, if the key is known here."""
    hashes = known_hash(settings.read(os.environ).privacy_key, _state(state))
    if hashes is None:
        typer.echo(
            f"lessons are not searched: they name customers by a keyed hash, and there is no key here; set VIGIA_PRIVACY_KEY, or "
            f"the folder that holds {KEY_FILE} (--state)",
            err=True,
        )
    return Trace(customer_id, hashes)


def _state(given: Path | None) -> Path:
    return given if given is not None else settings.read(os.environ).state


def _in_folders(
    trace: Trace, run: Path | None, logs: Path | None, state: Path | None, erased: int
) -> Iterator[Finding]:
    for folder in (run, logs, state):
        if folder is not None and not folder.is_dir():
            raise UsageError(f"{folder}: no such folder")
    if run is not None:
        yield from in_files(run, trace)
    elif (folder := _state(state)).is_dir():
        yield from in_stores(folder, trace)
        yield from in_tables(folder, trace)
        yield from in_files(folder, trace, erased)
    if logs is not None:
        yield from in_files(logs, trace)


def _in_redis(address: RedisAddress, prefix: str, trace: Trace) -> list[Finding]:
    try:
        return list(in_redis(address, prefix, trace))
    except (TimeoutError, RedisError, OSError, ValueError) as fault:
        raise UsageError(f"Redis cannot be read ({type(fault).__name__}): correct VIGIA_REDIS (or --redis)") from None


def _export_files(held: Export, run: Path, trace: Trace) -> None:
    for name in ("customers.jsonl", "alarms.jsonl", "worklist.jsonl", "losses.jsonl", "rejected.jsonl"):
        path = run / name
        for number, line in enumerate(path.read_bytes().splitlines() if path.is_file() else (), 1):
            if trace.is_in(line):
                content = _content(line)
                if name == "customers.jsonl" and isinstance(content, dict):
                    held.state.append(content)
                else:
                    held.records.append({"file": name, "line": number, "value": content})


def _export_records(held: Export, topics: OnTopics, trace: Trace) -> None:
    for topic, records in topics.records.items():
        for record in records:
            place = {"topic": topic, "partition": record.partition, "offset": record.offset}
            content = _content(record.value or b"null")
            if not _is_own(record, content, trace):
                held.mentions.append(f"{topic}, partition {record.partition}, offset {record.offset}")
            elif content is not None:
                held.records.append(
                    {**place, "written": day_and_time(Instant(record.timestamp * 1000)), "value": content}
                )


def _is_own(record: Any, content: Any, trace: Trace) -> bool:
    """Whether a record is about the customer, and not about somebody else who named the customer."""
    owner = content.get("customer_id") if isinstance(content, dict) else None
    return owner in trace.names or (owner is None and (record.key or b"") == trace.key)


def _content(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {"bytes": len(data)}

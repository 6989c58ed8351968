"""Options, exit statuses and logging of the commands that use Kafka."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any, NoReturn

import typer
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError
from typer import Option

from vigia.commands.shared.logs import log_lines
from vigia.runtime.broker import Broker, read
from vigia.runtime.rights.table import RIGHTS
from vigia.runtime.topics import TopicsWrong
from vigia.runtime.usage_error import UsageError

KAFKA = "127.0.0.1:9092"
EXIT_UNAVAILABLE = 3  # exit status: Kafka did not answer or acknowledge; a later try may work
MISSING_RIGHTS = {TopicAuthorizationFailedError: "the topic", GroupAuthorizationFailedError: "the group"}

Kafka = Annotated[
    str, Option(metavar="HOST:PORT", envvar="VIGIA_KAFKA", help="Address of Kafka; several are separated by commas.")
]
Prefix = Annotated[
    str, Option(metavar="TEXT", envvar="VIGIA_PREFIX", help="Prefix of the name of every topic and group.")
]
MetricsPort = Annotated[
    int, Option(metavar="PORT", min=0, max=65535, help="Port of metrics and health; 0 picks a free one.")
]
Host = Annotated[
    str,
    Option(
        metavar="ADDRESS", envvar="VIGIA_HOST", help="Address to listen on; 0.0.0.0 is every address, for containers."
    ),
]


def broker(kafka: str, prefix: str, who: str = "") -> Broker:
    """Return the broker at an address, with the credentials of the environment.

    `who` is the process or command in the table of rights: it may name no other topics and groups. Empty is all.
    """
    if not all(
        part.strip().rpartition(":")[0] and part.rpartition(":")[2].strip().isdigit() for part in kafka.split(",")
    ):
        raise UsageError(f"--kafka {kafka!r}: write host and port, like {KAFKA}")
    found = read(os.environ, kafka, prefix)
    return found.limited_to(RIGHTS[who].names) if who else found


def run_until_stopped(serve: Callable[[asyncio.Event], Awaitable[None]], kafka: str) -> None:
    """Run until SIGTERM or Ctrl-C, then let the work finish."""

    async def run() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, stop.set)
        await serve(stop)

    log_lines(os.environ)
    run_once(run(), kafka)


def run_once(work: Coroutine[Any, Any, None], kafka: str) -> None:
    """Run the work to its end; an error of Kafka becomes one line with the fix, and an exit status."""
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())  # commands that log nothing print that line only
    try:
        asyncio.run(work)
    except* KafkaError as faults:
        fault = faults.exceptions[0]
        while isinstance(fault, BaseExceptionGroup):
            fault = fault.exceptions[0]
        exit_unavailable(kafka, fault)
    except* TopicsWrong as wrong:
        print(f"vigia: {wrong.exceptions[0]}", file=sys.stderr)  # noqa: T201
        raise typer.Exit(2) from None


def _describe(fault: BaseException) -> str:
    """Describe an error of Kafka, or one that it has caused; a missing right names its topic or group."""
    for one in (fault, fault.__cause__):
        for kind, what in MISSING_RIGHTS.items():
            if isinstance(one, kind):
                name = one.args[0] if one.args else ""
                return f"no right to {what} {name}: docs/operations.md lists the rights of each process"
    return str(fault)


def exit_unavailable(kafka: str, fault: BaseException) -> NoReturn:
    """Exit because Kafka failed: print why it refuses a connection, or else the error."""
    why = asyncio.run(broker(kafka, "").refused()) or _describe(fault)
    print(f"vigia: Kafka at {kafka}: {why}", file=sys.stderr)  # noqa: T201
    raise typer.Exit(EXIT_UNAVAILABLE) from None

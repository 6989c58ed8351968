"""What commands share that talk to Kafka: where it is, how they end, and what they log."""

import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any, NoReturn

import typer
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError
from typer import Option

from vigia.runtime.broker import Broker, read
from vigia.runtime.topics import TopicsWrong
from vigia.runtime.usage_error import UsageError

KAFKA = "127.0.0.1:9092"
EXIT_UNAVAILABLE = 3  # exit status: Kafka did not do its part; the same again later may work
REPEAT_AFTER = 60.0  # seconds in which the same warning of a library is not repeated
MISSING_RIGHTS = {TopicAuthorizationFailedError: "the topic", GroupAuthorizationFailedError: "the group"}

Kafka = Annotated[
    str, Option(metavar="HOST:PORT", envvar="VIGIA_KAFKA", help="Where Kafka is; several with commas between.")
]
Prefix = Annotated[str, Option(metavar="TEXT", envvar="VIGIA_PREFIX", help="Stands before every topic and group.")]
MetricsPort = Annotated[
    int, Option(metavar="PORT", min=0, max=65535, help="Where metrics and health are told; 0 takes a free port.")
]
Host = Annotated[
    str, Option(metavar="ADDRESS", envvar="VIGIA_HOST", help="Where to listen; 0.0.0.0 is everywhere, for containers.")
]


def broker(kafka: str, prefix: str) -> Broker:
    """The Kafka that was named, spoken to as the environment tells."""
    if not all(
        part.strip().rpartition(":")[0] and part.rpartition(":")[2].strip().isdigit() for part in kafka.split(",")
    ):
        raise UsageError(f"--kafka {kafka!r}: write host and port, like {KAFKA}")
    return read(os.environ, kafka, prefix)


def run_until_stopped(serve: Callable[[asyncio.Event], Awaitable[None]], kafka: str) -> None:
    """Serve until SIGTERM or Ctrl-C, then end in good order."""

    async def run() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, stop.set)
        await serve(stop)

    log_lines()
    run_once(run(), kafka)


def run_once(work: Coroutine[Any, Any, None], kafka: str) -> None:
    """Do the work; a Kafka that fails it is said in one line, with the mend, and by the exit status."""
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())  # where nothing is logged, that line is all
    try:
        asyncio.run(work)
    except* KafkaError as faults:
        fault = faults.exceptions[0]
        while isinstance(fault, BaseExceptionGroup):
            fault = fault.exceptions[0]
        exit_unavailable(kafka, _said(fault))
    except* TopicsWrong as wrong:
        print(f"vigia: {wrong.exceptions[0]}", file=sys.stderr)  # noqa: T201
        raise typer.Exit(2) from None


def _said(fault: BaseException) -> str:
    """What a fault of Kafka is about; a right that is lacking is named by what it is a right to."""
    for kind, what in MISSING_RIGHTS.items():
        if isinstance(fault, kind):
            return f"no right to {what} {fault.args[0] if fault.args else ''}: docs/operations.md says who needs which"
    return str(fault)


def exit_unavailable(kafka: str, fault: str) -> NoReturn:
    """End as Kafka did not do its part: what it says to a greeting, or else the fault."""
    why = asyncio.run(broker(kafka, "").refused()) or fault
    print(f"vigia: Kafka at {kafka}: {why}", file=sys.stderr)  # noqa: T201
    raise typer.Exit(EXIT_UNAVAILABLE) from None


def log_lines() -> None:
    """Log to the error stream, a line each; what a library repeats is said once a minute."""
    out = logging.StreamHandler()
    out.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    out.addFilter(_RateLimit())
    logging.basicConfig(level=logging.INFO, handlers=[out])
    logging.getLogger("aiokafka").setLevel(logging.WARNING)


class _RateLimit(logging.Filter):
    """Lets a library's line through once in a while; ours always."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        if not record.name.startswith(("aiokafka", "aiohttp", "redis")):
            return True
        now, said = time.monotonic(), self._said.get(record.name)
        if said is not None and now - said < REPEAT_AFTER:
            return False
        self._said[record.name] = now
        return True

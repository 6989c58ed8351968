"""What processes log: readable lines for people, JSON for machines; libraries say only what needs attention."""

import logging
import time
from collections.abc import Mapping
from typing import Any

import structlog

from vigia.runtime.usage_error import UsageError

REPEAT_AFTER = 60.0  # seconds before a library may log again
FORMS = ("lines", "json")
QUIET = ("aiokafka", "faust", "mode")  # libraries whose progress is no news


def log_lines(environment: Mapping[str, str]) -> None:
    """Log to standard error: one line each, or one JSON object a line with VIGIA_LOG=json.

    Repeated lines of a library come at most once a minute.
    """
    form = environment.get("VIGIA_LOG", "").strip().lower() or FORMS[0]
    if form not in FORMS:
        raise UsageError(f"VIGIA_LOG={form!r}: not known; known are {', '.join(FORMS)}")
    out = logging.StreamHandler()
    out.setFormatter(_json() if form == "json" else _Lines("%(asctime)s %(levelname)s %(name)s %(message)s"))
    out.addFilter(_RateLimit())
    logging.basicConfig(level=logging.INFO, handlers=[out])
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


class _Lines(logging.Formatter):
    """Lines for people. Each second is written once: doing so for each line costs as much as the line."""

    _second, _written = -1, ""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # the name of the base
        """The local time with milliseconds."""
        second = int(record.created)
        if second != self._second:
            self._second, self._written = second, time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        return f"{self._written},{int(record.msecs):03}"


def _json() -> logging.Formatter:
    """Time, level, logger, event, and the traceback of a fault, each under its name."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(sort_keys=True, ensure_ascii=False),
        ],
    )


class _RateLimit(logging.Filter):
    """Limits the lines of libraries; those of Vigía always pass."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line is written."""
        if not record.name.startswith(("aiokafka", "aiohttp", "redis")):
            return True
        now, last = time.monotonic(), self._last.get(record.name)
        if last is not None and now - last < REPEAT_AFTER:
            return False
        self._last[record.name] = now
        return True

"""A line in the log for each request. Requests are many, so its record is made without looking for who called."""

import logging
import time

LOGGER = logging.getLogger("vigia.access")
_FORM = "token=%s POST %s %d events=%d duplicates=%d bytes=%d ms=%.0f"
_COMMON = logging.LogRecord(LOGGER.name, logging.INFO, __file__, 0, _FORM, (), None).__dict__


def log_request(token: str, path: str, status: int, events: int, duplicates: int, size: int, seconds: float) -> None:
    """Log what became of a request; no id, no token and no text of it."""
    if not LOGGER.isEnabledFor(logging.INFO):
        return
    now = time.time()
    record = logging.LogRecord.__new__(logging.LogRecord)
    record.__dict__.update(_COMMON)
    record.args = (token, path, status, events, duplicates, size, seconds * 1000)
    record.created, record.msecs = now, float(int((now - int(now)) * 1000))
    LOGGER.handle(record)

"""What processes log: lines for people, JSON for machines, and nothing of the progress of libraries."""

import json
import subprocess
import sys

import pytest

from tests.support.paths import ROOT
from vigia.commands.shared.logs import log_lines
from vigia.runtime.usage_error import UsageError

SCRIPT = """
import logging, os
from vigia.commands.shared.logs import log_lines
log_lines(os.environ)
logging.getLogger("vigia.part").info("begins with %d rows", 3)
logging.getLogger("faust.tables").info("recovery: a table of forty lines")
logging.getLogger("mode.timers").info("woke up too late")
logging.getLogger("aiokafka").warning("no answer")
logging.getLogger("aiokafka").warning("no answer")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("vigia.part").exception("failed \u00e9")
"""


def logged(form: str) -> list[str]:
    """What a process with this setting logs."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env={"VIGIA_LOG": form, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
    )
    return done.stderr.decode().splitlines()


def test_json_is_one_object_a_line() -> None:
    """With time, level, logger and event, and the traceback of a fault inside."""
    first, second, third = (json.loads(line) for line in logged("json"))
    assert first.keys() == {"timestamp", "level", "logger", "event"}
    assert (first["level"], first["logger"], first["event"]) == ("info", "vigia.part", "begins with 3 rows")
    assert (second["level"], second["event"]) == ("warning", "no answer"), "once a minute"
    assert third["event"] == "failed \u00e9"
    assert "ZeroDivisionError" in third["exception"]


def test_lines_are_for_people() -> None:
    """Libraries say what needs attention only."""
    lines = logged("lines")
    assert lines[0].endswith("INFO vigia.part begins with 3 rows")
    assert lines[1].endswith("WARNING aiokafka no answer")
    assert not [line for line in lines if "faust" in line or "mode" in line]


def test_another_form_is_refused() -> None:
    """With the forms that there are."""
    with pytest.raises(UsageError, match="VIGIA_LOG='xml': not known; known are lines, json"):
        log_lines({"VIGIA_LOG": "xml"})

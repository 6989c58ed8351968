"""A Prometheus Alertmanager of a test's own, from Debian's package; where there is none the test is skipped, and says so."""

import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vigia.lab.local_kafka import free_port

PROGRAM = os.environ.get("VIGIA_ALERTMANAGER") or shutil.which("prometheus-alertmanager") or ""
needs_alertmanager = pytest.mark.skipif(
    not PROGRAM, reason="no Alertmanager: apt-get install prometheus-alertmanager, or set VIGIA_ALERTMANAGER"
)
CONFIG = "route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n"
PATIENCE = 60.0  # seconds until it has to answer


@contextmanager
def an_alertmanager(folder: Path, port: int = 0) -> Iterator[str]:
    """One that is ready; its address. What it has noted in the folder is gone when the folder is another."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "alertmanager.yml").write_text(CONFIG)
    address = f"127.0.0.1:{port or free_port()}"
    command = [
        PROGRAM,
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            until = time.monotonic() + PATIENCE
            while not _is_ready(address):
                if process.poll() is not None or time.monotonic() > until:
                    pytest.fail(f"Alertmanager did not start: {(folder / 'log').read_text()[-2000:]}")
                time.sleep(0.05)
            yield f"http://{address}"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)


def _is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/-/ready", timeout=10) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False

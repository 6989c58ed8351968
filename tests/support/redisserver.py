"""A redis-server of a test's own, which keeps nothing on disk; in the CI it must be there."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from vigia.lab.local_kafka import free_port

MEND = "redis-server is not on the PATH: apt install redis-server"


class Server:
    """One that is started with these options, and again with all forgotten."""

    def __init__(self, directory: Path, *options: str, tls: bool = False) -> None:
        if shutil.which("redis-server") is None:
            if os.environ.get("CI"):
                pytest.fail(MEND)
            pytest.skip(MEND)
        self.port = free_port()
        self.url = f"redis{'s' if tls else ''}://127.0.0.1:{self.port}/0"
        self.listens = ["--port", "0", "--tls-port"] if tls else ["--port"]
        self.directory = directory
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it answers."""
        at = [*self.listens, str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.directory)]
        self.process = subprocess.Popen(["redis-server", *at, *self.options], stdout=subprocess.DEVNULL)
        while self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.02)
        pytest.fail("redis-server ended at once")

    def stop(self) -> None:
        """Gone, with all that it knew."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

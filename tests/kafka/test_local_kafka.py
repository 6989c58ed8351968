"""`make kafka`: it ends what it has started, and names a port that is taken."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from vigia.lab.local_kafka import KafkaUnavailable, LocalKafka, free_port

COMMAND = [sys.executable, "-m", "vigia.lab.local_kafka"]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


@pytest.mark.kafka
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_the_node_ends_with_the_command(tmp_path: Path, sign: signal.Signals) -> None:
    """However it is asked to, its Java is gone when it has ended."""
    port = free_port()
    with subprocess.Popen([*COMMAND, str(port)], cwd=tmp_path, env=environment(), stdout=subprocess.PIPE) as run:
        assert run.stdout
        assert b"listens on" in run.stdout.readline()
        assert listens(port)
        run.send_signal(sign)
        assert run.wait(timeout=60) == 0
    deadline = time.monotonic() + 10
    while listens(port):
        assert time.monotonic() < deadline, "its Java still runs"
        time.sleep(0.1)


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    """Before anything is started: the other program would answer in the node's place."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(KafkaUnavailable, match=f"port {port} is taken: .* make kafka ARGS={port + 1}"):
            LocalKafka(tmp_path, port).start()

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
    deadline = time.monotonic() + 60
    while listens(port):
        assert time.monotonic() < deadline, "its Java still runs"
        time.sleep(0.1)


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    """Before anything is started: the other program would answer in the node's place."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(KafkaUnavailable, match=f"port {port} is taken: .* make kafka ARGS={port + 1}"):
            LocalKafka(tmp_path, port).start()


SLOW = """#!/bin/sh
echo begins >> {log}; sleep 0.5; echo ends >> {log}; exit 1
"""


def test_two_that_need_the_jars_fetch_them_one_after_the_other(tmp_path: Path) -> None:
    """Else one checks the jars that the other is writing; seen where two files of tests began with an empty cache."""
    log, maven = tmp_path / "log", tmp_path / "bin" / "mvn"
    maven.parent.mkdir()
    maven.write_text(SLOW.format(log=log))
    maven.chmod(0o755)
    here = environment() | {"XDG_CACHE_HOME": str(tmp_path), "PATH": f"{maven.parent}:{os.environ['PATH']}"}
    fetch = [sys.executable, "-c", "from vigia.lab.local_kafka import jars; jars()"]
    both = [subprocess.Popen(fetch, env=here, stderr=subprocess.DEVNULL) for _ in range(2)]
    assert [one.wait(timeout=60) for one in both] == [1, 1]
    assert log.read_text().split() == ["begins", "ends"] * 2

"""Run a real Apache Kafka without Docker: one node from Maven's jars.

`python -m vigia.lab.local_kafka` runs one in the foreground (`make kafka`); tests start and kill their own. Needs Java,
Maven and two files of deploy/kafka.
"""

import fcntl
import hashlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

VERSION = "4.1.0"
SETTINGS = Path(__file__).resolve().parents[2] / "deploy" / "kafka"
JARS = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "vigia" / f"kafka-{VERSION}"
HEAP = "-Xmx512m"
PORTS = (20_000, 32_000)  # Linux gives clients ports from 32768 on


class KafkaUnavailable(RuntimeError):
    """Apache Kafka cannot run here; the message says what is missing and how to fix it."""


def require(program: str, fix: str) -> str:
    """Return the path of a program, or raise an error with the fix."""
    path = shutil.which(program)
    if path is None:
        raise KafkaUnavailable(f"{program} is not on the PATH: {fix}")
    return path


def jars() -> Path:
    """Return the directory of Kafka's jars, downloading them with Maven the first time; only one process downloads."""
    if not (JARS / "complete").exists():
        JARS.parent.mkdir(parents=True, exist_ok=True)
        with (JARS.parent / f"{JARS.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # of two that copy, one would check the jars that the other is writing
            if not (JARS / "complete").exists():
                _fetch()
    return JARS


def _fetch() -> None:
    pom = SETTINGS / "pom.xml"
    if not pom.exists():
        raise KafkaUnavailable(f"{pom} is missing: run from a checkout of Vigía, or use docker compose up")
    maven = require("mvn", "install Maven 3.8 or newer (apt install maven), or use docker compose up")
    fetch = [maven, "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={JARS}"]
    done = subprocess.run([*fetch, "-DincludeScope=runtime"], capture_output=True, text=True)  # noqa: S603
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-5:])
        raise KafkaUnavailable(f"Maven could not fetch the jars of Kafka {VERSION} ({pom}):\n{tail}")
    if wrong := changed_jars(JARS, (SETTINGS / "jars.sha256").read_text()):
        raise KafkaUnavailable(
            f"{JARS} has other jars than deploy/kafka/jars.sha256: {', '.join(wrong)}; delete the folder and start again, "
            f"and if they differ again, ask where Maven gets them"
        )
    (JARS / "complete").touch()


def changed_jars(folder: Path, listed: str) -> list[str]:
    """The jars of a folder that are missing, not listed, or not those whose SHA-256 is listed."""
    expected = {name: digest for digest, name in (line.split() for line in listed.splitlines())}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.jar")}
    return sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))


def free_port() -> int:
    """Return a free port of this machine, below those that systems give to clients.

    A client can then not take it before the server has it, or while the server is being started again.
    """
    while True:
        port = random.randrange(*PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def new_cluster_id() -> str:
    """An id for a cluster, as Kafka wants it."""
    return urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


class LocalKafka:
    """One Kafka node: `start()` returns once it accepts connections, `stop()` is clean, `kill()` is not; data is kept.

    `listeners` adds listeners to the plain one: a protocol for each name; `addresses` holds their addresses.
    `properties` are Kafka's own, `users` maps each user to a SCRAM password. Nodes of one cluster have the same `cluster_id` (22
    characters) and name each other's `controller_port` in their property `controller.quorum.voters`; alone a node chooses both.
    As a context manager it runs for the block, and deletes a directory that it created.
    """

    def __init__(
        self,
        directory: Path | None = None,
        port: int | None = None,
        *,
        listeners: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        users: Mapping[str, str] | None = None,
        controller_port: int | None = None,
        cluster_id: str | None = None,
    ) -> None:
        self._controller_port, self._cluster_id = controller_port, cluster_id or new_cluster_id()
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.addresses = {name: f"127.0.0.1:{free_port()}" for name in listeners or ()}
        self._listeners, self._properties, self._users = listeners or {}, properties or {}, users or {}
        self._own_directory = directory is None
        self.directory = directory or Path(tempfile.mkdtemp(prefix="vigia-kafka-"))
        self.log = self.directory / "kafka.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, within: float = 60.0) -> Self:
        """Start the node, with the data of an earlier start, and return once it accepts connections."""
        self._check_port()
        properties = self.directory / "server.properties"
        if not properties.exists():
            self._format(properties)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                self._java("kafka.Kafka", str(properties)), stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + within
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise KafkaUnavailable(f"Kafka did not start on {self.address}; the end of its log:\n{self._tail()}")
            time.sleep(0.1)
        return self

    def stop(self) -> None:
        """Stop the node cleanly."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the node, like a power cut; `start()` starts it again with its data."""
        self._end(signal.SIGKILL)

    def wait(self) -> int:
        """Block until the node ends by itself and return its exit status."""
        assert self._process is not None
        return self._process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()
        if self._own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _java(self, main: str, *arguments: str) -> list[str]:
        java = require("java", "install Java 17 or newer (apt install openjdk-17-jre-headless), or use docker compose")
        return [java, HEAP, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{jars()}/*", main, *arguments]

    def _format(self, properties: Path) -> None:
        controller = self._controller_port or free_port()
        self.directory.mkdir(parents=True, exist_ok=True)
        listeners = [f"PLAINTEXT://127.0.0.1:{self.port}", *(f"{n}://{at}" for n, at in self.addresses.items())]
        protocols = {"CONTROLLER": "PLAINTEXT", "PLAINTEXT": "PLAINTEXT", **self._listeners}
        settings = {
            "listeners": ",".join([*listeners, f"CONTROLLER://127.0.0.1:{controller}"]),
            "advertised.listeners": ",".join(listeners),
            "listener.security.protocol.map": ",".join(f"{name}:{protocols[name]}" for name in protocols),
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "log.dirs": str(self.directory / "data"),
            **self._properties,
        }
        lines = [
            (SETTINGS / "server.properties").read_text(),
            *(f"{key}={value}" for key, value in settings.items()),
            "",
        ]
        properties.write_text("\n".join(lines))
        scram = [
            word
            for user, password in self._users.items()
            for kind in ("SCRAM-SHA-256", "SCRAM-SHA-512")
            for word in ("--add-scram", f"{kind}=[name={user},password={password}]")
        ]
        formatted = subprocess.run(  # noqa: S603
            self._java(
                "kafka.tools.StorageTool", "format", f"--cluster-id={self._cluster_id}", "-c", str(properties), *scram
            ),
            capture_output=True,
            text=True,
        )
        if formatted.returncode != 0:
            properties.unlink()
            raise KafkaUnavailable(f"Kafka could not format {self.directory}:\n{formatted.stdout}{formatted.stderr}")

    def _check_port(self) -> None:
        """Raise `KafkaUnavailable` if another program has the port: it would answer in the node's place."""
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the node does after a restart
            try:
                probe.bind(("127.0.0.1", self.port))
            except OSError:
                raise KafkaUnavailable(
                    f"port {self.port} is taken: another program, perhaps an earlier Kafka, listens on {self.address}; "
                    f"stop it (lsof -i :{self.port} names it), or choose another port: make kafka ARGS={self.port + 1}"
                ) from None

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            try:
                self._process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None

    def _tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


def _interrupt(number: int, frame: object) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    """Run one node on port 9092 (or the first argument) until it is interrupted, and end its Java then."""
    for sign in (signal.SIGTERM, signal.SIGHUP):  # as when the terminal is closed; the node has a session of its own
        signal.signal(sign, _interrupt)
    node = LocalKafka(Path("var/kafka"), int(sys.argv[1]) if len(sys.argv) > 1 else 9092)
    try:
        node.start()
        sys.stdout.write(f"Apache Kafka {VERSION} listens on {node.address}; its data is in {node.directory}\n")
        sys.stdout.flush()
        return node.wait()
    except KeyboardInterrupt:
        return 0
    except KafkaUnavailable as missing:
        sys.stderr.write(f"{missing}\n")
        return 2
    finally:
        node.stop()


if __name__ == "__main__":
    sys.exit(main())

"""Workers as processes of their own: started, killed, stopped, wiped and waited for, each with a log and a directory.

It knows nothing of Kafka: what is started is a command line, and what a worker is for is its caller's.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 300.0  # seconds for what workers that are killed meanwhile have to come to, on a machine that has much to do
CHECKOUT = Path(__file__).resolve().parents[2]


class Processes:
    """The workers of a test by name; `exits` are the statuses of those that have ended, in their order."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.exits: list[int] = []
        self._mortal: set[str] = set()
        self._begins: dict[str, int] = {}

    @property
    def kills(self) -> int:
        """How many have died of a SIGKILL, whoever sent it."""
        return self.exits.count(-signal.SIGKILL)

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start one; what it says is added to the log of its name."""
        assert name not in self.running, f"{name} runs already"
        with (self.directory / f"{name}.log").open("ab") as log:
            self._begins[name] = log.tell()
            self.running[name] = subprocess.Popen(
                command, cwd=CHECKOUT, env={**os.environ, **environment}, stdout=log, stderr=log
            )

    def kill(self, name: str) -> None:
        """Kill one as `kill -9` does."""
        worker = self.running.pop(name)
        worker.kill()
        self.exits.append(worker.wait())

    def signal(self, name: str, what: signal.Signals) -> None:
        """Send one a signal."""
        self.running[name].send_signal(what)

    async def stop(self, name: str, within: float = 60) -> int:
        """Ask one to stop and return its exit status."""
        self.running[name].terminate()
        return await self.died(name, within)

    async def died(self, name: str, within: float = 90) -> int:
        """Wait until one has ended by itself and return its exit status."""
        worker = self.running.pop(name)  # who supervises it is not to start it again
        try:
            status = await asyncio.to_thread(worker.wait, within)
        except subprocess.TimeoutExpired:
            self.running[name] = worker
            raise AssertionError(f"{name} has not ended after {within} s:\n{self.tail(name)}") from None
        self.exits.append(status)
        return status

    def wipe(self, name: str) -> None:
        """Lose the disk of one."""
        shutil.rmtree(self.directory / name, ignore_errors=True)

    def kill_all(self) -> None:
        for name in list(self.running):
            self.kill(name)

    @contextmanager
    def may_die(self, name: str) -> Iterator[None]:
        """Inside this block the end of one fails nothing."""
        self._mortal.add(name)
        try:
            yield
        finally:
            self._mortal.discard(name)

    @contextmanager
    def supervised(self, name: str, again: Callable[[str], None]) -> Iterator[list[int]]:
        """Inside this block one that ends is started again; the statuses it ended with."""
        ended: list[int] = []
        over = threading.Event()

        def supervise() -> None:
            while not over.wait(0.3):
                worker = self.running.get(name)  # none while a test is killing it
                if worker is not None and (status := worker.poll()) is not None and not over.is_set():
                    ended.append(status)
                    del self.running[name]
                    again(name)

        supervisor = threading.Thread(target=supervise, daemon=True)
        with self.may_die(name):
            supervisor.start()
            try:
                yield ended
            finally:
                over.set()
                supervisor.join()

    def check(self) -> None:
        """Fail if one has ended by itself that may not."""
        for name, worker in self.running.items():
            if name not in self._mortal:
                assert worker.poll() is None, f"worker {name} ended with {worker.poll()}:\n{self.tail(name)}"

    def said(self, name: str) -> str:
        """What one has logged since it was started last."""
        return (self.directory / f"{name}.log").read_bytes()[self._begins[name] :].decode(errors="replace")

    def tail(self, name: str) -> str:
        """The end of a log."""
        return "\n".join((self.directory / f"{name}.log").read_text(errors="replace").splitlines()[-40:])

    def tails(self) -> str:
        """The ends of the logs of all that run."""
        return "\n".join(f"--- {name}\n{self.tail(name)}" for name in self.running)

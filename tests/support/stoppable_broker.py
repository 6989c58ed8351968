"""An embedded broker in a process of its own, which can fall silent and go on: its connections stay open meanwhile."""

import signal
import subprocess
import sys
from typing import Self

SERVE = """
import sys
from vigia.lab.embedded_kafka import EmbeddedKafka
from vigia.runtime.broker import INPUTS
with EmbeddedKafka() as broker:
    broker.create(*INPUTS)
    print(broker.address, flush=True)
    sys.stdin.read()
"""


class StoppableBroker:
    """A broker with the input topics at `address`, inside its block."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()
        assert self.address, "the broker did not start"
        return self

    def fall_silent(self) -> None:
        """Answer nothing from now on."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Answer again, also what was asked meanwhile."""
        self._process.send_signal(signal.SIGCONT)

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

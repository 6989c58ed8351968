"""How long the gateway takes to say that it is well, while it is attacked and before: `python -m tests.bench.health`.

The gateway is a process of its own before an embedded broker, with its own limits but for the number of connections. The attacks are
bodies of 4 MiB that cost the most work, heads that come byte by byte, and three times as many connections as there may be.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.support.attack import Ports, ask, gateway, probed
from vigia.lab.embedded_kafka import EmbeddedKafka
from vigia.runtime.broker import INPUTS

TIMES = 300


def line(what: str, seconds: list[float]) -> str:
    """Median, 99th percentile and longest, in milliseconds."""
    ordered = sorted(seconds)
    shown = [ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100], ordered[-1]]
    return f"| {what} | {len(ordered)} | {' | '.join(f'{1000 * one:.0f}' for one in shown)} |\n"


def main() -> None:
    """Print a table."""
    with tempfile.TemporaryDirectory() as directory, EmbeddedKafka() as kafka:
        kafka.create(*INPUTS)
        with gateway(kafka.address, Path(directory)) as ports:
            calm = [ask(port, TIMES) for port in ports]
            found = asyncio.run(probed(ports, TIMES))
    sys.stdout.write("| /healthz | answers | p50, ms | p99, ms | longest, ms |\n|---|---|---|---|---|\n")
    for number, name in enumerate(Ports._fields):
        sys.stdout.write(line(f"port of the {name}, calm", calm[number]))
        sys.stdout.write(line(f"port of the {name}, attacked", found.answers[ports[number]]))
    sys.stdout.write(f"meanwhile: {dict(found.attacks)}\n")


if __name__ == "__main__":
    main()

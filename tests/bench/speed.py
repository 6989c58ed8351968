"""What is measured of a process: how fast it was, what it cost, and what it holds in memory."""

import os
import time
from pathlib import Path
from typing import NamedTuple

TICKS = os.sysconf("SC_CLK_TCK")


class Speed(NamedTuple):
    """Events a second, and microseconds of processor time an event."""

    rate: float
    cost: float


def since(events: int, clock: float, processor: float) -> Speed:
    """How fast this process has been since these readings of `perf_counter` and `process_time`."""
    return Speed(events / (time.perf_counter() - clock), (time.process_time() - processor) / events * 1e6)


class Memory(NamedTuple):
    """Resident memory of a process in MiB: now, and at most since it started."""

    now: float
    peak: float


def processor_time(pid: int) -> float:
    """Seconds of processor time that a process has used, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(pid: int) -> Memory:
    """The resident memory of a process."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return Memory(*(int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM")))


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table as the documents have it.

    >>> print(table(["what", "us"], [["decode", "5.1"]]), end="")
    | what   |  us |
    |--------|----:|
    | decode | 5.1 |
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]

    def line(cells: list[str]) -> str:
        first, *rest = zip(cells, widths, strict=True)
        told = [f"{first[0]:<{first[1]}}", *(f"{cell:>{width}}" for cell, width in rest)]
        return f"| {' | '.join(told)} |\n"

    first, *rest = widths
    rule = "|".join([f"{'-' * (first + 2)}", *(f"{'-' * (width + 1)}:" for width in rest)])
    return f"{line(head)}|{rule}|\n{''.join(map(line, rows))}"

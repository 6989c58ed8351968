"""What is said of a metric, and how a process makes it from that.

No process creates a metric in another way (tests/test_metrics_table.py), so docs/metrics.md, which is generated from these
definitions, names all of them.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

Type = Literal["counter", "gauge", "histogram"]
Process = Literal["worker", "trainer", "clock", "notifier", "gateway", "board", "console", "every"]
"""Who exposes it: `board` is the gateway where it keeps customer cards in Redis, `every` is each process."""
Sum = Literal["sum", "max", "min"]
"""How the values of several processes of one kind are put together."""


class Definition(NamedTuple):
    """A metric. The name of a counter is without the suffix `_total` of its exposed series."""

    name: str
    process: Process
    type: Type
    labels: tuple[str, ...]
    unit: str
    rules: tuple[str, ...]
    meaning: str
    together: Sum = "sum"

    @property
    def exposed(self) -> str:
        """The name of its series, of a histogram without the suffixes.

        >>> defined("worker", "counter", ("vigia_events", "topic type", "events", "L7", "Events folded."))[0].exposed
        'vigia_events_total'
        """
        return f"{self.name}_total" if self.type == "counter" else self.name

    def series(self) -> Iterator[str]:
        """The names of all its series."""
        if self.type == "histogram":
            yield from (f"{self.name}_{suffix}" for suffix in ("bucket", "count", "sum"))
        else:
            yield self.exposed


Row = tuple[str, str, str, str, str]
"""Name, labels, unit, ids of rules (each separated by blanks), and meaning."""


def defined(process: Process, type: Type, *rows: Row, together: Sum = "sum") -> tuple[Definition, ...]:
    """The definitions of some metrics of one process and type."""
    return tuple(
        Definition(name, process, type, tuple(labels.split()), unit, tuple(rules.split()), meaning, together)
        for name, labels, unit, rules, meaning in rows
    )

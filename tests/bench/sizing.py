"""How much it takes for how many customers and events: `python -m tests.bench.sizing [CUSTOMERS EVENTS_A_SECOND]...`.

Everything here is computed: the constants below were measured (docs/performance.md says when, where and how), the rest is
multiplication. A worker is one process, which has the work of one core. Measure on your own machines with `make bench`
before you buy any: the processor is what differs.
"""

import sys
from math import ceil
from typing import NamedTuple

from tests.bench.speed import table

# Measured by `python -m tests.bench.scale`.
EVENT_US = 1_700  # microseconds of processor time an event, of a million customers alike: the dearest case
ROWS_PER_EVENT = 1.0  # rows written to changelog and store, where nobody has two events in a flush
DAY_US = 24  # microseconds a customer takes in a day in which nothing happens: reviews and other deadlines
ROWS_PER_DAY = 0.1  # rows written for a customer in such a day
ROW_BYTES = 2_400  # of a row, with key, fence and Kafka's own
DISK_BYTES = 2_500  # of a customer in a worker's store, deflated
RECOVERED = 16_000  # rows from the changelog to an empty disk, for each second of processor time
OPENED = 46_000  # rows that a worker reads when it starts on a disk it left, likewise
FIXED_MIB = 680  # of a worker: the program, RocksDB's buffers, and the customers it keeps decoded
CUSTOMER_BYTES = 290  # of each customer: RocksDB's caches, what was bought lately, and when the next deadline falls due

# Chosen.
LOAD = 0.5  # of a core, at the peak: latency is told for it
MOST = 1_000_000  # customers of a worker: what was measured, and what comes back within a minute or two
EACH = 2  # partitions of a worker, at least: when one is lost the others share its part
COPIES = 3  # of each topic
DIRTY = 2.0  # changelog to live rows: Kafka compacts when half of it is out of date
DAY = 86_400


class Size(NamedTuple):
    """What so many customers and events take."""

    workers: int
    partitions: int
    memory: float  # MiB of a worker
    store: float  # GiB of a worker's disk
    changelog: float  # GiB on the brokers, all copies
    written: float  # MiB a second to the changelog, before copies
    recovery: float  # seconds until a worker with an empty disk is back
    restart: float  # seconds on the disk it left


def size(customers: int, events: float) -> Size:
    """What customers take whose events come at so many a second at the peak.

    >>> size(100_000, 50).workers
    1
    """
    cores = (events * EVENT_US + customers * DAY_US / DAY) / 1e6
    workers = max(ceil(cores / LOAD), ceil(customers / MOST))
    each = customers / workers
    return Size(
        workers=workers,
        partitions=max(8, 1 << (workers * EACH - 1).bit_length()),
        memory=FIXED_MIB + each * CUSTOMER_BYTES / (1 << 20),
        store=2 * each * DISK_BYTES / (1 << 30),
        changelog=customers * ROW_BYTES * DIRTY * COPIES / (1 << 30),
        written=(events * ROWS_PER_EVENT + customers * ROWS_PER_DAY / DAY) * ROW_BYTES / (1 << 20),
        recovery=each / RECOVERED,
        restart=each / OPENED,
    )


ASKED = ((100_000, 50.0), (1_000_000, 500.0), (10_000_000, 5_000.0), (100_000_000, 50_000.0))
HEAD = ["customers", "events/s", "workers", "partitions", "MiB a worker", "disk a worker, GiB"]
HEAD += ["changelog, GiB", "written, MiB/s", "recovery, s", "restart, s"]


def sizes(asked: tuple[tuple[int, float], ...] = ASKED) -> str:
    """The table."""
    rows = []
    for customers, events in asked:
        s = size(customers, events)
        told = [f"{customers:,}", f"{events:,.0f}", f"{s.workers:,}", f"{s.partitions:,}", f"{s.memory:,.0f}"]
        told += [
            f"{s.store:,.1f}",
            f"{s.changelog:,.0f}",
            f"{s.written:,.1f}",
            f"{s.recovery:,.0f}",
            f"{s.restart:,.0f}",
        ]
        rows.append(told)
    return table(HEAD, rows)


def main() -> None:
    numbers = [float(number.replace(",", "")) for number in sys.argv[1:]]
    pairs = tuple((int(customers), events) for customers, events in zip(numbers[::2], numbers[1::2], strict=True))
    sys.stdout.write(sizes(pairs or ASKED))


if __name__ == "__main__":
    main()

"""What one event costs in the core, by part, and what a replay and a customer weigh.

Parts are timed by wrapping the core's own functions, with the price of the wrapping itself taken off. All figures come
from one run over simulated events, so read them as shares of each other before reading them as microseconds.
"""

import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scorers import assess, monitor
from scorers.context import Context
from scorers.customer import Ref
from scorers.figures import FigureBook
from scorers.partition import Partition
from scorers.policy import Policy
from scorers.risk import Trainer
from scorers.wire import Rejected, decode
from streams.replay import replay
from streams.simulate import simulate

Row = tuple[str, float, str]


class Stopwatch:
    """Adds up the time inside functions of a module while it wraps them."""

    def __init__(self) -> None:
        self.spent: dict[str, int] = {}
        self._undo: list[tuple[Any, str, Any]] = []
        self.price = self._price()

    def wrap(self, module: Any, name: str, part: str) -> None:
        """Count a function's time towards a part."""
        original = getattr(module, name)
        self._undo.append((module, name, original))
        setattr(module, name, self.timed(original, part))

    def timed(self, original: Callable[..., Any], part: str) -> Callable[..., Any]:
        """The function, its time counted towards a part."""
        spent, clock = self.spent, time.thread_time_ns
        spent.setdefault(part, 0)

        def run(*args: Any) -> Any:
            begin = clock()
            result = original(*args)
            spent[part] += clock() - begin
            return result

        return run

    def _price(self) -> float:
        plain, wrapped = (lambda: None), self.timed(lambda: None, "price")
        begin = time.thread_time_ns()
        for _ in range(50_000):
            plain()
        middle = time.thread_time_ns()
        for _ in range(50_000):
            wrapped()
        end = time.thread_time_ns()
        del self.spent["price"]
        return ((end - middle) - (middle - begin)) / 50_000

    def stop(self) -> None:
        """Put the functions back."""
        for module, name, original in self._undo:
            setattr(module, name, original)


def step(lines: list[bytes]) -> list[Row]:
    """The parts of a step: events alone, deadlines apart."""
    begin = time.thread_time_ns()
    events = [event for line in lines if not isinstance(event := decode(line), Rejected)]
    decoding = (time.thread_time_ns() - begin) / len(lines) / 1000

    policy = Policy()
    partition = Partition(Context(policy), {}, FigureBook(policy), Trainer())
    watch = Stopwatch()
    folds = dict(assess.EVOLVE)
    for kind, fold in folds.items():
        assess.EVOLVE[kind] = watch.timed(fold, "fold")
    for name, part in (("_read_risk", "score"), ("compare", "compare")):
        watch.wrap(assess, name, part)
    watch.wrap(monitor.Monitor, "_settle_base", "base")
    times: list[int] = []
    deadlines = 0
    deadline_time = 0
    parts = dict.fromkeys(("fold", "score", "compare", "base"), 0)
    for event in events:
        at = int(event.time)
        begin = time.thread_time_ns()
        for _ in partition.tick(max(at, partition.clock)):
            deadlines += 1
        deadline_time += time.thread_time_ns() - begin
        before = dict(watch.spent)
        begin = time.thread_time_ns()
        for _ in partition.feed(event, Ref(event.source, event.id)):
            pass
        times.append(time.thread_time_ns() - begin)
        for part in parts:
            parts[part] += watch.spent[part] - before[part]
    watch.stop()
    assess.EVOLVE.update(folds)
    n = len(events)
    price = watch.price / 1000
    split = {part: max(0.0, spent / n / 1000 - price) for part, spent in parts.items()}
    whole = statistics.mean(times) / 1000 - 3 * price
    core = decoding + whole - split["score"]
    sizes = [len(m.encode()) for m in partition.monitors.values()]
    rows: list[Row] = [
        ("decode", decoding, "us an event"),
        ("fold", split["fold"], "us an event"),
        ("judge", whole - sum(split.values()), "us an event"),
        ("compare", split["compare"], "us an event"),
        ("settle the base", split["base"], "us an event"),
        ("decode to compare, without the score", core, "us an event (target: at most 75)"),
        ("score", split["score"], "us an event (target: at most 25)"),
        (
            "a deadline, score included",
            deadline_time / max(deadlines, 1) / 1000,
            f"us each, {deadlines / n:.1f} an event",
        ),
        ("a customer's row, median", float(statistics.median(sizes)), "bytes (target: at most 1,500)"),
        ("a customer's row, 99 of 100", float(statistics.quantiles(sizes, n=100)[98]), "bytes"),
    ]
    return rows


def whole(folder: Path) -> list[Row]:
    """A replay from file to files."""
    begin = time.thread_time()
    summary = replay([str(folder / "events.jsonl")], folder / "out", Policy())
    took = time.thread_time() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        ("replay, events", float(summary.events), f"of {summary.customers} customers, {summary.lessons} lessons"),
        ("replay, rate", summary.events / took, "events a second, questions and reviews included"),
        ("memory of this process, peak", peak, "MiB"),
    ]


def run(events: int = 200_000, seed: int = 1) -> list[Row]:
    """All figures of the core."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        simulate(events // 20, 730, seed, out)
        with (out / "events.jsonl").open("rb") as file:
            lines = file.read().splitlines()
        rows = step(lines[: min(len(lines), 30_000)])
        rows += whole(out)
    return rows

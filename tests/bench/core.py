"""What one event costs in the core, by part, and what a replay and a customer weigh.

Parts are timed by wrapping the core's own functions. All figures come from one run over simulated events, beside
`json.loads` of the same lines: read the ratios first, the microseconds are this machine's.
"""

import json
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scorers.contract.wire import Rejection, decode
from scorers.in_force.context import Context
from scorers.in_force.figures import FigureBook
from scorers.partition.feed_log import FeedLog
from scorers.partition.partition import Partition
from scorers.policy.tables import Policy
from scorers.risk.model import UNTRAINED
from scorers.risk.training import Trainer
from scorers.subjects import customer, reviews
from scorers.subjects.customer import CUSTOMER
from scorers.timeline.facts import Ref
from streams.replay.replay import replay
from vigia.lab.simulate import simulate

Row = tuple[str, float, str]


class Stopwatch:
    """Adds up the time inside functions while it wraps them; the wrapping itself costs a few tenths of a microsecond."""

    def __init__(self) -> None:
        self.spent: dict[str, int] = {}
        self._undo: list[tuple[Any, str, Any]] = []

    def wrap(self, module: Any, name: str, part: str) -> None:
        """Count a function's time towards a part."""
        original = getattr(module, name)
        self._undo.append((module, name, original))
        setattr(module, name, self.timed(original, part))

    def timed(self, original: Callable[..., Any], part: str) -> Callable[..., Any]:
        """The function, its time counted towards a part."""
        spent, clock = self.spent, time.perf_counter_ns
        spent.setdefault(part, 0)

        def run(*args: Any) -> Any:
            begin = clock()
            result = original(*args)
            spent[part] += clock() - begin
            return result

        return run

    def stop(self) -> None:
        """Put the functions back."""
        for module, name, original in self._undo:
            setattr(module, name, original)


PARTS = ("fold", "score", "compare", "instant", "tell")


def once(lines: list[bytes]) -> tuple[dict[str, float], list[int]]:
    """One pass: microseconds an event by part, and the sizes of the rows afterwards."""
    clock = time.perf_counter_ns
    begin = clock()
    for line in lines:
        json.loads(line)
    middle = clock()
    events = [event for line in lines if not isinstance(event := decode(line), Rejection)]
    parsed, decoded = middle - begin, clock() - middle

    policy = Policy()
    partition = Partition(
        Context(policy, UNTRAINED), {}, FigureBook(policy), Trainer(), heard=FeedLog()
    )  # feeds have ticks of their own, as in the worker
    watch = Stopwatch()
    for module, name, part in (
        (customer, "evolve", "fold"),
        (reviews, "read_risk", "score"),
        (customer, "compare", "compare"),
        (CUSTOMER, "advance", "instant"),
        (CUSTOMER, "render", "tell"),
    ):
        watch.wrap(module, name, part)
    took = dict.fromkeys((*PARTS, "step", "deadline"), 0)
    deadlines = 0
    for event in events:
        begin = clock()
        for _ in partition.tick(max(int(event.time), partition.clock)):
            deadlines += 1
        middle, before = clock(), dict(watch.spent)
        for _ in partition.feed(event, Ref(event.source, event.id)):
            pass
        took["step"] += clock() - middle
        took["deadline"] += middle - begin
        for part in PARTS:
            took[part] += watch.spent[part] - before[part]
    watch.stop()
    n = len(events) * 1000
    found = {part: spent / n for part, spent in took.items()}
    found |= {"json.loads": parsed / n, "decode": decoded / n, "deadlines": deadlines / len(events)}
    return found, [len(m.encode()) for m in partition.timelines.values() if m.subject is CUSTOMER]


def step(lines: list[bytes], passes: int = 3) -> list[Row]:
    """The parts of a step, each from the pass in which it was least disturbed: events alone, deadlines apart."""
    runs = [once(lines) for _ in range(passes)]
    least = {part: min(found[part] for found, _ in runs) for part in runs[0][0]}
    sizes = runs[-1][1]
    judge = least["instant"] - least["fold"] - least["score"] - least["compare"]
    core = least["decode"] + least["instant"] - least["score"]
    keep = least["step"] - least["instant"] - least["tell"]
    each = least["deadline"] / max(least["deadlines"], 1e-9)

    def cost(name: str, micros: float, more: str = "") -> Row:
        return (name, micros, f"us an event, {micros / least['json.loads']:.1f} times json.loads{more}")

    return [
        cost("json.loads of the same line", least["json.loads"]),
        cost("decode", least["decode"]),
        cost("fold", least["fold"]),
        cost("judge", judge),
        cost("compare", least["compare"]),
        cost("decode to compare, without the score", core, " (target: 50 us)"),
        cost("score", least["score"], " (target: 25 us)"),
        cost("tell: alarms and state changes", least["tell"]),
        cost("keep: ring, base, heap, figures", keep),
        cost("all of it", least["decode"] + least["step"]),
        ("a deadline, score and lesson included", each, f"us each, {least['deadlines']:.1f} an event"),
        ("a customer's row, median", float(statistics.median(sizes)), "bytes (target: 1,500)"),
        ("a customer's row, 99 of 100", float(statistics.quantiles(sizes, n=100)[98]), "bytes"),
    ]


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
        rows = step(lines[:10_000])
        rows += whole(out)
    return rows

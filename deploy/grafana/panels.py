"""What panels are made of: the queries of a metric, and the usual kinds of panels.

What a query needs to know of a metric (its labels, whether several processes add up, its meaning) comes from the table of metrics.
"""

from typing import NamedTuple

from scorers.contract.currencies import CURRENCIES_BY_DIGITS
from vigia.runtime.metrics.table import METRICS

FILTERS = ("tier", "stage", "store")  # labels that are variables of a dashboard
STEP = "$__rate_interval"


class Panel(NamedTuple):
    """A picture and what it is drawn from: queries as (expression, legend)."""

    title: str
    description: str
    queries: tuple[tuple[str, str], ...]
    unit: str
    kind: str
    width: int
    height: int


def chosen(name: str, more: str = "") -> str:
    """The series of a metric that the variables of the dashboard choose."""
    definition = METRICS[name.removesuffix("_bucket")]
    matches = [f'{label}=~"${label}"' for label in ("job", "instance", *(x for x in FILTERS if x in definition.labels))]
    exposed = name if name.endswith("_bucket") else definition.exposed
    return f"{exposed}{{{', '.join([*matches, more] if more else matches)}}}"


def value(name: str, by: str = "", more: str = "") -> str:
    """A gauge of all processes, by labels."""
    return f"{METRICS[name].together}{f' by ({by})' if by else ''} ({chosen(name, more)})"


def rate(name: str, by: str = "", more: str = "") -> str:
    """What a counter counts in a second, by labels."""
    return f"sum{f' by ({by})' if by else ''} (rate({chosen(name, more)}[{STEP}]))"


def money(name: str, by: str = "currency", more: str = "") -> str:
    """An amount in units of its currency; minor units are hundredths in most currencies."""
    parts = []
    for digits, currencies in CURRENCIES_BY_DIGITS.items():
        which = f'currency=~"{"|".join(currencies)}"'
        part = value(name, by, ", ".join(filter(None, (more, which))))
        parts.append(f"{part} / {10**digits}" if digits else part)
    listed = "|".join(code for currencies in CURRENCIES_BY_DIGITS.values() for code in currencies)
    usual = value(name, by, ", ".join(filter(None, (more, f'currency!~"{listed}"'))))
    return " or ".join([f"{usual} / 100", *parts])


def share(name: str, part: str, by: str = "", of: str = "") -> str:
    """The share of a part in the whole, by labels."""
    return f"{value(name, by, ', '.join(filter(None, (of, part))))} / {value(name, by, of)}"


def of_events(fate: str) -> str:
    """The share of the events that had a fate lately."""
    which = f'fate="{fate}"'
    return f"{rate('vigia_fates', more=which)} / {rate('vigia_fates')}"


def quantile(q: float, name: str, by: str = "") -> str:
    """A quantile of what a histogram counted lately."""
    return f"histogram_quantile({q}, {rate(name + '_bucket', ', '.join(filter(None, ('le', by))))})"


def panel(title: str, *queries: tuple[str, str], say: str = "", of: str = "", unit: str = "short", kind: str = "timeseries",
          width: int = 8, height: int = 8) -> Panel:  # fmt: skip
    """A panel; its description is `say`, or the meaning of the metric `of`."""
    return Panel(title, say or METRICS[of].meaning, queries, unit, kind, width, height)


def by(
    name: str, label: str, title: str, more: str = "", unit: str = "short", kind: str = "timeseries", width: int = 8
) -> Panel:
    """A gauge by one label, or by several."""
    legend = " ".join(f"{{{{{one}}}}}" for one in label.split(", "))
    return panel(title, (value(name, label, more), legend), of=name, unit=unit, kind=kind, width=width)


def counted(name: str, label: str, title: str, more: str = "", unit: str = "ops", width: int = 8) -> Panel:
    """What a counter counts in a second, by labels."""
    legend = " ".join(f"{{{{{one}}}}}" for one in label.split(", "))
    return panel(title, (rate(name, label, more), legend), of=name, unit=unit, width=width)


def number(
    title: str, query: str, of: str = "", say: str = "", unit: str = "short", legend: str = "", width: int = 6
) -> Panel:
    """One number, or one for each label of the legend."""
    return panel(title, (query, legend or title), of=of, say=say, unit=unit, kind="stat", width=width, height=5)


def paid(
    name: str, label: str, title: str, kind: str = "timeseries", width: int = 8, height: int = 8, more: str = ""
) -> Panel:
    """An amount by labels, of which the last one is the currency."""
    legend = " ".join(f"{{{{{one}}}}}" for one in label.split(", "))
    say = METRICS[name].meaning[:-1] + ", in units of the currency."
    return panel(title, (money(name, label, more), legend), say=say, kind=kind, width=width, height=height)


def times(q: str, title: str, unit: str = "s", width: int = 8) -> Panel:
    """Median and 99th percentile of a time."""
    shown = ((quantile(0.5, q), "p50"), (quantile(0.99, q), "p99"))
    return panel(title, *shown, say=f"{METRICS[q].meaning[:-1]}: median and 99th percentile.", unit=unit, width=width)


Rows = tuple[tuple[str, tuple[Panel, ...]], ...]

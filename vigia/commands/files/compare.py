"""`vigia compare`: what another policy changes on the same events: alarms, precision, lead time, work, and the money that is named."""

import csv
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import Struct
from typer import Option

from scorers.alarms.catalogue import KINDS, STATE_CHANGES
from scorers.contract.events import Micros
from scorers.policy.tables import Policy
from vigia.commands.shared import arguments
from vigia.commands.shared.options import Events, Horizon
from vigia.readmodel.alarm_summary import read_alarms
from vigia.readmodel.amounts import without_cents
from vigia.readmodel.run_folder import run_folder
from vigia.report.comparison import KindFigures, Outcome, outcome
from vigia.runtime.files.event_files import checked
from vigia.runtime.usage_error import UsageError

Place = tuple[str, str, str]
"""Kind, and type and id of the subject."""

FOREVER: Micros = 1 << 62


class Episode(Struct):
    """An alarm of one run: its id, when it became true, and when it ended."""

    alarm_id: str
    at: Micros
    end: Micros = FOREVER


Run = dict[Place, list[Episode]]


class Difference(Struct):
    """How many alarms of two runs are in one only, and how many are in both at other instants; by kind."""

    gained: Counter[str]
    lost: Counter[str]
    moved: Counter[str]


def compare(
    events: Events,
    policy: Annotated[
        list[Path],
        Option(
            metavar="FILE", help="Given twice: compare the first with the second; once: compare the defaults with it."
        ),
    ],
    horizon: Horizon = None,
    json: Annotated[bool, Option("--json", help="Print one JSON object.")] = False,
    as_csv: Annotated[bool, Option("--csv", help="Print rows of a spreadsheet, one for each kind and figure.")] = False,
) -> None:
    """Compare two policies on your own events: alarms, how many were right, how early, the work, and the money, by kind.

    Two alarms are the same if they have the subject, the kind and the episode in common: the fact that opened it, or time.
    An alarm that only comes earlier or later has moved. Withdrawn alarms do not count. Right is an alarm whose customer did
    what it warned of; the lead is the median time before the loss; money is the value of lost customers who were named before.
    """
    if json and as_csv:
        raise UsageError("--json, --csv: give one of them")
    if len(policy) > 2:
        raise UsageError("--policy: give it once or twice; only two policies can be compared")
    if "-" in events:
        raise UsageError("'-': the events are read twice, and standard input can be read only once; give files")
    before, after = ([None, *policy] if len(policy) == 1 else policy)[:2]
    both = compared(events, *(arguments.policy(file, horizon) for file in (before, after)))
    show(both, json, as_csv)


def show(both: "Comparison", json: bool, as_csv: bool) -> None:
    """Print a comparison as tables, as one JSON object, or as rows."""
    if json:
        typer.echo(msgspec.json.format(msgspec.json.encode(both)))
    elif as_csv:
        csv.writer(sys.stdout).writerows(rows(both))
    else:
        for line in lines(both):
            typer.echo(line)


def compared(events: list[str], before: Policy, after: Policy) -> "Comparison":
    """What two policies come to on the same events."""
    (old, was), (new, now) = (_run(events, policy) for policy in (before, after))
    changes = difference(old, new)
    return Comparison(was, now, {kind: _moves(changes, kind) for kind in KINDS if kind in {*was.kinds, *now.kinds}})


class Moves(Struct):
    """How many alarms of a kind are in one run only, and how many are in both at other instants."""

    gained: int
    lost: int
    moved: int


class Comparison(Struct):
    """What two runs come to."""

    before: Outcome
    after: Outcome
    moves: dict[str, Moves]


def _moves(changes: "Difference", kind: str) -> Moves:
    return Moves(changes.gained[kind], changes.lost[kind], changes.moved[kind])


def lines(both: Comparison) -> Iterator[str]:
    """The comparison as tables for the console: alarms by kind, how good they were by kind, and the whole."""
    yield f"{'kind':26}{'before':>9}{'after':>9}{'gained':>9}{'lost':>9}{'moved':>9}"
    pairs = {kind: (of(both.before, kind), of(both.after, kind), moves) for kind, moves in both.moves.items()}
    found = {kind: (a.alarms, b.alarms, m.gained, m.lost, m.moved) for kind, (a, b, m) in pairs.items()}
    for kind, counts in found.items():
        if any(counts):
            yield f"{kind:26}" + "".join(f"{n:9,}" for n in counts)
    yield f"{'all':26}" + "".join(f"{sum(column):9,}" for column in zip(*found.values(), strict=True) or [(0,)] * 5)
    yield ""
    yield f"{'':26}{'right':>9}{'':>9}{'lead':>9}{'':>9}   money of the lost whom it named"
    yield f"{'kind':26}" + f"{'before':>9}{'after':>9}" * 2 + "   before, after"
    for kind, (a, b, _) in pairs.items():
        if a.answered or b.answered:
            yield (
                f"{kind:26}{_share(a.precision):>9}{_share(b.precision):>9}{_days(a.lead_days):>9}{_days(b.lead_days):>9}"
                f"   {_money(a.named_minor)}, {_money(b.named_minor)}"
            )
    yield ""
    yield f"{'':42}{'before':>24}{'after':>24}"
    for name, tell in WHOLE:
        yield f"{name:42}{tell(both.before):>24}{tell(both.after):>24}"


def of(found: Outcome, kind: str) -> KindFigures:
    """The figures of a kind; all nothing if the run has none of it."""
    return found.kinds.get(kind) or KindFigures()


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _days(value: float | None) -> str:
    return "-" if value is None else f"{value:g} d"


def _money(money: dict[str, int]) -> str:
    return " + ".join(without_cents(minor, currency) for currency, minor in sorted(money.items())) or "-"


WHOLE: tuple[tuple[str, Callable[[Outcome], str]], ...] = (
    ("policy", lambda o: o.policy_version),
    ("alarms a week", lambda o: f"{o.alarms_a_week:,}"),
    ("matters that people are told of, a week", lambda o: f"{o.matters_a_week:,}"),
    ("funded names on the worklist, a week", lambda o: f"{o.listed_a_week:,}"),
    ("customers lost by silence", lambda o: f"{o.left:,}"),
    ("of them named before", lambda o: f"{o.named:,}"),
    ("days named before (median)", lambda o: _days(o.lead_days)),
    ("value of all who were lost", lambda o: _money(o.lost_minor)),
    ("of it named before", lambda o: _money(o.named_minor)),
)


def rows(both: Comparison) -> Iterator[tuple[object, ...]]:
    """The comparison as rows of a spreadsheet: kind (empty for the whole), figure, before, after."""
    yield "kind", "figure", "before", "after"
    for name in Outcome.__struct_fields__:
        if name != "kinds":
            yield "", name, *(_plain(getattr(one, name)) for one in (both.before, both.after))
    for kind, moves in both.moves.items():
        for name in KindFigures.__struct_fields__:
            yield kind, name, *(_plain(getattr(of(one, kind), name)) for one in (both.before, both.after))
        for name in Moves.__struct_fields__:
            yield kind, name, "", getattr(moves, name)


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return "; ".join(f"{currency} {minor}" for currency, minor in sorted(value.items()))
    return "" if value is None else value


def difference(old: Run, new: Run) -> Difference:
    """Compare the alarms of two runs.

    >>> one, other = {("gone-quiet", "customer", "C1"): [Episode("a", 5)]}, {("gone-quiet", "customer", "C1"): [Episode("a", 7)]}
    >>> difference(one, other)
    Difference(gained=Counter(), lost=Counter(), moved=Counter({'gone-quiet': 1}))
    """
    found = Difference(Counter(), Counter(), Counter())
    for place in old.keys() | new.keys():
        kind, olds, news = place[0], old.get(place, []), new.get(place, [])
        pairs = _paired(olds, news)
        found.lost[kind] += len(olds) - len(pairs)
        found.gained[kind] += len(news) - len(pairs)
        found.moved[kind] += sum(a.at != b.at for a, b in pairs)
    return Difference(+found.gained, +found.lost, +found.moved)


def _paired(olds: list[Episode], news: list[Episode]) -> list[tuple[Episode, Episode]]:
    """The episodes of a subject that are the same: first those with one id, then those that overlap, in order of time."""
    by_id = {one.alarm_id: one for one in news}
    pairs = [(one, by_id.pop(one.alarm_id)) for one in olds if one.alarm_id in by_id]
    paired = {one.alarm_id for one, _ in pairs}
    left = sorted((one for one in olds if one.alarm_id not in paired), key=lambda one: one.at)
    for one in left:
        other = next((b for b in sorted(by_id.values(), key=lambda b: b.at) if b.at < one.end and one.at < b.end), None)
        if other is not None:
            pairs.append((one, by_id.pop(other.alarm_id)))
    return pairs


def _run(events: list[str], rules: Policy) -> tuple[Run, Outcome]:
    """The alarms that were raised and not withdrawn, each with its latest instant; and what the run comes to."""
    found: dict[str, tuple[Place, Episode]] = {}
    with run_folder(checked(events), rules) as folder:
        comes_to = outcome(folder, rules.time.notify_within)
        for alarm in read_alarms(folder):
            if alarm.kind in STATE_CHANGES:
                continue
            if alarm.type == "alarm.withdrawn":
                found.pop(alarm.alarm_id, None)
                continue
            place: Place = (alarm.kind, alarm.subject.type, alarm.subject.id)
            end = int(alarm.time) if alarm.type == "alarm.settled" else FOREVER
            found[alarm.alarm_id] = place, Episode(alarm.alarm_id, int(alarm.at), end)
    run: Run = defaultdict(list)
    for where, episode in found.values():
        run[where].append(episode)
    return run, comes_to
